using System.Text.Json.Nodes;
using Annotator.Model.Evaluation;
using Annotator.Tests.Fixtures;

namespace Annotator.Tests.Model.Evaluation;

public sealed class BradleyTerryTests
{
    private const double Tolerance = 2e-6;

    private static readonly JsonArray Cases = Oracles.Json("agreement/bradley_terry.json")["cases"]!.AsArray();

    [Fact]
    public void A_policy_that_wins_three_of_four_is_ln_3_stronger()
    {
        var fit = BradleyTerry.Fit(["policy 1", "policy 0"], [[0, 30], [10, 0]]);

        var (newer, older) = (fit.Ratings[0], fit.Ratings[1]);
        (newer.LogStrength - older.LogStrength).ShouldBe(Math.Log(3), 1e-9);
        newer.WinProbability(older).ShouldBe(0.75, 1e-9);
        (newer.Elo - older.Elo).ShouldBe(400 * Math.Log10(3), 1e-6);
        newer.Interval.Low.ShouldBeGreaterThan(0);                                                // 30 of 40 is no chance
    }

    [Fact]
    public void Strengths_errors_and_chances_equal_the_oracles()
    {
        var fitted = 0;
        foreach (var expected in Cases.Where(one => one!["mle_exists"]!.GetValue<bool>()))
        {
            var fit = Fit(expected!);
            fit.NoEstimate.ShouldBeNull();
            Near(fit.Ratings.Select(rating => rating.LogStrength), expected!["log_strengths_mean_zero"]!, Tolerance);
            Near(fit.Ratings.Select(rating => rating.StandardError), expected["std_errors_mean_zero"]!, Tolerance);
            Near(fit.Ratings.Select(rating => rating.Elo), expected["elo_scale_mean_zero"]!, 1e-3);
            Near(fit.Ratings.Skip(1).Select(fit.Ratings[0].WinProbability), expected["win_probability_first_vs_others"]!, Tolerance);
            fitted++;
        }
        fitted.ShouldBe(3);
    }

    [Fact]
    public void Where_no_estimate_exists_there_is_a_reason_and_of_whom()
    {
        var none = Cases.Where(one => !one!["mle_exists"]!.GetValue<bool>()).Select(one => Fit(one!)).ToList();

        none.ShouldAllBe(fit => fit.Ratings.Count == 0);
        none.Select(fit => (fit.NoEstimate!.Why, string.Concat(fit.NoEstimate.Group))).ShouldBe(
            [(WhyNoRatings.NeverLost, "C"), (WhyNoRatings.NeverCompared, "AB"), (WhyNoRatings.NeverLost, "AB")]);
    }

    [Fact]
    public void Half_a_win_more_for_everybody_gives_an_estimate_in_every_case()
    {
        var unbeaten = Cases.Single(one => one!["with_half_a_pseudo_win_added_to_every_ordered_pair"] is not null)!;

        var fit = Fit(unbeaten, pseudoWins: 0.5);

        Near(fit.Ratings.Select(rating => rating.LogStrength), unbeaten["with_half_a_pseudo_win_added_to_every_ordered_pair"]!, Tolerance);
    }

    [Fact]
    public void One_player_alone_has_no_ratings_and_a_table_of_another_size_is_refused_in_words()
    {
        BradleyTerry.Fit(["policy 0"], [[0]]).NoEstimate!.Why.ShouldBe(WhyNoRatings.FewerThanTwo);
        Should.Throw<ArgumentException>(() => BradleyTerry.Fit(["a", "b"], [[0, 1]])).Message.ShouldContain("2 × 2");
    }

    private static BradleyTerryFit Fit(JsonNode one, double pseudoWins = 0) => BradleyTerry.Fit(
        [.. one["players"]!.AsArray().Select(name => name!.GetValue<string>())],
        [.. one["wins_row_beats_column"]!.AsArray().Select(row => (IReadOnlyList<double>)[.. row!.AsArray().Select(count => count!.GetValue<double>())])],
        pseudoWins);

    private static void Near(IEnumerable<double> actual, JsonNode expected, double tolerance)
    {
        var (values, others) = (actual.ToList(), expected.AsArray().Select(value => value!.GetValue<double>()).ToList());
        values.Count.ShouldBe(others.Count);
        values.Zip(others, (a, b) => Math.Abs(a - b)).Max().ShouldBeLessThanOrEqualTo(tolerance);
    }
}

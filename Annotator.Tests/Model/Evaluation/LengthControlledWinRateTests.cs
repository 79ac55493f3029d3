using Annotator.Model.Evaluation;

namespace Annotator.Tests.Model.Evaluation;

public sealed class LengthControlledWinRateTests
{
    [Fact]
    public void A_policy_that_wins_only_by_being_longer_has_no_advantage_at_equal_length()
    {
        // Three times of four it is the longer one, and the longer one wins three of four: odds of 3 to 1 either way.
        LengthAndOutcome[] comparisons = [new(40, 1, 45), new(40, 0, 15), new(-40, 1, 5), new(-40, 0, 15)];

        var controlled = LengthControlledWinRate.Of(comparisons);

        (comparisons.Sum(c => c.Wins * c.Count) / 80).ShouldBe(0.625);
        controlled.Rate!.Value.ShouldBe(0.5, 1e-9);
        // Fisher's information: weights 60·3/16 and 20·3/16 at x = ±t, so var θ = (w₊ + w₋) / (4 w₊ w₋) = 15 / (4 · 11.25 · 3.75).
        var half = WinRate.Z95 * Math.Sqrt(15 / (4 * 11.25 * 3.75));
        controlled.Interval!.Value.High.ShouldBe(1 / (1 + Math.Exp(-half)), 1e-9);
        controlled.Interval.Value.Low.ShouldBe(1 / (1 + Math.Exp(half)), 1e-9);
    }

    [Fact]
    public void At_equal_lengths_it_is_the_raw_win_rate_with_ties_as_halves()
    {
        var controlled = LengthControlledWinRate.Of([new(0, 1, 14), new(0, 0, 4), new(0, 0.5, 2)]);

        controlled.Rate!.Value.ShouldBe(0.75, 1e-9);
        var half = WinRate.Z95 / Math.Sqrt(20 * 0.75 * 0.25);
        controlled.Interval!.Value.Low.ShouldBe(1 / (1 + Math.Exp(-Math.Log(3) + half)), 1e-9);
    }

    [Fact]
    public void A_better_policy_that_is_also_longer_keeps_what_is_its_own()
    {
        // σ(1 + 2x) at x = ±t and 0, as counts of a thousand each: the regression must find the 1 again.
        var t = Math.Tanh(30 / Math.Sqrt(600));
        var controlled = LengthControlledWinRate.Of(
        [
            .. new[] { (30, t), (0, 0), (-30, -t) }.SelectMany(at =>
            {
                var wins = (int)Math.Round(100_000 / (1 + Math.Exp(-1 - 2 * at.Item2)));
                return new LengthAndOutcome[] { new(at.Item1, 1, wins), new(at.Item1, 0, 100_000 - wins) };
            }),
        ]);

        controlled.Rate!.Value.ShouldBe(1 / (1 + Math.Exp(-1)), 1e-4);
    }

    [Fact]
    public void Where_no_estimate_exists_there_is_a_reason()
    {
        LengthControlledWinRate.Of([]).NoEstimate.ShouldBe(WhyNoWinRate.NothingCompared);
        LengthControlledWinRate.Of([new(3, 1, 20)]).ShouldSatisfyAllConditions(c => c.Rate.ShouldBeNull(), c => c.NoEstimate.ShouldBe(WhyNoWinRate.OneSided));
        LengthControlledWinRate.Of([new(3, 1, 20), new(-3, 0, 20)]).NoEstimate.ShouldBe(WhyNoWinRate.LengthDecides);
        LengthControlledWinRate.Of([new(3, 1, 20), new(3, 0, 10)]).NoEstimate.ShouldBe(WhyNoWinRate.OneDifference);
    }
}

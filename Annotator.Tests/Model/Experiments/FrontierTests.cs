using Annotator.Model.Evaluation;
using Annotator.Model.Experiments;
using Annotator.Model.Sampling;

namespace Annotator.Tests.Model.Experiments;

public sealed class FrontierTests
{
    [Theory]
    [InlineData(-0.004, true, "+0.00")]
    [InlineData(-0.004, false, "0.00")]
    [InlineData(-0.25, true, "−0.25")]
    [InlineData(0.256, true, "+0.26")]
    public void A_difference_that_rounds_to_zero_has_no_minus(double value, bool withPlus, string text) => FrontierReport.Number(value, withPlus).ShouldBe(text);

    [Fact]
    public void The_reward_at_a_distance_lies_between_the_measurements_around_it()
    {
        FrontierPoint[] run = [Point(0, 0, 0), Point(20, 1, 0.5), Point(40, 3, 1.5), Point(60, 2, 9)];

        FrontierCurve.RewardAt(run, 2).ShouldBe(1);                                               // on the way out, not on the way back
        FrontierCurve.RewardAt(run, 0.5).ShouldBe(0.25);
        FrontierCurve.RewardAt(run, 4).ShouldBeNull();
    }

    [Fact]
    public void A_distance_counts_only_where_every_seed_reached_it()
    {
        var curve = FrontierCurve.Of([Point(0, 0, 0), Point(20, 2, 1), Point(0, 0, 0, seed: 1), Point(20, 1, 2, seed: 1)]).Single();

        curve.RewardsAt(1).ShouldBe([0.5, 2]);
        curve.RewardsAt(1.5).ShouldBeNull();
        var (_, kl, reward) = curve.Means().Last();
        kl.ShouldBe(new Estimate(1.5, 0.5));
        reward.ShouldBe(new Estimate(1.5, 0.5));
    }

    [Fact]
    public void The_best_of_n_is_the_mean_over_every_choice()
    {
        BestOfNPoints.ChancesToBeBest(3, 1).ShouldBe([1 / 3.0, 1 / 3.0, 1 / 3.0], 1e-12);
        BestOfNPoints.ChancesToBeBest(3, 2).ShouldBe([0, 1 / 3.0, 2 / 3.0], 1e-12);
        BestOfNPoints.ChancesToBeBest(3, 3).ShouldBe([0, 0, 1], 1e-12);
    }

    [Fact]
    public void Points_are_read_as_they_were_written()
    {
        var point = new FrontierPoint("dpo-0.1", 2, 40, new(1.25, 0.5), new(-0.75, 0.0625), 0.4375, 22.5, 256, 12.5);
        var file = Path.GetTempFileName();

        FrontierPoint.WriteAll(file, [point]);

        FrontierPoint.ReadAll(file).ShouldBe([point]);
        File.Delete(file);
    }

    [Fact]
    public void Judgments_follow_Bradley_and_Terry()
    {
        var opening = new Opening("A film", [1]);
        ScoredSample[] samples = [new(opening, [2], -1, 0), new(opening, [3], -1, Math.Log(3)), new(opening, [4], -1, -9)];

        var rankings = Enumerable.Range(0, 4000).Select(i => SimulatedPreferences.Ranked(samples, "c", new RandomNumbers(7, i))!.Ranking).ToList();

        rankings.Average(ranking => ranking.Pairs().Contains(new(1, 0)) ? 1.0 : 0).ShouldBe(0.75, 0.03);   // σ(ln 3)
        SimulatedPreferences.Ranked(samples, "c", random: null)!.Ranking.ToString().ShouldBe("[[1],[0],[2]]");
        SimulatedPreferences.Ranked([samples[0], samples[0]], "c", random: null).ShouldBeNull();
    }

    [Fact]
    public void Noise_turns_its_share_of_judgments_round()
    {
        var opening = new Opening("A film", [1]);
        var (worse, better) = (new ScoredSample(opening, [2], -1, 0), new ScoredSample(opening, [3], -1, 1));

        var right = Enumerable.Range(0, 4000).Average(i => SimulatedPreferences.Flipped(worse, better, 0.2, "c", new RandomNumbers(7, i)).Pairs[0].Better == 1 ? 1.0 : 0);

        right.ShouldBe(0.8, 0.03);
    }

    private static FrontierPoint Point(int step, double kl, double reward, int seed = 0) => new("dpo-0.1", seed, step, new(kl, 0.1), new(reward, 0.1), 0.5, 20, 8, 1);
}

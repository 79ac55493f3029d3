using Annotator.Model.Evaluation;
using Annotator.Web.Annotating;

namespace Annotator.Web.Demo;

/// <summary>
/// What a simulated annotator answers: the more positive a review, the better, but now and then the opposite, as people
/// differ too. Pure but for its random numbers.
/// </summary>
public sealed class SimulatedJudge(SentimentScorer scorer, double noise, Random random)
{
    /// <summary>The answer to a comparison of two or more; texts that the scorer values alike are tied.</summary>
    public JudgeRequest Answer(ShownComparison shown, double seconds, int guidelinesVersion)
    {
        ArgumentNullException.ThrowIfNull(shown);
        // From the best tier on, by position.
        var tiers = shown.Sides.GroupBy(position => scorer.Score(shown.Prompt + shown.TextAt(position)))
            .OrderByDescending(tier => tier.Key).Select(tier => (IReadOnlyList<int>)[.. tier.Order()]).ToList();
        if (random.NextDouble() < noise)
        {
            tiers.Reverse();
        }

        return new()
        {
            Comparison = shown,
            Answer = !shown.IsPair ? Annotating.Answer.Ranked : tiers.Count == 1 ? Annotating.Answer.Tie : tiers[0][0] == shown.Sides[0] ? Annotating.Answer.Left : Annotating.Answer.Right,
            Tiers = shown.IsPair ? null : tiers,
            Seconds = seconds,
            GuidelinesVersion = guidelinesVersion,
            RequestId = Guid.NewGuid(),
        };
    }

    /// <summary>Seconds until the answer: around the mean, never much faster than one can read.</summary>
    public double Pace(double mean) => mean * (0.5 + random.NextDouble());
}

namespace Annotator.Model.Training;

/// <summary>
/// A batch's numbers, averaged over its comparisons (in a comparison over its pairs). Rewards are r̂ = β·(log πθ − log πref),
/// log-probabilities sums over completion tokens, in nats.
/// </summary>
public sealed record PreferenceMeasures(
    double Loss,
    double RewardsChosen,
    double RewardsRejected,
    double RewardsAccuracies,
    double LogpsChosen,
    double LogpsRejected)
{
    public double RewardsMargins => RewardsChosen - RewardsRejected;

    /// <summary>The rewards' part of one comparison, without its loss.</summary>
    /// <param name="comparison">With all reference log-probabilities.</param>
    /// <param name="policyLogps">log πθ of its completions.</param>
    /// <param name="beta">β.</param>
    public static PreferenceMeasures Of(TokenComparison comparison, ReadOnlySpan<double> policyLogps, double beta)
    {
        double chosen = 0, rejected = 0, accuracy = 0, logpsChosen = 0, logpsRejected = 0;
        foreach (var (better, worse) in comparison.Pairs)
        {
            var rewardChosen = beta * (policyLogps[better] - comparison.ReferenceLogps[better]!.Value);
            var rewardRejected = beta * (policyLogps[worse] - comparison.ReferenceLogps[worse]!.Value);
            chosen += rewardChosen;
            rejected += rewardRejected;
            accuracy += rewardChosen > rewardRejected ? 1 : 0;
            logpsChosen += policyLogps[better];
            logpsRejected += policyLogps[worse];
        }
        var pairs = comparison.Pairs.Count;
        return new(0, chosen / pairs, rejected / pairs, accuracy / pairs, logpsChosen / pairs, logpsRejected / pairs);
    }

    /// <summary>The mean of parts, each an average over one comparison, with the batch's loss.</summary>
    public static PreferenceMeasures Mean(IReadOnlyCollection<PreferenceMeasures> comparisons, double loss) => new(
        loss,
        comparisons.Average(one => one.RewardsChosen),
        comparisons.Average(one => one.RewardsRejected),
        comparisons.Average(one => one.RewardsAccuracies),
        comparisons.Average(one => one.LogpsChosen),
        comparisons.Average(one => one.LogpsRejected));
}

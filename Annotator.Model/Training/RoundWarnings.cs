namespace Annotator.Model.Training;

/// <summary>What in a round's data makes policies worse though every number looks well.</summary>
public static class RoundWarnings
{
    /// <summary>From here on one side's length is likely to be learned in place of what people meant.</summary>
    private const double LengthRatio = 1.5;

    /// <summary>More cut completions than this, and the policy learns answers without an end.</summary>
    private const double CutShare = 0.1;

    /// <summary>Nats of a whole response: a policy that has gone further has usually found something else than what people meant.</summary>
    public const double KlLimit = 15;

    /// <summary>What fresh samples of the new policy give away: a sentence each.</summary>
    /// <param name="kl">To the reference, in nats.</param>
    /// <param name="standardError">Its own; null where there was one sample.</param>
    /// <param name="length">Tokens of a sample, on average.</param>
    /// <param name="lengthBefore">…before the round.</param>
    public static IEnumerable<string> OfSamples(double kl, double? standardError, double length, double lengthBefore)
    {
        if (kl > KlLimit)
            yield return FormattableString.Invariant($"the policy has moved {kl:F1} ± {2 * (standardError ?? 0):F1} nats of KL away from its reference, more than {KlLimit:F0}: read its samples before you trust it, and raise beta, lower the learning rate or train for fewer steps if they have become strange");
        if (Math.Max(length / lengthBefore, lengthBefore / length) > LengthRatio)
            yield return FormattableString.Invariant($"fresh samples have {length:F0} tokens on average, {lengthBefore:F0} before the round: length may have been learned in place of what people meant");
    }

    /// <summary>A sentence each; none where nothing stands out.</summary>
    public static IEnumerable<string> Of(RoundData data)
    {
        var pairs = data.Train.SelectMany(comparison => comparison.Pairs.Select(pair => (Chosen: comparison.Completions[pair.Better].Length, Rejected: comparison.Completions[pair.Worse].Length))).ToList();
        if (pairs.Count == 0)
            yield break;

        var (chosen, rejected) = (pairs.Average(pair => pair.Chosen), pairs.Average(pair => pair.Rejected));
        if (Math.Max(chosen / rejected, rejected / chosen) > LengthRatio)
            yield return FormattableString.Invariant($"chosen completions have {chosen:F0} tokens on average and rejected ones {rejected:F0}: the policy may learn to write {(chosen > rejected ? "longer" : "shorter")} rather than better");

        var completions = data.Train.Sum(comparison => comparison.Completions.Count);
        if (data.Cut > CutShare * completions)
            yield return $"{data.Cut} of {completions} completions were cut at max_length and have lost their end";
    }
}

namespace Annotator.Model.Training;

/// <summary>What in a round's data makes policies worse though every number looks well.</summary>
public static class RoundWarnings
{
    /// <summary>From here on one side's length is likely to be learned in place of what people meant.</summary>
    private const double LengthRatio = 1.5;

    /// <summary>More cut completions than this, and the policy learns answers without an end.</summary>
    private const double CutShare = 0.1;

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

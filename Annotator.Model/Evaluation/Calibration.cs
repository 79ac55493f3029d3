namespace Annotator.Model.Evaluation;

/// <summary>Whether a Bradley–Terry model's σ(margin) is as often right as it says.</summary>
public static class Calibration
{
    private const int Bins = 10;

    /// <summary>
    /// Expected calibration error (Guo et al. 2017): pairs are put into ten bins of equal width by the confidence
    /// σ(|margin|), from one half to one; the error is the mean distance of a bin's accuracy from its mean
    /// confidence, weighted by its pairs. 0 is perfect.
    /// </summary>
    /// <param name="margins">r(x, y_w) − r(x, y_l) of each pair: above 0 where the model agrees; 0 counts as half right.</param>
    /// <returns>In [0, 1]; NaN without pairs.</returns>
    public static double ExpectedError(IReadOnlyList<double> margins) => margins
        .Select(margin => (Confidence: 1 / (1 + Math.Exp(-Math.Abs(margin))), Right: margin > 0 ? 1 : margin < 0 ? 0 : 0.5))
        .GroupBy(pair => Math.Min(Bins - 1, (int)((pair.Confidence - 0.5) * 2 * Bins)))
        .Select(bin => Math.Abs(bin.Sum(pair => pair.Right) - bin.Sum(pair => pair.Confidence)))
        .Sum() / margins.Count;
}

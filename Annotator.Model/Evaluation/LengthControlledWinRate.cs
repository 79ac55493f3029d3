namespace Annotator.Model.Evaluation;

/// <summary>One way in which comparisons between the same two went, and how often.</summary>
/// <param name="LengthDifference">The first's length less the second's, in whatever unit.</param>
/// <param name="Wins">1 where the first won, 0 where it lost, ½ where they tied.</param>
public readonly record struct LengthAndOutcome(double LengthDifference, double Wins, int Count);

/// <summary>Why comparisons give no win rate at equal lengths.</summary>
public enum WhyNoWinRate
{
    NothingCompared,

    /// <summary>One of the two won every time: its chance has no bound.</summary>
    OneSided,

    /// <summary>All responses differ by the same length: there is nothing to tell length and quality apart by.</summary>
    OneDifference,

    /// <summary>The longer response (or the shorter one) won every time: what length does has no bound.</summary>
    LengthDecides,
}

/// <summary>A win rate with lengths held equal, or why there is none.</summary>
/// <param name="Rate">The first's chance to win where both responses are of the same length; null where no estimate exists.</param>
/// <param name="Interval">95% of confidence; null likewise.</param>
/// <param name="NoEstimate">Why there is none; null where there is one.</param>
public sealed record LengthControlledWinRate(double? Rate, ConfidenceInterval? Interval, WhyNoWinRate? NoEstimate)
{
    private const int MostIterations = 50;

    /// <summary>Beyond it a coefficient is on its way to infinity: e¹⁵ to one.</summary>
    private const double Largest = 15;

    /// <summary>The same, seen from the other side.</summary>
    public LengthControlledWinRate Swapped => new(1 - Rate, Interval is { } interval ? new(1 - interval.High, 1 - interval.Low) : null, NoEstimate);

    /// <summary>
    /// After Dubois et al. (2024), for one pair: the logistic regression P(first wins) = σ(θ + φ·tanh(Δ/sd Δ)), with Δ the
    /// difference of lengths, read at Δ = 0, where it is σ(θ). By Newton's method; a tie is half a win and half a loss.
    /// </summary>
    public static LengthControlledWinRate Of(IReadOnlyCollection<LengthAndOutcome> comparisons)
    {
        double n = comparisons.Sum(one => one.Count);
        if (n == 0)
            return new(null, null, WhyNoWinRate.NothingCompared);
        var wins = comparisons.Sum(one => one.Wins * one.Count);
        if (wins == 0 || wins == n)
            return new(null, null, WhyNoWinRate.OneSided);

        var mean = comparisons.Sum(one => one.LengthDifference * one.Count) / n;
        var deviation = Math.Sqrt(comparisons.Sum(one => Math.Pow(one.LengthDifference - mean, 2) * one.Count) / n);
        if (deviation == 0 && mean != 0)
            return new(null, null, WhyNoWinRate.OneDifference);
        var points = comparisons.Select(one => (X: deviation == 0 ? 0 : Math.Tanh(one.LengthDifference / deviation), one.Wins, one.Count)).ToList();

        double theta = 0, phi = 0, variance = 0;
        for (var iteration = 0; iteration < MostIterations; iteration++)
        {
            double g0 = 0, g1 = 0, h00 = 0, h01 = 0, h11 = 0;
            foreach (var (x, won, count) in points)
            {
                var p = 1 / (1 + Math.Exp(-theta - phi * x));
                var (error, weight) = ((won - p) * count, p * (1 - p) * count);
                (g0, g1, h00, h01, h11) = (g0 + error, g1 + error * x, h00 + weight, h01 + weight * x, h11 + weight * x * x);
            }

            var determinant = h00 * h11 - h01 * h01;
            var flat = determinant <= 1e-12 * h00 * h00;                                          // no lengths differ: θ alone
            variance = flat ? 1 / h00 : h11 / determinant;
            var (stepTheta, stepPhi) = flat ? (g0 / h00, 0) : ((h11 * g0 - h01 * g1) / determinant, (h00 * g1 - h01 * g0) / determinant);
            (theta, phi) = (theta + stepTheta, phi + stepPhi);
            if (!(Math.Abs(theta) < Largest && Math.Abs(phi) < Largest))
                return new(null, null, WhyNoWinRate.LengthDecides);
            if (Math.Abs(stepTheta) + Math.Abs(stepPhi) < 1e-10)
                break;
        }

        var half = WinRate.Z95 * Math.Sqrt(variance);
        return new(Chance(theta), new(Chance(theta - half), Chance(theta + half)), null);

        static double Chance(double logit) => 1 / (1 + Math.Exp(-logit));
    }
}

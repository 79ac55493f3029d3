namespace Annotator.Model.Evaluation;

/// <summary>An interval of confidence.</summary>
public readonly record struct ConfidenceInterval(double Low, double High);

/// <summary>What a number of wins says of the chance to win. Ties are not among the comparisons, or count as half a win each.</summary>
public static class WinRate
{
    /// <summary>The 97.5th percentile of the normal distribution: of two-sided intervals at 95%.</summary>
    public const double Z95 = 1.959963984540054;

    /// <summary>Wilson's score interval (1927), good also for few comparisons and for rates near 0 and 1.</summary>
    /// <param name="wins">0 to <paramref name="count"/>; halves may be among them.</param>
    /// <param name="count">Comparisons, at least 1.</param>
    /// <param name="z">Standard errors to each side.</param>
    /// <exception cref="ArgumentOutOfRangeException">No comparisons, or wins outside their number.</exception>
    public static ConfidenceInterval Wilson(double wins, int count, double z = Z95)
    {
        Check(wins, count);
        double rate = wins / count, squared = z * z / count;
        var centre = (rate + squared / 2) / (1 + squared);
        var half = z / (1 + squared) * Math.Sqrt(rate * (1 - rate) / count + squared / (4 * count));
        return new(wins == 0 ? 0 : centre - half, wins == count ? 1 : centre + half);
    }

    /// <summary>Clopper and Pearson's exact interval (1934): never covers less than 95%.</summary>
    /// <inheritdoc cref="Wilson" />
    public static ConfidenceInterval ClopperPearson(int wins, int count)
    {
        Check(wins, count);
        // Rates at which as many wins, or as few, would have a chance of 2.5%.
        return new(
            wins == 0 ? 0 : Bisect(rate => Probability(wins, count, count, rate) - 0.025),
            wins == count ? 1 : Bisect(rate => 0.025 - Probability(0, wins, count, rate)));
    }

    /// <summary>The two-sided exact test of a fair coin: the chance of an outcome no more probable than this one.</summary>
    /// <inheritdoc cref="Wilson" />
    public static double PValueAgainstHalf(int wins, int count)
    {
        Check(wins, count);
        var fewer = Math.Min(wins, count - wins);
        return Math.Min(1, 2 * Probability(0, fewer, count, 0.5));
    }

    /// <summary>P(from ≤ X ≤ to) of a binomial X, summed term by term in logarithms.</summary>
    private static double Probability(int from, int to, int count, double rate)
    {
        double logChoose = 0, sum = 0;
        for (var k = 0; k <= to; k++)
        {
            if (k > 0)
                logChoose += Math.Log(count - k + 1) - Math.Log(k);
            if (k >= from)
                sum += Math.Exp(logChoose + k * Math.Log(rate) + (count - k) * Math.Log(1 - rate));
        }
        return sum;
    }

    private static double Bisect(Func<double, double> rising)
    {
        double low = 0, high = 1;
        for (var i = 0; i < 60; i++)
        {
            var middle = (low + high) / 2;
            (low, high) = rising(middle) < 0 ? (middle, high) : (low, middle);
        }
        return (low + high) / 2;
    }

    private static void Check(double wins, int count)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        ArgumentOutOfRangeException.ThrowIfNegative(wins);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(wins, count);
    }
}

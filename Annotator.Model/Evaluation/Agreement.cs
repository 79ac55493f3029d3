namespace Annotator.Model.Evaluation;

/// <summary>Krippendorff's two disagreements and what follows from them.</summary>
/// <param name="ObservedDisagreement">D_o: the mean distance of two values of one unit.</param>
/// <param name="ExpectedDisagreement">D_e: the mean distance of two values drawn from all units together.</param>
public readonly record struct Reliability(double ObservedDisagreement, double ExpectedDisagreement)
{
    /// <summary>α = 1 − D_o/D_e: 1 for perfect agreement, 0 for chance. Null where nobody used a second value (0/0).</summary>
    public double? Alpha => ExpectedDisagreement > 0 ? 1 - ObservedDisagreement / ExpectedDisagreement : null;
}

/// <summary>
/// How far annotators agree beyond chance. Each measure is 1 for perfect agreement, 0 for what chance gives and negative
/// for less; null where it is undefined because one value was used throughout, or nothing was rated twice.
/// </summary>
public static class Agreement
{
    /// <summary>Krippendorff's α (2011, "Computing Krippendorff's Alpha-Reliability") for values that are equal or not.</summary>
    /// <param name="units">The values that each unit was given, in any order and number; units with fewer than two say nothing and are left out.</param>
    public static Reliability KrippendorffNominal<T>(IEnumerable<IReadOnlyList<T>> units) where T : notnull =>
        Krippendorff(units, (a, b) => a.Equals(b) ? 0 : 1);

    /// <summary>Krippendorff's α for values on a scale: the distance of two is their squared difference.</summary>
    /// <inheritdoc cref="KrippendorffNominal" />
    public static Reliability KrippendorffInterval(IEnumerable<IReadOnlyList<double>> units) =>
        Krippendorff(units, (a, b) => (a - b) * (a - b));

    /// <summary>Fleiss' κ (1971) for items that the same number of annotators rated.</summary>
    /// <param name="items">Values of each item, n ≥ 2 each.</param>
    /// <exception cref="ArgumentException">The items have different numbers of values, or fewer than two.</exception>
    public static double? Fleiss<T>(IReadOnlyList<IReadOnlyList<T>> items) where T : notnull
    {
        if (items.Count == 0)
            return null;
        var raters = items[0].Count;
        if (raters < 2 || items.Any(item => item.Count != raters))
            throw new ArgumentException("Fleiss' κ needs the same number of values, at least two, for each item. Use Krippendorff's α where some are missing.", nameof(items));

        var observed = items.Average(item => item.GroupBy(value => value).Sum(group => group.Count() * (group.Count() - 1.0)) / (raters * (raters - 1.0)));
        var total = (double)items.Count * raters;
        var expected = items.SelectMany(item => item).GroupBy(value => value).Sum(group => Math.Pow(group.Count() / total, 2));
        return BeyondChance(observed, expected);
    }

    /// <summary>Cohen's κ (1960) of two annotators.</summary>
    /// <param name="pairs">What the first and the second said of the same item.</param>
    public static double? Cohen<T>(IReadOnlyCollection<(T First, T Second)> pairs) where T : notnull
    {
        if (pairs.Count == 0)
            return null;
        double total = pairs.Count;
        var observed = pairs.Count(pair => pair.First.Equals(pair.Second)) / total;
        var second = pairs.CountBy(pair => pair.Second).ToDictionary();
        var expected = pairs.CountBy(pair => pair.First).Sum(value => value.Value / total * (second.GetValueOrDefault(value.Key) / total));
        return BeyondChance(observed, expected);
    }

    private static double? BeyondChance(double observed, double expected) => expected < 1 ? (observed - expected) / (1 - expected) : null;

    private static Reliability Krippendorff<T>(IEnumerable<IReadOnlyList<T>> units, Func<T, T, double> distance) where T : notnull
    {
        var pairable = units.Where(unit => unit.Count >= 2).ToList();
        double n = pairable.Sum(unit => unit.Count);
        if (n == 0)
            return new(0, 0);

        // A unit of m values counts m times, however many pairs it makes.
        var observed = pairable.Sum(unit => Distances(unit.CountBy(value => value)) / (unit.Count - 1)) / n;
        var expected = Distances(pairable.SelectMany(unit => unit).CountBy(value => value)) / (n * (n - 1));
        return new(observed, expected);

        // Over all ordered pairs of values.
        double Distances(IEnumerable<KeyValuePair<T, int>> counts)
        {
            var values = counts.ToList();
            return values.Sum(a => values.Sum(b => (double)a.Value * b.Value * distance(a.Key, b.Key)));
        }
    }
}

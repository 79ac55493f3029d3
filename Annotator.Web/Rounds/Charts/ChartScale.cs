using System.Globalization;

namespace Annotator.Web.Rounds.Charts;

/// <summary>One axis: the values it spans and the round numbers written along it.</summary>
public sealed record ChartScale(double Low, double High, IReadOnlyList<double> Ticks)
{
    /// <summary>After the point; with more, an exponent is easier to read.</summary>
    private const int MostDigits = 6;

    /// <summary>The smallest span with ends on multiples of 1, 2 or 5 × 10ⁿ that holds all values (up to a fiftieth of a step), in about <paramref name="steps"/> steps.</summary>
    public static ChartScale Around(IEnumerable<double> values, int steps = 4)
    {
        var finite = values.Where(double.IsFinite).ToList();
        var (low, high) = finite.Count == 0 ? (0, 1) : (finite.Min(), finite.Max());
        var size = Math.Max(Math.Abs(low), Math.Abs(high));
        if (high - low <= 1e-6 * size)
        {
            // One value has no span of its own, nor have two that differ by a rounding error: give them one on either side.
            var room = size == 0 ? 1 : size * 0.1;
            (low, high) = (low - room, high + room);
        }

        var step = NiceStep((high - low) / steps);
        // A rounding error beyond a tick is not worth another step.
        var (first, last) = (Math.Floor((low / step) + 0.02), Math.Ceiling((high / step) - 0.02));
        return new(first * step, last * step, [.. Enumerable.Range(0, (int)(last - first) + 1).Select(i => (first + i) * step)]);
    }

    /// <summary>From <paramref name="low"/> to <paramref name="high"/> exactly, with ticks at the nice numbers between.</summary>
    /// <param name="whole">Only whole numbers get a tick: the axis counts something.</param>
    public static ChartScale Exactly(double low, double high, int steps = 4, bool whole = false)
    {
        if (high <= low)
        {
            high = low + 1;
        }

        var step = Math.Max(whole ? 1 : 0, NiceStep((high - low) / steps));
        var ticks = new List<double>();
        for (var i = Math.Ceiling((low / step) - 1e-9); i * step <= high + (1e-9 * step); i++)
        {
            ticks.Add(i * step);
        }

        return new(low, high, ticks);
    }

    /// <summary>Equal steps are equal factors.</summary>
    public bool IsLogarithmic { get; private init; }

    /// <summary>Powers of ten around all values above 0, with a tick at each, or at 1, 2 and 5 of each where they are few; null where no value is above 0.</summary>
    public static ChartScale? Logarithmic(IEnumerable<double> values)
    {
        var positive = values.Where(value => double.IsFinite(value) && value > 0).ToList();
        if (positive.Count == 0)
        {
            return null;
        }

        // A rounding error beyond a power of ten is not worth another decade.
        var (first, last) = ((int)Math.Floor(Math.Log10(positive.Min()) + 1e-6), (int)Math.Ceiling(Math.Log10(positive.Max()) - 1e-6));
        last = Math.Max(last, first + 1);
        double[] within = last - first <= 2 ? [1, 2, 5] : [1];
        var every = Math.Max(1, (last - first + 3) / 6);
        var ticks = Enumerable.Range(first, last - first + 1).Where(power => (power - first) % every == 0)
            .SelectMany(power => within.Select(factor => factor * Math.Pow(10, power))).Where(tick => tick <= Math.Pow(10, last) * 1.0001);
        return new(Math.Pow(10, first), Math.Pow(10, last), [.. ticks]) { IsLogarithmic = true };
    }

    /// <summary>Where a value stands between the ends: 0 at <see cref="Low"/>, 1 at <see cref="High"/>; not finite for a value that a logarithmic axis can't have.</summary>
    public double Place(double value) => IsLogarithmic ? Math.Log(value / Low) / Math.Log(High / Low) : (value - Low) / (High - Low);

    /// <summary>A tick as people write it: no more digits than the steps need, a true minus sign.</summary>
    public string Label(double tick)
    {
        if (IsLogarithmic)
        {
            return MetricText.Of(tick);
        }

        var step = Ticks.Count > 1 ? Ticks[1] - Ticks[0] : Math.Abs(tick);
        if (Math.Abs(tick) < step * 1e-6)
        {
            return "0";
        }

        var digits = step <= 0 ? 0 : Math.Max(0, (int)Math.Ceiling(-Math.Log10(step) - 1e-9));
        var text = Math.Abs(tick) switch
        {
            var size when digits > MostDigits => MetricText.Of(size),
            var size and >= 10_000 => (size / 1000).ToString("0.###", CultureInfo.InvariantCulture) + "k",
            var size => size.ToString("F" + digits, CultureInfo.InvariantCulture),
        };
        return tick < 0 ? "−" + text : text;
    }

    /// <summary>The smallest of 1, 2, 5, 10 × 10ⁿ that is not below <paramref name="rough"/>.</summary>
    private static double NiceStep(double rough)
    {
        var power = Math.Pow(10, Math.Floor(Math.Log10(rough)));
        var nice = new[] { 1.0, 2, 5, 10 }.First(n => n * power >= rough * (1 - 1e-9));
        return nice * power;
    }
}

using System.Globalization;

namespace Annotator.Web.Rounds.Charts;

/// <summary>One axis: the values it spans and the round numbers written along it.</summary>
public sealed record ChartScale(double Low, double High, IReadOnlyList<double> Ticks)
{
    /// <summary>The smallest span with ends on multiples of 1, 2 or 5 × 10ⁿ that holds all values (up to a fiftieth of a step), in about <paramref name="steps"/> steps.</summary>
    public static ChartScale Around(IEnumerable<double> values, int steps = 4)
    {
        var finite = values.Where(double.IsFinite).ToList();
        var (low, high) = finite.Count == 0 ? (0, 1) : (finite.Min(), finite.Max());
        if (high - low < 1e-9 * Math.Max(1, Math.Abs(high)))
        {
            // One value has no span of its own: give it one on either side.
            var room = high == 0 ? 1 : Math.Abs(high) * 0.1;
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

    /// <summary>Where a value stands between the ends: 0 at <see cref="Low"/>, 1 at <see cref="High"/>.</summary>
    public double Place(double value) => (value - Low) / (High - Low);

    /// <summary>A tick as people write it: no more digits than the steps need, a true minus sign.</summary>
    public string Label(double tick)
    {
        var step = Ticks.Count > 1 ? Ticks[1] - Ticks[0] : Math.Abs(tick);
        if (Math.Abs(tick) < step * 1e-6)
        {
            return "0";
        }

        var digits = step <= 0 ? 0 : Math.Clamp((int)Math.Ceiling(-Math.Log10(step) - 1e-9), 0, 6);
        var text = Math.Abs(tick) >= 10_000
            ? (Math.Abs(tick) / 1000).ToString("0.###", CultureInfo.InvariantCulture) + "k"
            : Math.Abs(tick).ToString("F" + digits, CultureInfo.InvariantCulture);
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

using System.Globalization;

namespace Annotator.Web.Rounds.Charts;

/// <summary>Measured values as people read them.</summary>
public static class MetricText
{
    /// <summary>Four digits that matter, a true minus sign, no exponent in the usual range: 0.6931, −12.34, 1.2e-6.</summary>
    public static string Of(double? value)
    {
        if (value is not { } number)
        {
            return "–";
        }

        if (!double.IsFinite(number))
        {
            return double.IsNaN(number) ? "not a number" : number > 0 ? "∞" : "−∞";
        }

        var size = Math.Abs(number);
        var text = size switch
        {
            0 => "0",
            < 1e-4 or >= 1e6 => size.ToString("0.##e-0", CultureInfo.InvariantCulture),
            < 10 => size.ToString("0.####", CultureInfo.InvariantCulture),
            < 100 => size.ToString("0.##", CultureInfo.InvariantCulture),
            _ => size.ToString("0.#", CultureInfo.InvariantCulture),
        };
        return number < 0 && text != "0" ? "−" + text : text;
    }

    /// <summary>A share as a whole percentage: 0.675 → 68%.</summary>
    public static string Share(double? value) =>
        value is { } share ? (Math.Round(100 * share, MidpointRounding.AwayFromZero) + 0.0).ToString("0", CultureInfo.InvariantCulture) + "%" : "–";

    /// <summary>A length of time: 48 s, 3 min 5 s, 2 h 10 min.</summary>
    public static string Duration(TimeSpan time) => time switch
    {
        { TotalSeconds: < 60 } => string.Create(CultureInfo.InvariantCulture, $"{Math.Max(0, time.TotalSeconds):0} s"),
        { TotalMinutes: < 60 } => $"{time.Minutes} min {time.Seconds} s",
        _ => $"{(int)time.TotalHours} h {time.Minutes} min",
    };
}

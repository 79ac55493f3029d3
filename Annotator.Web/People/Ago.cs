using System.Globalization;

namespace Annotator.Web.People;

/// <summary>A time as people say it: "12 minutes ago". No time zone needed.</summary>
public static class Ago
{
    /// <param name="then">UTC; null = "never".</param>
    /// <param name="now">UTC.</param>
    public static string Of(DateTime? then, DateTime now) => (now - then) switch
    {
        null => "never",
        { TotalMinutes: < 1 } => "just now",
        { TotalHours: < 1 } span => Count(span.TotalMinutes, "minute"),
        { TotalDays: < 1 } span => Count(span.TotalHours, "hour"),
        { TotalDays: < 30 } span => Count(span.TotalDays, "day"),
        _ => then!.Value.ToString("d MMMM yyyy", CultureInfo.InvariantCulture),
    };

    private static string Count(double amount, string unit) =>
        string.Create(CultureInfo.InvariantCulture, $"{(int)amount} {unit}{((int)amount == 1 ? "" : "s")} ago");
}

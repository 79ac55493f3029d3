using System.Globalization;
using Annotator.Web.Languages;
using Microsoft.Extensions.Localization;

namespace Annotator.Web.People;

/// <summary>A time as people say it: "12 minutes ago". No time zone needed.</summary>
public static class Ages
{
    /// <param name="then">UTC; null = "never".</param>
    /// <param name="now">UTC.</param>
    public static string Ago(this IStringLocalizer<Words> words, DateTime? then, DateTime now)
    {
        ArgumentNullException.ThrowIfNull(words);
        return (now - then) switch
        {
            null => words["never"],
            { TotalMinutes: < 1 } => words["just now"],
            { TotalMinutes: < 2 } => words["1 minute ago"],
            { TotalHours: < 1 } span => words["{0} minutes ago", (int)span.TotalMinutes],
            { TotalHours: < 2 } => words["1 hour ago"],
            { TotalDays: < 1 } span => words["{0} hours ago", (int)span.TotalHours],
            { TotalDays: < 2 } => words["1 day ago"],
            { TotalDays: < 30 } span => words["{0} days ago", (int)span.TotalDays],
            _ => then!.Value.ToString(words["d MMMM yyyy"], CultureInfo.CurrentCulture),
        };
    }
}

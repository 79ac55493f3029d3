using Annotator.Web.Data;
using Annotator.Web.Languages;
using Microsoft.Extensions.Localization;

namespace Annotator.Web.Annotating;

/// <summary>Answers as the pages name them, in the page's language.</summary>
public static class AnswerWords
{
    /// <summary>What was answered, in a line: "1 is much better", "Skipped: Broken", "2 › 1 = 3".</summary>
    public static string Answered(this IStringLocalizer<Words> words, JudgedEntry entry)
    {
        ArgumentNullException.ThrowIfNull(words);
        ArgumentNullException.ThrowIfNull(entry);
        return (entry.Answer, entry.Strength) switch
        {
            (Answer.Left, 1) => words["1 is slightly better"],
            (Answer.Left, 3) => words["1 is much better"],
            (Answer.Left, _) => words["1 is better"],
            (Answer.Right, 1) => words["2 is slightly better"],
            (Answer.Right, 3) => words["2 is much better"],
            (Answer.Right, _) => words["2 is better"],
            (Answer.Tie, _) => words["Tie"],
            (Answer.BothBad, _) => words["Both bad"],
            (Answer.NotRankable, _) => words["Not rankable"],
            (Answer.Ranked, _) => string.Join(" › ", entry.Tiers!.Select(tier => string.Join(" = ", Places(entry, tier)))),
            _ => words["Skipped: {0}", words.Of(entry.SkipReason ?? SkipReason.Other)],
        };
    }

    public static string Of(this IStringLocalizer<Words> words, SkipReason reason)
    {
        ArgumentNullException.ThrowIfNull(words);
        return reason switch
        {
            SkipReason.CannotJudge => words["Can't judge"],
            SkipReason.Unsafe => words["Unsafe"],
            SkipReason.Broken => words["Broken"],
            SkipReason.NotMyLanguage => words["Not my language"],
            _ => words["Other"],
        };
    }

    /// <summary>The numbers that the responses had on screen, from 1.</summary>
    private static IEnumerable<int> Places(JudgedEntry entry, IReadOnlyList<int> positions) =>
        positions.Select(position => entry.Comparison.Sides.Index().First(side => side.Item == position).Index + 1).Order();
}

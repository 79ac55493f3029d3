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
        return entry.Answer switch
        {
            Answer.Ranked => words.Order(entry.Comparison, entry.Tiers!),
            Answer.Skip => words["Skipped: {0}", words.Of(entry.SkipReason ?? SkipReason.Other)],
            var answer => words.Answered(answer, entry.Strength),
        };
    }

    /// <summary>A preference with how strong it is, if that was asked: "1 is much better"; any other answer by its kind.</summary>
    public static string Answered(this IStringLocalizer<Words> words, Answer answer, int? strength)
    {
        ArgumentNullException.ThrowIfNull(words);
        return (answer, strength) switch
        {
            (Answer.Left, 1) => words["1 is slightly better"],
            (Answer.Left, 3) => words["1 is much better"],
            (Answer.Right, 1) => words["2 is slightly better"],
            (Answer.Right, 3) => words["2 is much better"],
            _ => words.Of(answer),
        };
    }

    /// <summary>The kind of an answer, without what was given with it.</summary>
    public static string Of(this IStringLocalizer<Words> words, Answer answer)
    {
        ArgumentNullException.ThrowIfNull(words);
        return answer switch
        {
            Answer.Left => words["1 is better"],
            Answer.Right => words["2 is better"],
            Answer.Tie => words["Tie"],
            Answer.BothBad => words["Both bad"],
            Answer.Ranked => words["Ranked"],
            Answer.NotRankable => words["Not rankable"],
            _ => words["Skipped"],
        };
    }

    /// <summary>An order by the numbers that the responses had on screen, from 1: "2 › 1 = 3"; of a pair in words.</summary>
    /// <param name="tiers">Of positions, best first.</param>
    public static string Order(this IStringLocalizer<Words> words, ShownComparison comparison, IReadOnlyList<IReadOnlyList<int>> tiers)
    {
        ArgumentNullException.ThrowIfNull(words);
        ArgumentNullException.ThrowIfNull(comparison);
        ArgumentNullException.ThrowIfNull(tiers);
        return comparison.IsPair
            ? words.Of(tiers.Count == 1 ? Answer.Tie : tiers[0][0] == comparison.Sides[0] ? Answer.Left : Answer.Right)
            : string.Join(" › ", tiers.Select(tier => string.Join(" = ", Places(comparison, tier))));
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

    public static string Of(this IStringLocalizer<Words> words, ResponseFaults fault)
    {
        ArgumentNullException.ThrowIfNull(words);
        return fault == ResponseFaults.Unsafe ? words["Unsafe"] : words["Broken"];
    }

    /// <summary>The numbers that the responses had on screen, from 1.</summary>
    private static IEnumerable<int> Places(ShownComparison comparison, IReadOnlyList<int> positions) =>
        positions.Select(position => comparison.Sides.Index().First(side => side.Item == position).Index + 1).Order();
}

using System.Globalization;
using Annotator.Web.Data;
using Annotator.Web.Languages;
using Microsoft.Extensions.Localization;

namespace Annotator.Web.Rounds;

/// <summary>What the pages say of rounds.</summary>
public static class RoundWords
{
    public static string Of(RoundState state) => state switch
    {
        RoundState.Queued => "queued",
        RoundState.Running => "running",
        RoundState.Succeeded => "succeeded",
        RoundState.Failed => "failed",
        RoundState.Cancelled => "cancelled",
        RoundState.Interrupted => "interrupted",
        _ => throw new ArgumentOutOfRangeException(nameof(state), state, null),
    };

    public static string Of(RoundInit init) => init == RoundInit.Sft ? "the SFT policy" : "the newest policy";
    public static string Of(RoundReference reference) => reference == RoundReference.Sft ? "the SFT policy" : "the newest policy";
    public static string Of(RoundData data) => data == RoundData.All ? "all preferences" : "only new preferences";

    /// <summary>A reason for leaving judgments out, as the head of a line, its count to follow.</summary>
    public static string Of(this IStringLocalizer<Words> words, LeftOut reason)
    {
        ArgumentNullException.ThrowIfNull(words);
        return reason switch
        {
            LeftOut.Tie => words["Ties: equally good, never turned into a preference"],
            LeftOut.BothBad => words["Both bad"],
            LeftOut.Skipped => words["Skipped by their annotator"],
            LeftOut.Withdrawn => words["Withdrawn by their annotator"],
            LeftOut.HeldOutPrompt => words["On prompts held out for evaluation"],
            LeftOut.NotForTraining => words["On evaluation or gold comparisons"],
            LeftOut.IdenticalTexts => words["Between identical texts"],
            LeftOut.NotRankable => words["Not rankable"],
            LeftOut.Repeat => words["Asked once more, to see whether the answer stays the same"],
            _ => throw new ArgumentOutOfRangeException(nameof(reason), reason, null),
        };
    }

    /// <summary>"1 preference", "12 preferences".</summary>
    public static string Preferences(int count) => count == 1 ? "1 preference" : string.Create(CultureInfo.InvariantCulture, $"{count:N0} preferences");

    /// <summary>A moment, in UTC: "22 Nov 2026, 16:41 UTC".</summary>
    public static string Moment(DateTime? time) => time is { } at ? at.ToString("d MMM yyyy, HH:mm 'UTC'", CultureInfo.InvariantCulture) : "–";

    /// <summary>The one time by which a round is known on every page: its start, or while it waits, when it was asked for.</summary>
    public static DateTime When(Round round) => round.StartedAt ?? round.CreatedAt;

    /// <summary>The sentence on what a round takes and what it leaves out.</summary>
    public static string Preview(SelectionCounts counts)
    {
        if (RoundOperations.NothingToTrainOn(counts) is { } reason)
        {
            return reason;
        }

        var measured = counts.Eval > 0 ? $", and measures on {counts.Eval} more that it does not train on" : "";
        var without = counts.LeftOutInAll > 0 ? $" Left out: {string.Join(", ", counts.LeftOutInWords())}." : "";
        return $"Trains on {Preferences(counts.Train)}{measured}.{without}";
    }
}

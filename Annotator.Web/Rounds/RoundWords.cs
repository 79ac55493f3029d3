using System.Globalization;
using Annotator.Web.Data;
using Annotator.Web.Languages;
using Annotator.Web.Rounds.Charts;
using Microsoft.Extensions.Localization;

namespace Annotator.Web.Rounds;

/// <summary>What the pages say of rounds.</summary>
public static class RoundWords
{
    /// <summary>A state in one word.</summary>
    public static string Of(this IStringLocalizer<Words> words, RoundState state)
    {
        ArgumentNullException.ThrowIfNull(words);
        return state switch
        {
            RoundState.Queued => words["queued"],
            RoundState.Running => words["running"],
            RoundState.Succeeded => words["succeeded"],
            RoundState.Failed => words["failed"],
            RoundState.Cancelled => words["cancelled"],
            RoundState.Interrupted => words["interrupted"],
            RoundState.Deleted => words["deleted"],
            _ => throw new ArgumentOutOfRangeException(nameof(state), state, null),
        };
    }

    public static string Of(this IStringLocalizer<Words> words, RoundInit init)
    {
        ArgumentNullException.ThrowIfNull(words);
        return init == RoundInit.Sft ? words["the SFT policy"] : words["the newest policy"];
    }

    public static string Of(this IStringLocalizer<Words> words, RoundReference reference)
    {
        ArgumentNullException.ThrowIfNull(words);
        return reference == RoundReference.Sft ? words["the SFT policy"] : words["the newest policy"];
    }

    public static string Of(this IStringLocalizer<Words> words, RoundData data)
    {
        ArgumentNullException.ThrowIfNull(words);
        return data == RoundData.All ? words["all preferences"] : words["only new preferences"];
    }

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
            LeftOut.AnnotatorLeftOut => words["Of annotators who are left out of training"],
            LeftOut.Overruled => words["Overruled by an admin's decision"],
            _ => throw new ArgumentOutOfRangeException(nameof(reason), reason, null),
        };
    }

    /// <summary>One reason with its count: "1 tie", "12 ties".</summary>
    public static string Counted(this IStringLocalizer<Words> words, LeftOut reason, int count)
    {
        ArgumentNullException.ThrowIfNull(words);
        return reason switch
        {
            LeftOut.Tie => count == 1 ? words["1 tie"] : words["{0:N0} ties", count],
            LeftOut.BothBad => words["{0:N0} both bad", count],
            LeftOut.Skipped => words["{0:N0} skipped", count],
            LeftOut.Withdrawn => words["{0:N0} withdrawn", count],
            LeftOut.HeldOutPrompt => words["{0:N0} on held-out prompts", count],
            LeftOut.NotForTraining => words["{0:N0} of evaluation or gold comparisons", count],
            LeftOut.IdenticalTexts => words["{0:N0} between identical texts", count],
            LeftOut.NotRankable => words["{0:N0} not rankable", count],
            LeftOut.Repeat => count == 1 ? words["1 repeat"] : words["{0:N0} repeats", count],
            LeftOut.AnnotatorLeftOut => words["{0:N0} of annotators left out", count],
            LeftOut.Overruled => words["{0:N0} overruled by a decision", count],
            _ => words.Of(reason),
        };
    }

    /// <summary>All reasons with their counts, the most frequent first.</summary>
    public static string Counted(this IStringLocalizer<Words> words, SelectionCounts counts)
    {
        ArgumentNullException.ThrowIfNull(words);
        ArgumentNullException.ThrowIfNull(counts);
        return string.Join(", ", counts.LeftOut.Where(entry => entry.Value > 0).OrderByDescending(entry => entry.Value).Select(entry => words.Counted(entry.Key, entry.Value)));
    }

    /// <summary>What is wrong with an option, one sentence.</summary>
    public static string Of(this IStringLocalizer<Words> words, FormattableString problem)
    {
        ArgumentNullException.ThrowIfNull(words);
        ArgumentNullException.ThrowIfNull(problem);
        return words["{0}.", words[problem.Format, problem.GetArguments()!]];
    }

    /// <summary>"1 preference", "12 preferences".</summary>
    public static string Preferences(this IStringLocalizer<Words> words, int count)
    {
        ArgumentNullException.ThrowIfNull(words);
        return count == 1 ? words["1 preference"] : words["{0:N0} preferences", count];
    }

    /// <summary>A value of the trainer's last line; a share of pairs that the rewards get right with the comparisons it rests on: "83% of 12".</summary>
    public static string Metric(this IStringLocalizer<Words> words, string name, double value, RoundView of)
    {
        ArgumentNullException.ThrowIfNull(words);
        ArgumentNullException.ThrowIfNull(name);
        ArgumentNullException.ThrowIfNull(of);
        if (!name.EndsWith("accuracies", StringComparison.Ordinal))
        {
            return MetricText.Of(value);
        }

        var count = name.StartsWith("eval_", StringComparison.Ordinal) ? of.Result?.Used.EvalComparisons : of.Result?.FinalMetrics?.BatchSize;
        return count > 0 ? words["{0} of {1:N0}", MetricText.Share(value), count] : MetricText.Share(value);
    }

    /// <summary>A moment, in UTC: "22 Nov 2026, 16:41 UTC".</summary>
    public static string Moment(DateTime? time) => time is { } at ? at.ToString("d MMM yyyy, HH:mm 'UTC'", CultureInfo.InvariantCulture) : "–";

    /// <summary>The one time by which a round is known on every page: its start, or while it waits, when it was asked for.</summary>
    public static DateTime When(Round round) => round.StartedAt ?? round.CreatedAt;

    /// <summary>The sentence on what a round takes and what it leaves out.</summary>
    public static string Preview(this IStringLocalizer<Words> words, SelectionCounts counts)
    {
        ArgumentNullException.ThrowIfNull(words);
        if (RoundOperations.NothingToTrainOn(counts, words) is { } reason)
        {
            return reason;
        }

        string takes = counts.Eval > 0
            ? words["Trains on {0}, and measures on {1:N0} more that it does not train on.", words.Preferences(counts.Train), counts.Eval]
            : words["Trains on {0}.", words.Preferences(counts.Train)];
        return counts.LeftOutInAll > 0
            ? takes + " " + words["Left out: {0}.", words.Counted(counts)]
            : takes;
    }
}

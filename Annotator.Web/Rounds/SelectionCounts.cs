using Annotator.Model.Preferences;

namespace Annotator.Web.Rounds;

/// <summary>What a selection took and what it left out, and why. Stored in the round directory as <c>snapshot.json</c>.</summary>
public sealed record SelectionCounts
{
    /// <summary>Judgments that are trained on.</summary>
    public int Train { get; init; }

    /// <summary>Judgments that only measure (<c>eval_</c> metrics).</summary>
    public int Eval { get; init; }

    public IReadOnlyDictionary<LeftOut, int> LeftOut { get; init; } = new Dictionary<LeftOut, int>();

    /// <summary>The highest id among the judgments looked at; null if there was none.</summary>
    public long? LastJudgmentId { get; init; }

    /// <summary>Judgments that state a preference, trained on or measured.</summary>
    public int Preferences => Train + Eval;

    public int LeftOutInAll => LeftOut.Values.Sum();

    /// <summary>With one more judgment looked at: left out for a reason, or (null) taken into the split.</summary>
    public SelectionCounts With(long judgmentId, LeftOut? why, PreferenceSplit split) => this with
    {
        Train = Train + (why is null && split == PreferenceSplit.Train ? 1 : 0),
        Eval = Eval + (why is null && split == PreferenceSplit.Eval ? 1 : 0),
        LeftOut = why is { } reason ? new Dictionary<LeftOut, int>(LeftOut) { [reason] = LeftOut.GetValueOrDefault(reason) + 1 } : LeftOut,
        LastJudgmentId = Math.Max(LastJudgmentId ?? 0, judgmentId),
    };
}

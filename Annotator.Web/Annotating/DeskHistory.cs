using Annotator.Web.Data;

namespace Annotator.Web.Annotating;

/// <summary>One of the annotator's own standing judgments, with all that is needed to look at it again and to revise it.</summary>
public sealed record JudgedEntry
{
    public required long JudgmentId { get; init; }

    /// <summary>UTC.</summary>
    public required DateTime JudgedAt { get; init; }

    /// <summary>As it stood on screen: the same sides.</summary>
    public required ShownComparison Comparison { get; init; }

    public required Answer Answer { get; init; }

    /// <summary>Tiers of positions, best first; null if the answer states none.</summary>
    public IReadOnlyList<IReadOnlyList<int>>? Tiers { get; init; }
    public int? Strength { get; init; }
    public SkipReason? SkipReason { get; init; }
    public string? Comment { get; init; }
    public required IReadOnlyList<string> Reasons { get; init; }

    /// <summary>By position; null if nothing was flagged.</summary>
    public IReadOnlyDictionary<int, ResponseFaults>? Flags { get; init; }
    public ResponseEdit? Edit { get; init; }

    /// <summary>It superseded an earlier answer.</summary>
    public required bool IsRevision { get; init; }
}

/// <summary>A page of the history, newest first.</summary>
/// <param name="Before">Ask for the next page with it; null if this is the last one.</param>
public sealed record HistoryPage(IReadOnlyList<JudgedEntry> Entries, HistoryMark? Before);

/// <summary>A place in the history: the judgments before it are the older ones.</summary>
public sealed record HistoryMark(DateTime At, long JudgmentId);

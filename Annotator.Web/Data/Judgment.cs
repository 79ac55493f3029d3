namespace Annotator.Web.Data;

/// <summary>
/// One annotator's answer on one comparison. Rows are only ever added: a revision supersedes an earlier row,
/// an undo is a row with <see cref="Verdict.Withdrawn"/>. The current judgment of an annotator on a comparison is the
/// row that no other supersedes; if that one is withdrawn, there is none.
/// </summary>
public sealed class Judgment
{
    public long Id { get; set; }
    public long ComparisonId { get; set; }
    public Comparison? Comparison { get; set; }
    public required string AnnotatorId { get; set; }
    public Person? Annotator { get; set; }

    public required Verdict Verdict { get; set; }

    /// <summary>Tiers of response positions, best first, e.g. <c>[[1],[0]]</c>; a tie is one tier of several. Null unless <see cref="Verdict.Ranked"/>.</summary>
    public int[][]? Ranking { get; set; }

    /// <summary>1 slightly, 2 better, 3 much better; null if the study does not ask.</summary>
    public int? Strength { get; set; }

    /// <summary>Why it was skipped; null unless <see cref="Verdict.Skipped"/>.</summary>
    public SkipReason? SkipReason { get; set; }

    public string? Comment { get; set; }

    /// <summary>The positions in the order they stood on screen, from left to right.</summary>
    public required int[] SidesShown { get; set; }

    /// <summary>From the comparison's appearance to the answer.</summary>
    public required double Seconds { get; set; }

    public required int GuidelinesVersion { get; set; }

    /// <summary>The earlier judgment that this one replaces.</summary>
    public long? SupersedesId { get; set; }
    public Judgment? Supersedes { get; set; }

    /// <summary>True once another row supersedes this one; set in the same transaction, so that queries need no self-join.</summary>
    public bool IsSuperseded { get; set; }

    /// <summary>Made by the page for one press of a key: a repeat after a reconnect finds the row instead of adding one.</summary>
    public required Guid RequestId { get; set; }

    public required DateTime CreatedAt { get; set; }
}

/// <summary>What an annotator answered.</summary>
public enum Verdict
{
    /// <summary>A preference or ranking, possibly with ties.</summary>
    Ranked = 0,

    /// <summary>No response is acceptable; stored apart from a tie.</summary>
    BothBad = 1,

    Skipped = 2,

    /// <summary>An undo of the row it supersedes.</summary>
    Withdrawn = 3,
}

/// <summary>Why an annotator passed over a comparison.</summary>
public enum SkipReason
{
    CannotJudge = 0,
    Unsafe = 1,
    Broken = 2,
    NotMyLanguage = 3,
    Other = 4,
}

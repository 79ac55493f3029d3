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

    /// <summary>The comparison's study, policy and prompt, which never change: kept here for the indices.</summary>
    public required long StudyId { get; set; }
    public required long PolicyId { get; set; }
    public required long PromptId { get; set; }

    /// <summary>How it came to be asked for.</summary>
    public JudgmentOrigin Origin { get; set; }

    public required Verdict Verdict { get; set; }

    /// <summary>Tiers of response positions, best first, e.g. <c>[[1],[0]]</c>; a tie is one tier of several. Null unless <see cref="Verdict.Ranked"/>.</summary>
    public int[][]? Ranking { get; set; }

    /// <summary>1 slightly, 2 better, 3 much better; null if the study does not ask.</summary>
    public int? Strength { get; set; }

    /// <summary>Why it was skipped; null unless <see cref="Verdict.Skipped"/>.</summary>
    public SkipReason? SkipReason { get; set; }

    public string? Comment { get; set; }

    /// <summary>The study's reason chips that were chosen, in its words; JSON. Empty if none were.</summary>
    public IReadOnlyList<string> Reasons { get; set; } = [];

    /// <summary>What was flagged of each response, by position; null if nothing was. JSON, numbers.</summary>
    public ResponseFaults[]? Flags { get; set; }

    /// <summary>A ranking that was given in the order in which the responses stood, without one having been moved.</summary>
    public bool OrderUntouched { get; set; }

    /// <summary>Whether it agrees with the gold ranking; null on other comparisons, and if it was skipped.</summary>
    public bool? GoldCorrect { get; set; }

    /// <summary>The positions in the order they stood on screen, from left to right.</summary>
    public required int[] SidesShown { get; set; }

    /// <summary>From the comparison's appearance to the answer.</summary>
    public required double Seconds { get; set; }

    public required int GuidelinesVersion { get; set; }

    /// <summary>The earlier judgment that this one replaces.</summary>
    public long? SupersedesId { get; set; }
    public Judgment? Supersedes { get; set; }

    /// <summary>The judgment that an edit was given with: it is withdrawn with it. Null unless <see cref="JudgmentOrigin.Edit"/>.</summary>
    public long? GivenWithId { get; set; }
    public Judgment? GivenWith { get; set; }

    /// <summary>True once another row supersedes this one; set in the same transaction, so that queries need no self-join.</summary>
    public bool IsSuperseded { get; set; }

    /// <summary>What the line that it was imported from said beyond all this; null unless it was imported. JSON.</summary>
    public JudgmentSource? Source { get; set; }

    /// <summary>Made by the page for one press of a key: a repeat after a reconnect finds the row instead of adding one.</summary>
    public required Guid RequestId { get; set; }

    public required DateTime CreatedAt { get; set; }
}

/// <summary>What an annotator answered.</summary>
public enum Verdict
{
    /// <summary>A preference or ranking, possibly with ties.</summary>
    Ranked = 0,

    /// <summary>Neither response of a pair is acceptable; stored apart from a tie.</summary>
    BothBad = 1,

    Skipped = 2,

    /// <summary>An undo of the row it supersedes.</summary>
    Withdrawn = 3,

    /// <summary>Three responses or more that can't be put in an order, be it that none is acceptable or that they don't compare.</summary>
    NotRankable = 4,
}

/// <summary>How a judgment came to be asked for.</summary>
public enum JudgmentOrigin
{
    /// <summary>The queue handed the comparison out.</summary>
    Queue = 0,

    /// <summary>The queue handed it out once more to the same annotator: measures self-consistency, trains nothing.</summary>
    Repeat = 1,

    /// <summary>The annotator edited a response, which says that the edited one is better (<see cref="ComparisonPurpose.Edit"/>).</summary>
    Edit = 2,

    /// <summary>
    /// An admin's decision where annotators disagree. While it stands, rounds and exports of preferences take it in place of
    /// all the annotators' judgments of the comparison; those stay in the log and in the statistics, which it is no part of.
    /// </summary>
    Adjudication = 3,
}

/// <summary>What is wrong with one response, beside where it stands in the ranking.</summary>
[Flags]
public enum ResponseFaults
{
    None = 0,
    Unsafe = 1,
    Broken = 2,
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

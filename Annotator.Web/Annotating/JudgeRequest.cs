using Annotator.Web.Data;

namespace Annotator.Web.Annotating;

/// <summary>What an annotator may answer.</summary>
public enum Answer
{
    Left,
    Right,
    Tie,
    BothBad,
    Skip,

    /// <summary>Of three or more: the order is in <see cref="JudgeRequest.Tiers"/>.</summary>
    Ranked,

    /// <summary>Of three or more: they can't be put in an order.</summary>
    NotRankable,
}

/// <summary>One press of a key: the answer of an annotator to what was on screen.</summary>
public sealed record JudgeRequest
{
    public required ShownComparison Comparison { get; init; }
    public required Answer Answer { get; init; }

    /// <summary>With <see cref="Answer.Ranked"/> every position once, best first, ties together; null with every other answer.</summary>
    public IReadOnlyList<IReadOnlyList<int>>? Tiers { get; init; }

    /// <summary>1 slightly, 2 better, 3 much better: with <see cref="Answer.Left"/> and <see cref="Answer.Right"/> where the study asks for it.</summary>
    public int? Strength { get; init; }

    /// <summary>Required with <see cref="Answer.Skip"/>, null with every other answer.</summary>
    public SkipReason? SkipReason { get; init; }

    public string? Comment { get; init; }

    /// <summary>Chosen among the study's chips, in its words.</summary>
    public IReadOnlyList<string> Reasons { get; init; } = [];

    /// <summary>What is wrong with single responses, by position; positions that are missing have nothing.</summary>
    public IReadOnlyDictionary<int, ResponseFaults>? Flags { get; init; }

    /// <summary>A response that the annotator edited; becomes a response of its own, preferred to the original. Not with a skip.</summary>
    public ResponseEdit? Edit { get; init; }

    /// <summary>With <see cref="Answer.Ranked"/>: no response was moved, the order is the one in which they stood.</summary>
    public bool OrderUntouched { get; init; }

    /// <summary>From the comparison's appearance to the key.</summary>
    public required double Seconds { get; init; }

    public required int GuidelinesVersion { get; init; }

    /// <summary>The comparison that the page will show next: its lease is renewed. Null if it has none.</summary>
    public long? PrefetchedId { get; init; }

    /// <summary>New with each press: a repeat of the same press finds the judgment it made.</summary>
    public required Guid RequestId { get; init; }

    /// <summary>Tiers of positions, best first; null unless the answer states a preference or a tie.</summary>
    public int[][]? Ranking => Answer switch
    {
        Answer.Left => [[Comparison.Sides[0]], [Comparison.Sides[1]]],
        Answer.Right => [[Comparison.Sides[1]], [Comparison.Sides[0]]],
        Answer.Tie => [[.. Comparison.Sides.Order()]],
        Answer.Ranked => [.. Tiers!.Select(tier => tier.Order().ToArray())],
        _ => null,
    };

    public Verdict Verdict => Answer switch
    {
        Answer.BothBad => Verdict.BothBad,
        Answer.NotRankable => Verdict.NotRankable,
        Answer.Skip => Verdict.Skipped,
        _ => Verdict.Ranked,
    };
}

/// <summary>The annotator's standing judgments in the study.</summary>
public sealed record DeskCounts(int Today, int All);

/// <summary>What became of a press.</summary>
public enum JudgeOutcome
{
    /// <summary>It was written down, now or by an earlier send of the same press.</summary>
    Judged,

    /// <summary>The annotator had judged the comparison before, in another window: nothing was added.</summary>
    AlreadyJudged,

    /// <summary>The lease had run out and others have taken all the places since: nothing was added.</summary>
    TakenOver,
}

/// <summary>Whether the annotator agreed with a gold comparison's answer.</summary>
/// <param name="Ranking">The right answer: tiers of positions, best first.</param>
public sealed record GoldFeedback(bool Correct, IReadOnlyList<IReadOnlyList<int>> Ranking);

/// <summary>What became of a press, and what comes next.</summary>
/// <param name="PrefetchedIsKept">False if the prefetched one's lease ran out meanwhile and another has it.</param>
/// <param name="Next">Leased to the annotator: the one after the prefetched one, or in its place; null if there is none.</param>
public sealed record JudgeResult(JudgeOutcome Outcome, DeskCounts Counts, bool PrefetchedIsKept, ShownComparison? Next)
{
    /// <summary>Null unless it was a gold comparison and the study tells.</summary>
    public GoldFeedback? Gold { get; init; }
}

/// <summary>A judgment that was withdrawn.</summary>
/// <param name="Comparison">Leased to the annotator again, what was given with the answer in its draft.</param>
/// <param name="Answer">What it had been.</param>
public sealed record UndoResult(ShownComparison Comparison, Answer Answer, DeskCounts Counts);

using Annotator.Web.Data;

namespace Annotator.Web.Annotating;

/// <summary>
/// A comparison as it stands before one annotator. It knows nothing of policies: the desk is blind.
/// </summary>
/// <param name="Prompt">The text that both responses continue.</param>
/// <param name="Sides">The positions of the responses from left to right; stored with the judgment.</param>
/// <param name="Texts">The responses' texts from left to right.</param>
/// <param name="Comment">The comment of the judgment that was just withdrawn; otherwise null.</param>
public sealed record ShownComparison(
    long Id, string Prompt, IReadOnlyList<int> Sides, IReadOnlyList<string> Texts, string? Comment = null)
{
    public string Left => Texts[0];
    public string Right => Texts[1];
}

/// <summary>What an annotator may answer on a pair.</summary>
public enum Answer
{
    Left,
    Right,
    Tie,
    BothBad,
    Skip,
}

/// <summary>One press of a key: the answer of an annotator to what was on screen.</summary>
public sealed record JudgeRequest
{
    public required ShownComparison Comparison { get; init; }
    public required Answer Answer { get; init; }

    /// <summary>Required with <see cref="Answer.Skip"/>, null with every other answer.</summary>
    public SkipReason? SkipReason { get; init; }

    public string? Comment { get; init; }

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
        _ => null,
    };

    public Verdict Verdict => Answer switch
    {
        Answer.BothBad => Verdict.BothBad,
        Answer.Skip => Verdict.Skipped,
        _ => Verdict.Ranked,
    };
}

/// <summary>The annotator's standing judgments in the study.</summary>
public sealed record DeskCounts(int Today, int All);

/// <summary>What became of a press.</summary>
/// <param name="AlreadyJudged">True if the annotator had judged it before, in another window: nothing was added.</param>
/// <param name="PrefetchedIsKept">False if the prefetched one's lease ran out meanwhile and another has it.</param>
/// <param name="Next">Leased to the annotator: the one after the prefetched one, or in its place; null if there is none.</param>
public sealed record JudgeResult(bool AlreadyJudged, DeskCounts Counts, bool PrefetchedIsKept, ShownComparison? Next);

/// <summary>A judgment that was withdrawn.</summary>
/// <param name="Comparison">Leased to the annotator again.</param>
/// <param name="Answer">What it had been.</param>
public sealed record UndoResult(ShownComparison Comparison, Answer Answer, DeskCounts Counts);

/// <summary>Why there is nothing to judge.</summary>
public enum EmptyDesk
{
    /// <summary>The study has no prompts to train on.</summary>
    NoPrompts,

    /// <summary>Responses to some prompts are still to come from the sampler.</summary>
    Sampling,

    /// <summary>What is left lies on other annotators' desks.</summary>
    WithOthers,

    /// <summary>Every prompt is judged under the newest policy: a round would bring fresh responses.</summary>
    AllJudged,
}

/// <summary>The study as the desk shows it.</summary>
/// <param name="PolicyNumber">Of the newest policy: the "round" in the header; null before the first policy.</param>
public sealed record DeskStudy(long Id, string Name, string Guidelines, int GuidelinesVersion, int? PolicyNumber);

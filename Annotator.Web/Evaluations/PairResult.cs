using Annotator.Model.Evaluation;

namespace Annotator.Web.Evaluations;

/// <summary>What blind judgments say of two policies, seen from the first. A tie counts half; both bad counts for neither.</summary>
/// <param name="New">The number of the policy whose wins are counted.</param>
/// <param name="Old">The number of the other.</param>
/// <param name="LengthControlled">The win rate at equal lengths.</param>
public sealed record PairResult(int New, int Old, int Wins, int Losses, int Ties, int BothBad, LengthControlledWinRate LengthControlled)
{
    /// <summary>Judgments between two policies below which no number is made of them.</summary>
    public const int Fewest = 20;

    /// <summary>Those that say something of the two: all but both bad.</summary>
    public int Judgments => Wins + Losses + Ties;

    public bool IsEnough => Judgments >= Fewest;

    /// <summary>0 to 1; null below <see cref="Fewest"/>.</summary>
    public double? WinRate => IsEnough ? Points / Judgments : null;

    /// <summary>Wilson's 95% interval of <see cref="WinRate"/>; null below <see cref="Fewest"/>.</summary>
    public ConfidenceInterval? Interval => IsEnough ? Annotator.Model.Evaluation.WinRate.Wilson(Points, Judgments) : null;

    /// <summary>The same, seen from the other policy.</summary>
    public PairResult Swapped => new(Old, New, Losses, Wins, Ties, BothBad, LengthControlled.Swapped);

    private double Points => Wins + (Ties / 2.0);

    /// <summary>Counts what was judged.</summary>
    /// <param name="newId">Of the policy whose wins are counted.</param>
    /// <param name="rows">Between these two; in either order.</param>
    internal static PairResult Of(int newNumber, int oldNumber, long newId, IReadOnlyCollection<JudgedPair> rows)
    {
        var seen = rows.Select(row => row.FirstId == newId ? row : row.Swapped).ToList();
        return new(
            newNumber, oldNumber, Count(PairOutcome.First), Count(PairOutcome.Second), Count(PairOutcome.Tie), Count(PairOutcome.BothBad),
            LengthControlledWinRate.Of([.. seen.Where(row => row.Outcome != PairOutcome.BothBad).Select(row => new LengthAndOutcome(row.Longer, row.Points, row.Count))]));

        int Count(PairOutcome outcome) => seen.Where(row => row.Outcome == outcome).Sum(row => row.Count);
    }
}

/// <summary>How a judgment on two responses went, by position.</summary>
internal enum PairOutcome
{
    First,
    Second,
    Tie,
    BothBad,
}

/// <summary>Judgments that went alike.</summary>
/// <param name="FirstId">The policy whose response stands at position 0.</param>
/// <param name="SecondId">…at position 1.</param>
/// <param name="Longer">By how many characters the first response is longer than the second.</param>
internal sealed record JudgedPair(long FirstId, long SecondId, long Longer, PairOutcome Outcome, int Count)
{
    /// <summary>Of the first, for one such judgment.</summary>
    public double Points => Outcome switch { PairOutcome.First => 1, PairOutcome.Tie => 0.5, _ => 0 };

    public JudgedPair Swapped => new(SecondId, FirstId, -Longer, Outcome switch
    {
        PairOutcome.First => PairOutcome.Second,
        PairOutcome.Second => PairOutcome.First,
        _ => Outcome,
    }, Count);
}

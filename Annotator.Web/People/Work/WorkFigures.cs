using Annotator.Model.Evaluation;

namespace Annotator.Web.People.Work;

/// <summary>A number that data may or may not give.</summary>
/// <param name="Value">Null where no estimate exists: then <paramref name="Why"/> says why.</param>
/// <param name="Count">How many observations it rests on.</param>
/// <param name="Interval">95% of confidence (Wilson); only of shares.</param>
public sealed record Figure(double? Value, int Count, WhyNoFigure? Why = null, ConfidenceInterval? Interval = null)
{
    /// <summary>A share of independent trials, with its interval.</summary>
    public static Figure Share(int hits, int count) =>
        count == 0 ? None(WhyNoFigure.NothingYet) : new((double)hits / count, count, null, WinRate.Wilson(hits, count));

    public static Figure None(WhyNoFigure why, int count = 0) => new(null, count, why);
}

/// <summary>Why there is no figure.</summary>
public enum WhyNoFigure
{
    /// <summary>There is nothing yet that it could be taken from.</summary>
    NothingYet,

    /// <summary>No comparison was judged by two people.</summary>
    NothingJudgedTwice,

    /// <summary>Everybody gave the same answer throughout (0/0): agreement beyond chance can't be told from it.</summary>
    OneAnswerThroughout,

    /// <summary>It needs the same number of judgments for each comparison.</summary>
    UnequalNumbers,

    /// <summary>Too few observations for an estimate that says anything.</summary>
    TooFew,

    /// <summary>People agree no more often than by chance: noise can't be told from taste.</summary>
    NoBetterThanChance,
}

/// <summary>What the judgments of a study say of those who judged.</summary>
public sealed record StudyWork
{
    /// <summary>Standing answers, skips among them; repeats, edits and decisions aside.</summary>
    public required int Judgments { get; init; }

    /// <summary>Comparisons that two people or more have answered.</summary>
    public required int JudgedTwice { get; init; }

    /// <summary>Krippendorff's α, nominal: of rankings, over all pairs of their responses.</summary>
    public required Figure Alpha { get; init; }

    /// <summary>α of comparisons in the order in which they were judged, in parts of equal number.</summary>
    public required IReadOnlyList<AlphaOfPart> AlphaOverTime { get; init; }

    /// <summary>Fleiss' κ, where each comparison was answered by the same number of people.</summary>
    public required Figure Fleiss { get; init; }

    /// <summary>The share of strict preferences that are not what their annotator meant, if all are alike: <see cref="WorkCount"/>.</summary>
    public required Figure LabelNoise { get; init; }

    /// <summary>By the number of their judgments, most first.</summary>
    public required IReadOnlyList<PersonWork> People { get; init; }

    /// <summary>Those two and two who have answered the most comparisons together.</summary>
    public required IReadOnlyList<PairWork> Pairs { get; init; }
}

/// <summary>α of a stretch of comparisons.</summary>
/// <param name="Answered">How many pairs of responses two people or more had answered up to its end; in a pairwise study these are comparisons.</param>
/// <param name="Until">When the last of them was judged last (UTC).</param>
public sealed record AlphaOfPart(int Answered, DateTime Until, Figure Alpha);

/// <summary>Two people's agreement on what both have answered.</summary>
/// <param name="Kappa">Cohen's κ.</param>
public sealed record PairWork(string FirstId, string SecondId, Figure Kappa);

/// <summary>One annotator's figures.</summary>
public sealed record PersonWork
{
    public required string AnnotatorId { get; init; }
    public required int Judgments { get; init; }
    public required int Skipped { get; init; }

    /// <summary>With the majority of all others; comparisons where these are divided say nothing.</summary>
    public required Figure Majority { get; init; }

    /// <summary>By first answers on gold comparisons.</summary>
    public required Figure Gold { get; init; }

    /// <summary>With oneself, asked once more.</summary>
    public required Figure SelfConsistency { get; init; }

    /// <summary>How often the better one stood to the left of the worse one; of a ranking the best and the worst. A half is none.</summary>
    public required Figure PositionBias { get; init; }
    public required Figure LabelNoise { get; init; }

    /// <summary>In seconds; null if no time was taken.</summary>
    public required double? MedianSeconds { get; init; }

    /// <summary>Judgments by their time, in the parts of <see cref="SpeedEdges"/>.</summary>
    public required IReadOnlyList<int> Speed { get; init; }

    /// <summary>The upper ends of the parts of <see cref="Speed"/>, in seconds; the last part has none.</summary>
    public static IReadOnlyList<double> SpeedEdges { get; } = [2, 4, 8, 15, 30, 60, 120];
}

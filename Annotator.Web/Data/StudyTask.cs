namespace Annotator.Web.Data;

/// <summary>What a study asks of its annotators (a complex type, columns of the study's row).</summary>
public sealed record StudyTask
{
    public const int MostResponses = 8;

    public TaskKind Kind { get; init; }

    /// <summary>K: 2 for pairs, 3 to <see cref="MostResponses"/> for rankings.</summary>
    public int ResponsesPerComparison { get; init; } = 2;

    /// <summary>A preference between two is graded: slightly, better, much better.</summary>
    public bool AsksStrength { get; init; }

    /// <summary>A preference needs a comment; ties, both bad and skips never do.</summary>
    public bool RequiresComment { get; init; }

    /// <summary>Short reasons, offered as chips once a preference is given; JSON. Empty = none are offered.</summary>
    public IReadOnlyList<string> ReasonChips { get; init; } = [];

    /// <summary>At least one of <see cref="ReasonChips"/> must be chosen for a preference.</summary>
    public bool RequiresReason { get; init; }

    /// <summary>A response may be edited into a better one, which is then preferred to the original.</summary>
    public bool AllowsEdit { get; init; } = true;

    /// <summary>Judgments wanted for each comparison, each by another annotator.</summary>
    public int Overlap { get; init; } = 1;

    /// <summary>The share of comparisons handed out whose right answer is known.</summary>
    public double GoldRate { get; init; }

    /// <summary>Annotators hear whether they agreed with a gold comparison, and see their agreement.</summary>
    public bool ShowsGoldFeedback { get; init; }

    /// <summary>The share of comparisons handed out that the same annotator judged some time before, to see whether the answer stays the same.</summary>
    public double RepeatRate { get; init; }

    /// <summary>Judgments a day for each annotator; null = as many as they like.</summary>
    public int? DailyTarget { get; init; }

    private (TaskKind, int, bool, bool, bool, bool, int, double, bool, double, int?) AllButChips =>
        (Kind, ResponsesPerComparison, AsksStrength, RequiresComment, RequiresReason, AllowsEdit, Overlap, GoldRate, ShowsGoldFeedback, RepeatRate, DailyTarget);

    /// <summary>By value, the chips too.</summary>
    public bool Equals(StudyTask? other) => other is not null && AllButChips == other.AllButChips && ReasonChips.SequenceEqual(other.ReasonChips);

    public override int GetHashCode() => AllButChips.GetHashCode();
}

/// <summary>What is done with a comparison's responses.</summary>
public enum TaskKind
{
    /// <summary>The better of two.</summary>
    Pairwise = 0,

    /// <summary>K in order, ties allowed.</summary>
    Ranking = 1,
}

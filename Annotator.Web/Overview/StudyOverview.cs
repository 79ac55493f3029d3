using Annotator.Model.Evaluation;
using Annotator.Web.Engine;
using Annotator.Web.Sampling;

namespace Annotator.Web.Overview;

/// <summary>What the overview page answers of a study, each question in one record.</summary>
public sealed record StudyOverview
{
    public required long StudyId { get; init; }
    public required string Name { get; init; }
    public required bool IsDemo { get; init; }
    public required JudgingNow Judging { get; init; }
    public required ProducerState Stock { get; init; }

    /// <summary>Null where too few comparisons were judged by two or more.</summary>
    public required RecentAgreement? Agreement { get; init; }
    public required RoundsNow Rounds { get; init; }

    /// <summary>Null before the first successful round.</summary>
    public required LastRound? Last { get; init; }
    public required StudioHealth Health { get; init; }
}

/// <summary>Whether people judge.</summary>
/// <param name="AtWork">Annotators whose judgment of the last five minutes stands.</param>
/// <param name="Recent">Judgments of these five minutes.</param>
/// <param name="All">Standing judgments of the study; gold comparisons count, repeats and edits do not.</param>
/// <param name="Days">The last days, today last, days without a judgment among them.</param>
public sealed record JudgingNow(int AtWork, int Recent, int All, IReadOnlyList<DayCount> Days)
{
    public int Today => Days[^1].Judgments;
}

/// <summary>A day's judgments that stand.</summary>
/// <param name="Start">When the day began, UTC.</param>
public sealed record DayCount(DateTime Start, int Judgments);

/// <summary>How far annotators agree beyond chance on the latest comparisons that two or more judged.</summary>
/// <param name="Alpha">Krippendorff's α, nominal; null where all said the same throughout.</param>
/// <param name="Comparisons">So many comparisons say so.</param>
public sealed record RecentAgreement(double? Alpha, int Comparisons);

/// <summary>What goes on in training.</summary>
/// <param name="Running">The number of the study's round that runs; null if none does.</param>
/// <param name="RunningId">Its id: progress is told by it.</param>
/// <param name="Queued">Rounds of all studies that wait.</param>
/// <param name="AutomaticEvery">The study's rule: a round after so many new preferences; null = by hand.</param>
public sealed record RoundsNow(int? Running, long? RunningId, int Queued, int? AutomaticEvery);

/// <summary>Whether the last successful round helped.</summary>
/// <param name="Number">The round's.</param>
/// <param name="Policy">The number of the policy it made.</param>
/// <param name="Over">The number of the policy it began from.</param>
/// <param name="EndedAt">UTC.</param>
public sealed record LastRound(int Number, int Policy, int Over, DateTime EndedAt)
{
    /// <summary>Blind judgments between the two policies; null while they are too few to say anything.</summary>
    public BlindWinRate? WinRate { get; init; }

    /// <summary>Held-out <c>rewards/accuracies</c> before the first update; null where the two policies were the same there, so that it would be chance.</summary>
    public double? AccuracyBefore { get; init; }

    /// <summary>…and after the last; null without held-out preferences.</summary>
    public double? AccuracyAfter { get; init; }

    /// <summary>How many held-out comparisons these shares rest on.</summary>
    public int HeldOut { get; init; }
}

/// <summary>The share of blind judgments that prefer the newer policy, a tie counting half.</summary>
/// <param name="Interval">Wilson's at 95%.</param>
public sealed record BlindWinRate(double Share, ConfidenceInterval Interval, int Judgments);

/// <summary>Whether the machinery works.</summary>
/// <param name="Sampler">The sampler's process.</param>
/// <param name="FreeBytes">Free space where the data folder lies; null where the system does not say.</param>
/// <param name="Troubles">What needs somebody, the worst first; empty if nothing does.</param>
public sealed record StudioHealth(ModelState Sampler, long? FreeBytes, IReadOnlyList<Trouble> Troubles);

/// <summary>What is amiss.</summary>
public enum TroubleKind
{
    /// <summary>Nothing can be sampled.</summary>
    Sampler,
    Disk,

    /// <summary>The sampler answers, but the stock does not fill.</summary>
    Stock,

    /// <summary>The last round failed.</summary>
    FailedRound,

    /// <summary>A round was cut off when the app ended, and waits to be resumed.</summary>
    InterruptedRound,
}

/// <summary>Something amiss.</summary>
/// <param name="Reason">One sentence for people, where the part that failed gave one.</param>
/// <param name="Round">The number of the round it is about.</param>
public sealed record Trouble(TroubleKind Kind, string? Reason = null, int? Round = null);

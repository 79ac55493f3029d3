namespace Annotator.Web.Data;

/// <summary>One DPO update of a study's policy. Its files are in the round directory, named by <see cref="DirectoryName"/>.</summary>
public sealed class Round
{
    public long Id { get; set; }
    public long StudyId { get; set; }
    public Study? Study { get; set; }

    /// <summary>1, 2, … within the study.</summary>
    public required int Number { get; set; }

    public required RoundState State { get; set; }

    /// <summary>The folder under <c>rounds/</c> of the data folder.</summary>
    public required string DirectoryName { get; set; }

    /// <summary>The trainer's options as asked for, JSON of <c>Annotator.Model.Preferences.RoundOptions</c> less the directories.</summary>
    public required string Options { get; set; }

    public required RoundInit Init { get; set; }
    public required RoundReference Reference { get; set; }
    public required RoundData Data { get; set; }

    /// <summary>The policy trained from, once the round has started.</summary>
    public long? InitPolicyId { get; set; }
    public Policy? InitPolicy { get; set; }

    /// <summary>The policy it made.</summary>
    public long? ResultPolicyId { get; set; }
    public Policy? ResultPolicy { get; set; }

    /// <summary>Preferences in the snapshot (train and eval); null until it is written.</summary>
    public int? PreferenceCount { get; set; }

    /// <summary>Judgments with an id up to this one were seen by the snapshot: "new" data starts after it.</summary>
    public long? LastJudgmentId { get; set; }

    /// <summary>Who started it; null = the study's rule.</summary>
    public string? StartedById { get; set; }
    public Person? StartedBy { get; set; }

    public required DateTime CreatedAt { get; set; }
    public DateTime? StartedAt { get; set; }
    public DateTime? EndedAt { get; set; }

    /// <summary>One sentence for people; null unless it failed or was interrupted.</summary>
    public string? FailureReason { get; set; }
}

public enum RoundState
{
    Queued = 0,
    Running = 1,
    Succeeded = 2,
    Failed = 3,
    Cancelled = 4,

    /// <summary>The app ended while it ran; it can be resumed from its checkpoint.</summary>
    Interrupted = 5,

    /// <summary>
    /// An admin deleted its files. The row stays, out of every list: its number is not given again, and what it has seen is
    /// not "new" again.
    /// </summary>
    Deleted = 6,
}

/// <summary>The policy whose weights a round starts from.</summary>
public enum RoundInit
{
    Previous = 0,
    Sft = 1,
}

/// <summary>The policy the log-ratios are taken against.</summary>
public enum RoundReference
{
    Sft = 0,
    Previous = 1,
}

/// <summary>The judgments a round trains on.</summary>
public enum RoundData
{
    All = 0,

    /// <summary>Those since the last successful round's snapshot.</summary>
    New = 1,
}

namespace Annotator.Web.Data;

/// <summary>A version of a study's model (π): number 0 is the SFT policy, each successful round adds the next.</summary>
public sealed class Policy
{
    public long Id { get; set; }
    public long StudyId { get; set; }
    public Study? Study { get; set; }

    /// <summary>0 for the SFT policy, then 1, 2, … in the study's line.</summary>
    public required int Number { get; set; }

    /// <summary>Content hash: the directory's name in the registry, and <c>model</c> in completion requests.</summary>
    public required string Hash { get; set; }

    public long? ParentId { get; set; }
    public Policy? Parent { get; set; }

    /// <summary>The round that made it; null for policy 0, and for one that was imported.</summary>
    public long? RoundId { get; set; }

    /// <summary>It is to serve once the study's gate opens for it (<see cref="StudyEvaluation.GateWinRate"/>); at most one of a study does.</summary>
    public bool AwaitsGate { get; set; }

    public required DateTime CreatedAt { get; set; }
}

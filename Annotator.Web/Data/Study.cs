namespace Annotator.Web.Data;

/// <summary>One annotation project: prompts, guidelines, sampling and round options, and its line of policies.</summary>
public sealed class Study
{
    public long Id { get; set; }
    public required string Name { get; set; }

    /// <summary>Markdown, shown in the drawer beside the desk.</summary>
    public required string Guidelines { get; set; }

    /// <summary>Raised with every change of the guidelines and stored with each judgment.</summary>
    public int GuidelinesVersion { get; set; } = 1;

    /// <summary>How responses are drawn from the current policy.</summary>
    public required StudySampling Sampling { get; set; }

    /// <summary>What annotators are asked, and how often.</summary>
    public StudyTask Task { get; set; } = new();

    /// <summary>How it is found out whether the policies get better.</summary>
    public StudyEvaluation Evaluation { get; set; } = new();

    /// <summary>No longer offered to annotators; everything in it stays.</summary>
    public bool IsArchived { get; set; }

    /// <summary>Simulated annotators judge it, and nobody else: what they say is never mixed with what people say.</summary>
    public bool IsDemo { get; set; }

    /// <summary>Only those of <see cref="StudyMember"/> may judge; else everybody who is an annotator.</summary>
    public bool MembersOnly { get; set; }

    /// <summary>Standing judgments on its comparisons, repeats and edits aside; kept in the same transaction as the judgment.</summary>
    public int JudgmentCount { get; set; }

    /// <summary>Start a round after this many new judgments that state a preference; null = by hand only.</summary>
    public int? AutomaticRoundEvery { get; set; }

    /// <summary>At most so many rounds by that rule within 24 hours; null = as many as it makes.</summary>
    public int? AutomaticRoundsADay { get; set; }

    /// <summary>The serving policy, the one that is sampled from: mostly the newest.</summary>
    public long? CurrentPolicyId { get; set; }
    public Policy? CurrentPolicy { get; set; }

    /// <summary>Serves beside it: then each comparison has responses of both, half and half. Null = one serves.</summary>
    public long? SecondPolicyId { get; set; }
    public Policy? SecondPolicy { get; set; }

    public required DateTime CreatedAt { get; set; }
}

/// <summary>The sampling options of a study (a complex type, columns of the study's row).</summary>
public sealed record StudySampling
{
    public double Temperature { get; init; } = 1;
    public double TopP { get; init; } = 1;

    /// <summary>0 = all tokens.</summary>
    public int TopK { get; init; }

    /// <summary>At most this many tokens a response.</summary>
    public int MaxTokens { get; init; } = 64;

    /// <summary>How a chat becomes a prompt: the name of a template; null = as the policy's own files say.</summary>
    public string? ChatTemplate { get; init; }
}

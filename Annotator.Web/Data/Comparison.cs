namespace Annotator.Web.Data;

/// <summary>A prompt with the responses that are put before people together.</summary>
public sealed class Comparison
{
    public long Id { get; set; }
    public long StudyId { get; set; }
    public Study? Study { get; set; }
    public long PromptId { get; set; }
    public Prompt? Prompt { get; set; }

    /// <summary>The policy whose arrival asked for this comparison; its responses' own policies may differ in an evaluation.</summary>
    public long PolicyId { get; set; }
    public Policy? Policy { get; set; }

    public ComparisonPurpose Purpose { get; set; }

    /// <summary>In the order of <see cref="ComparisonResponse.Position"/>; rankings speak of these positions.</summary>
    public List<ComparisonResponse> Responses { get; } = [];

    /// <summary>Annotators whose current judgment stands (not withdrawn); kept in the same transaction as the judgment.</summary>
    public int JudgmentCount { get; set; }

    /// <summary>The annotator who has it on screen or prefetched; free again after <see cref="LeaseExpiresAt"/>.</summary>
    public string? LeasedToId { get; set; }
    public DateTime? LeaseExpiresAt { get; set; }

    /// <summary>Taken out of the stock because a newer policy arrived before anybody judged it.</summary>
    public DateTime? RetiredAt { get; set; }

    public required DateTime CreatedAt { get; set; }
}

/// <summary>What a comparison is for.</summary>
public enum ComparisonPurpose
{
    Train = 0,

    /// <summary>Blind old policy against new.</summary>
    Evaluation = 1,

    /// <summary>The right answer is known.</summary>
    Gold = 2,
}

/// <summary>One response's place in a comparison.</summary>
public sealed class ComparisonResponse
{
    public long ComparisonId { get; set; }
    public required int Position { get; set; }
    public long ResponseId { get; set; }
    public Response? Response { get; set; }
}

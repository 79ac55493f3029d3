namespace Annotator.Web.Data;

/// <summary>
/// A completion of a prompt (y): by a policy, with all that is needed to train on it and to sample it again; or by a person
/// who edited one. A person's has an author and what it was edited from, but no policy, no token ids of its own and no seed.
/// One that was imported, and that no policy of the study wrote, has neither a policy nor an author.
/// </summary>
public sealed class Response
{
    public long Id { get; set; }
    public long PromptId { get; set; }
    public Prompt? Prompt { get; set; }

    /// <summary>The policy of the study that wrote it; null if a person did, or if it was imported from elsewhere.</summary>
    public long? PolicyId { get; set; }
    public Policy? Policy { get; set; }

    /// <summary>The annotator who wrote it; null if a policy did, or if it is not known who.</summary>
    public string? AuthorId { get; set; }
    public Person? Author { get; set; }

    /// <summary>What an imported file calls the policy that wrote it, where that is none of the study's; then its token ids may be of another vocabulary.</summary>
    public string? SourcePolicy { get; set; }

    /// <summary>The number that an imported file gives that policy.</summary>
    public int? SourcePolicyNumber { get; set; }

    /// <summary>The response that a person edited into this one; null if a policy wrote it.</summary>
    public long? EditedFromId { get; set; }
    public Response? EditedFrom { get; set; }

    public required string Text { get; set; }

    /// <summary>The sampled tokens, the end token among them if it was sampled; null if the sampler gave none (then the text is trained on).</summary>
    public int[]? TokenIds { get; set; }

    /// <summary>The prompt's tokens as the sampler saw them; null if it gave none.</summary>
    public int[]? PromptTokenIds { get; set; }

    /// <summary>Σ log π(token) over the completion at temperature 1, in nats; null if the sampler gave none.</summary>
    public double? LogProbability { get; set; }

    /// <summary>Under each reference that a round has asked about it.</summary>
    public List<ReferenceLogProbability> ReferenceLogProbabilities { get; } = [];

    /// <summary>Of the policy that wrote it; of no meaning for a person's, or where an imported file did not say.</summary>
    public required StudySampling Sampling { get; set; }
    public required long Seed { get; set; }

    /// <summary><c>stop</c> (also for a person's) or <c>length</c>, as in the completions API.</summary>
    public required string FinishReason { get; set; }

    public required DateTime CreatedAt { get; set; }
}

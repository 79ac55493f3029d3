namespace Annotator.Web.Data;

/// <summary>A completion of a prompt by a policy (y), with all that is needed to train on it and to sample it again.</summary>
public sealed class Response
{
    public long Id { get; set; }
    public long PromptId { get; set; }
    public Prompt? Prompt { get; set; }
    public long PolicyId { get; set; }
    public Policy? Policy { get; set; }

    public required string Text { get; set; }

    /// <summary>The sampled tokens, the end token among them if it was sampled; null if the sampler gave none (then the text is trained on).</summary>
    public int[]? TokenIds { get; set; }

    /// <summary>The prompt's tokens as the sampler saw them; null if it gave none.</summary>
    public int[]? PromptTokenIds { get; set; }

    /// <summary>Σ log π(token) over the completion at temperature 1, in nats; null if the sampler gave none.</summary>
    public double? LogProbability { get; set; }

    public required StudySampling Sampling { get; set; }
    public required long Seed { get; set; }

    /// <summary><c>stop</c> or <c>length</c>, as in the completions API.</summary>
    public required string FinishReason { get; set; }

    public required DateTime CreatedAt { get; set; }
}

using Annotator.Model.Checkpoints;

namespace Annotator.Model.Sampling;

/// <summary>A finished response.</summary>
/// <param name="PromptIndex">Which of the prompts it continues.</param>
/// <param name="Index">Among the n of its prompt.</param>
/// <param name="Text">Decoded, without end-of-text token and stop string; empty if the policy has no tokenizer.</param>
/// <param name="TokenIds">As sampled, an end-of-text token included.</param>
/// <param name="FinishReason">One of <see cref="FinishReasons"/>.</param>
/// <param name="TokenLogProbabilities">One a token, under temperature 1 without truncation, in nats.</param>
public sealed record SampledResponse(
    int PromptIndex, int Index, string Text, IReadOnlyList<int> TokenIds, string FinishReason, IReadOnlyList<double> TokenLogProbabilities)
{
    /// <summary>log π(response | prompt), in nats.</summary>
    public double LogProbability => TokenLogProbabilities.Sum();
}

/// <summary>A prompt that a policy can't continue: a word for programs and one sentence that says why.</summary>
public sealed record PromptFault(string Code, string Message);

/// <summary>Samples responses from a policy, many rows at a time. Synchronous, on the thread that owns the tensors.</summary>
public static class Sampler
{
    /// <summary>Most rows that are computed together.</summary>
    public const int MaxRows = 64;

    /// <summary>Samples n responses for each prompt.</summary>
    /// <param name="policy">The policy; needs a tokenizer only for text.</param>
    /// <param name="prompts">Token ids, at least one each.</param>
    /// <param name="n">Responses for each prompt.</param>
    /// <param name="options">The seed is the same for every prompt: response i of n draws from (seed, i).</param>
    /// <param name="cancellationToken">Ends the sampling between two steps.</param>
    /// <returns>In the order of the prompts, the n of a prompt together; lazily, up to <see cref="MaxRows"/> in work at a time.</returns>
    /// <exception cref="ArgumentException">An option out of range, or a prompt that the policy can't continue.</exception>
    /// <exception cref="NotFiniteNumberException">The policy's logits are not finite.</exception>
    public static IEnumerable<SampledResponse> Sample(
        Policy policy, IReadOnlyList<IReadOnlyList<int>> prompts, int n, SamplingOptions options, CancellationToken cancellationToken = default)
    {
        Check(policy, prompts, options);
        var groups = Enumerable.Range(0, prompts.Count)
            .SelectMany(p => Enumerable.Range(0, n).Select(i => new Growing(p, i, Begin(policy, prompts[p], i, options, cancellationToken))).Chunk(MaxRows));
        return Finish(policy, groups, cancellationToken);
    }

    /// <summary>
    /// Samples one response for each prompt. Response i to prompt i draws from (seed, i), so that all are independent, those
    /// to equal prompts too: what measurements and PPO ask for.
    /// </summary>
    /// <inheritdoc cref="Sample" />
    public static IEnumerable<SampledResponse> SampleEach(
        Policy policy, IReadOnlyList<IReadOnlyList<int>> prompts, SamplingOptions options, CancellationToken cancellationToken = default)
    {
        Check(policy, prompts, options);
        var each = Enumerable.Range(0, prompts.Count).Select(i => new[] { new Growing(i, 0, Begin(policy, prompts[i], i, options, cancellationToken)) });
        return Finish(policy, each, cancellationToken);
    }

    /// <summary>Why a policy can't continue a prompt; null if it can.</summary>
    /// <param name="promptTokenIds">The prompt.</param>
    /// <param name="policy">The policy.</param>
    /// <param name="maxTokens">Tokens that have to fit into the context after it.</param>
    public static PromptFault? FaultOf(IReadOnlyList<int> promptTokenIds, Policy policy, int maxTokens)
    {
        var (vocabulary, context) = (policy.Model.VocabularySize, policy.Model.ContextLength);
        if (promptTokenIds.Count == 0)
            return new("prompt_empty", "The prompt is empty; the policy needs at least one token to continue.");
        foreach (var id in promptTokenIds)
        {
            if (id < 0 || id >= vocabulary)
                return new("token_id_unknown", $"The prompt holds the token id {id}; this policy's ids go from 0 to {vocabulary - 1}.");
        }

        return (long)promptTokenIds.Count + maxTokens > context
            ? new("context_length_exceeded", $"This policy's context is {context} tokens; the prompt has {promptTokenIds.Count} and max_tokens asks for {maxTokens} more. Shorten the prompt or lower max_tokens.")
            : null;
    }

    private static void Check(Policy policy, IReadOnlyList<IReadOnlyList<int>> prompts, SamplingOptions options)
    {
        if (options.Fault() is { } fault)
            throw new ArgumentException(fault.Message, fault.Name);
        foreach (var prompt in prompts)
        {
            if (FaultOf(prompt, policy, options.MaxTokens) is { } promptFault)
                throw new ArgumentException(promptFault.Message, nameof(prompts));
        }
    }

    private static ResponseInProgress Begin(
        Policy policy, IReadOnlyList<int> prompt, int index, SamplingOptions options, CancellationToken cancellationToken) =>
        new(prompt, index, options, policy.Tokenizer, policy.EndIds, cancelled: cancellationToken);

    /// <param name="groups">Responses to one prompt each, which share its prefill: they join together once there is room for all.</param>
    private static IEnumerable<SampledResponse> Finish(Policy policy, IEnumerable<Growing[]> groups, CancellationToken cancellationToken)
    {
        var growing = new Dictionary<ResponseInProgress, Growing>();
        var inOrder = new Queue<Growing>();
        using var batch = new SamplingBatch(policy.Model);
        using var waiting = groups.GetEnumerator();
        var more = waiting.MoveNext();
        while (more || batch.Rows > 0)
        {
            var joining = new List<Growing>();
            for (; more && batch.Rows + joining.Count + waiting.Current.Length <= MaxRows; more = waiting.MoveNext())
                joining.AddRange(waiting.Current);
            joining.ForEach(response => growing.Add(response.Response, response));
            joining.ForEach(inOrder.Enqueue);
            batch.Add([.. joining.Select(response => response.Response)]);
            batch.Step((response, token) => growing[response].Tokens.Add(token));
            cancellationToken.ThrowIfCancellationRequested();

            while (inOrder.TryPeek(out var first) && first.Response.IsOver)
            {
                growing.Remove(inOrder.Dequeue().Response);
                yield return first.Finished();
            }
        }
    }

    private sealed record Growing(int PromptIndex, int Index, ResponseInProgress Response)
    {
        public List<SampledToken> Tokens { get; } = [];

        public SampledResponse Finished() => new(
            PromptIndex,
            Index,
            string.Concat(Tokens.Select(t => t.Text)),
            [.. Tokens.Select(t => t.Id)],
            Tokens[^1].FinishReason!,
            [.. Tokens.Select(t => t.LogProbability)]);
    }
}

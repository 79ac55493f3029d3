using System.Text.Json;

namespace Annotator.Model.Sampling;

/// <summary>The answer to a completion request.</summary>
/// <param name="request">Checked.</param>
/// <param name="job">The request's job.</param>
internal sealed class CompletionShape(CompletionRequest request, SamplingJob job) : IAnswerShape
{
    private readonly string _id = $"cmpl-{Guid.NewGuid():N}";
    private readonly long _created = DateTimeOffset.UtcNow.ToUnixTimeSeconds();
    private readonly bool _withIds = request.ReturnTokenIds == true;

    public string Whole(IReadOnlyList<IReadOnlyList<SampledToken>> tokens, CompletionUsage usage) =>
        Json([.. tokens.Select((of, index) => Choice(index, of, isFirst: true))], isFirst: true, usage);

    public IEnumerable<string> Chunks(int choice, SampledToken token, bool isFirst) =>
        [Json([Choice(choice, [token], isFirst)], isFirst)];

    public string UsageChunk(CompletionUsage usage) => Json([], isFirst: false, usage);

    private string Json(IReadOnlyList<CompletionChoice> choices, bool isFirst, CompletionUsage? usage = null)
    {
        var answer = new CompletionResponse
        {
            Id = _id,
            Created = _created,
            Model = job.Policy,
            Choices = choices,
            Usage = usage,
            PromptTokenIds = _withIds && isFirst && job.PromptTokenIds.Count == 1 ? job.PromptTokenIds[0] : null,
        };
        return JsonSerializer.Serialize(answer, CompletionJson.Default.CompletionResponse);
    }

    private CompletionChoice Choice(int index, IReadOnlyList<SampledToken> tokens, bool isFirst) => new()
    {
        Index = index,
        Text = string.Concat(tokens.Select(t => t.Text)),
        FinishReason = tokens[^1].FinishReason,
        Logprobs = request.Logprobs is null ? null : Logprobs(tokens),
        TokenIds = _withIds ? [.. tokens.Select(t => t.Id)] : null,
        PromptTokenIds = _withIds && isFirst ? job.PromptTokenIds[index / job.N] : null,
    };

    private CompletionLogprobs Logprobs(IReadOnlyList<SampledToken> tokens) => new()
    {
        Tokens = [.. tokens.Select(t => job.Spelling(t.Id))],
        TokenLogprobs = [.. tokens.Select(t => t.LogProbability)],
        TopLogprobs = request.Logprobs == 0 ? null : [.. tokens.Select(TopLogprobs)],
        TextOffset = [.. tokens.Select(t => t.TextOffset)],
    };

    /// <summary>Two tokens may read the same (pieces of characters): the more probable one keeps the place.</summary>
    private Dictionary<string, double> TopLogprobs(SampledToken token)
    {
        var top = new Dictionary<string, double>();
        foreach (var (id, logProbability) in token.MostProbable)
            top.TryAdd(job.Spelling(id), logProbability);
        return top;
    }
}

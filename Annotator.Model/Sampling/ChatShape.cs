using System.Text.Json;

namespace Annotator.Model.Sampling;

/// <summary>The answer to a chat request.</summary>
/// <param name="request">Checked.</param>
/// <param name="job">The request's job.</param>
internal sealed class ChatShape(ChatCompletionRequest request, SamplingJob job) : IAnswerShape
{
    private const string Assistant = "assistant";

    private readonly string _id = $"chatcmpl-{Guid.NewGuid():N}";
    private readonly long _created = DateTimeOffset.UtcNow.ToUnixTimeSeconds();
    private readonly bool _withIds = request.ReturnTokenIds == true;

    public string Whole(IReadOnlyList<IReadOnlyList<SampledToken>> tokens, CompletionUsage usage) =>
        Json(ChatCompletionResponse.Whole, [.. tokens.Select((of, index) => Choice(index, of) with { Message = new() { Role = Assistant, Content = Text(of) } })], withPrompt: true, usage);

    /// <summary>The role comes in a chunk of its own, as OpenAI sends it.</summary>
    public IEnumerable<string> Chunks(int choice, SampledToken token, bool isFirst)
    {
        if (isFirst)
            yield return Chunk([new() { Index = choice, Delta = new() { Role = Assistant, Content = "" } }], withPrompt: true);
        yield return Chunk([Choice(choice, [token]) with { Delta = new() { Content = token.Text } }]);
    }

    public string UsageChunk(CompletionUsage usage) => Chunk([], usage: usage);

    private string Chunk(IReadOnlyList<ChatCompletionChoice> choices, bool withPrompt = false, CompletionUsage? usage = null) =>
        Json(ChatCompletionResponse.Chunk, choices, withPrompt, usage);

    private string Json(string kind, IReadOnlyList<ChatCompletionChoice> choices, bool withPrompt, CompletionUsage? usage)
    {
        var answer = new ChatCompletionResponse
        {
            Id = _id,
            Kind = kind,
            Created = _created,
            Model = job.Policy,
            Choices = choices,
            Usage = usage,
            PromptTokenIds = _withIds && withPrompt ? job.PromptTokenIds[0] : null,
        };
        return JsonSerializer.Serialize(answer, CompletionJson.Default.ChatCompletionResponse);
    }

    private ChatCompletionChoice Choice(int index, IReadOnlyList<SampledToken> tokens) => new()
    {
        Index = index,
        FinishReason = tokens[^1].FinishReason,
        Logprobs = request.Logprobs == true ? new([.. tokens.Select(Logprob)]) : null,
        TokenIds = _withIds ? [.. tokens.Select(t => t.Id)] : null,
    };

    private ChatTokenLogprob Logprob(SampledToken token) => Logprob(token.Id, token.LogProbability) with
    {
        TopLogprobs = [.. token.MostProbable.Select(best => Logprob(best.Id, best.LogProbability))],
    };

    private ChatTokenLogprob Logprob(int id, double logProbability) => new()
    {
        Token = job.Spelling(id),
        Logprob = logProbability,
        Bytes = job.Bytes(id) is { Length: > 0 } bytes ? Array.ConvertAll(bytes.ToArray(), b => (int)b) : null,
    };

    private static string Text(IReadOnlyList<SampledToken> tokens) => string.Concat(tokens.Select(t => t.Text));
}

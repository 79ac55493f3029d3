using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace Annotator.Model.Sampling;

/// <summary>Turns a job's tokens into the answer that its request asked for: one JSON object, or server-sent events.</summary>
/// <param name="request">Checked.</param>
/// <param name="job">The request's job.</param>
internal sealed class CompletionWriter(CompletionRequest request, SamplingJob job)
{
    private const string EndOfText = "<|endoftext|>";

    private readonly string _id = $"cmpl-{Guid.NewGuid():N}";
    private readonly long _created = DateTimeOffset.UtcNow.ToUnixTimeSeconds();
    private readonly bool _withIds = request.ReturnTokenIds == true;
    private int _sampled;

    /// <summary>Waits for all tokens and writes the answer.</summary>
    public async Task WriteWholeAsync(HttpResponse http, CancellationToken cancellationToken)
    {
        var tokens = Enumerable.Range(0, job.Rows).Select(_ => new List<SampledToken>()).ToList();
        await foreach (var (choice, token) in job.Tokens(cancellationToken))
            tokens[choice].Add(token);
        _sampled = tokens.Sum(t => t.Count);

        var answer = Answer([.. tokens.Select((of, index) => Choice(index, of, first: true))]) with
        {
            Usage = Usage(),
            PromptTokenIds = _withIds && job.PromptTokenIds.Count == 1 ? job.PromptTokenIds[0] : null,
        };
        await http.WriteAsJsonAsync(answer, CompletionJson.Default.CompletionResponse, cancellationToken: cancellationToken);
    }

    /// <summary>Writes a chunk for each token as it comes. Fails before anything is written if the first token never comes.</summary>
    public async Task WriteStreamAsync(HttpResponse http, CancellationToken cancellationToken)
    {
        var begun = new HashSet<int>();
        try
        {
            await foreach (var (choice, token) in job.Tokens(cancellationToken))
            {
                if (begun.Count == 0)
                {
                    http.ContentType = "text/event-stream; charset=utf-8";
                    http.Headers.CacheControl = "no-cache";
                }

                var first = begun.Add(choice);
                _sampled++;
                var chunk = Answer([Choice(choice, [token], first)]) with
                {
                    PromptTokenIds = first && _withIds && job.PromptTokenIds.Count == 1 ? job.PromptTokenIds[0] : null,
                };
                await WriteEventAsync(http, JsonSerializer.Serialize(chunk, CompletionJson.Default.CompletionResponse), cancellationToken);
            }

            if (request.StreamOptions?.IncludeUsage == true)
                await WriteEventAsync(http, JsonSerializer.Serialize(Answer([]) with { Usage = Usage() }, CompletionJson.Default.CompletionResponse), cancellationToken);
        }
        catch (CompletionException e) when (http.HasStarted)
        {
            // The status has gone out long ago: OpenAI's clients look for an error among the events.
            await WriteEventAsync(http, JsonSerializer.Serialize(new ErrorResponse(e.Detail), CompletionJson.Default.ErrorResponse), cancellationToken);
        }

        await WriteEventAsync(http, "[DONE]", cancellationToken);
    }

    private static async Task WriteEventAsync(HttpResponse http, string data, CancellationToken cancellationToken)
    {
        await http.WriteAsync($"data: {data}\n\n", cancellationToken);
        await http.Body.FlushAsync(cancellationToken);
    }

    private CompletionResponse Answer(IReadOnlyList<CompletionChoice> choices) =>
        new() { Id = _id, Created = _created, Model = job.Policy, Choices = choices };

    private CompletionChoice Choice(int index, IReadOnlyList<SampledToken> tokens, bool first) => new()
    {
        Index = index,
        Text = string.Concat(tokens.Select(t => t.Text)),
        FinishReason = tokens[^1].FinishReason,
        Logprobs = request.Logprobs is null ? null : Logprobs(tokens),
        TokenIds = _withIds ? [.. tokens.Select(t => t.Id)] : null,
        PromptTokenIds = _withIds && first ? job.PromptTokenIds[index / job.N] : null,
    };

    private CompletionLogprobs Logprobs(IReadOnlyList<SampledToken> tokens) => new()
    {
        Tokens = [.. tokens.Select(t => TextOf(t.Id))],
        TokenLogprobs = [.. tokens.Select(t => t.LogProbability)],
        TopLogprobs = request.Logprobs == 0 ? null : [.. tokens.Select(TopLogprobs)],
        TextOffset = [.. tokens.Select(t => t.TextOffset)],
    };

    /// <summary>Two tokens may read the same (pieces of characters): the more probable one keeps the place.</summary>
    private Dictionary<string, double> TopLogprobs(SampledToken token)
    {
        var top = new Dictionary<string, double>();
        foreach (var (id, logProbability) in token.MostProbable)
            top.TryAdd(TextOf(id), logProbability);
        return top;
    }

    private string TextOf(int id) => job.Tokenizer is { } tokenizer && id < tokenizer.VocabularySize
        ? id == tokenizer.EndOfTextId ? EndOfText : tokenizer.Decode([id])
        : $"token_id:{id}";

    private CompletionUsage Usage()
    {
        var prompts = job.PromptTokenIds.Sum(p => p.Count);
        return new(prompts, _sampled, prompts + _sampled);
    }
}

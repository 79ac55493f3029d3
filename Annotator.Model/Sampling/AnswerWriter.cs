using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace Annotator.Model.Sampling;

/// <summary>How one of OpenAI's APIs spells an answer in JSON.</summary>
internal interface IAnswerShape
{
    /// <summary>The answer that is not streamed.</summary>
    /// <param name="tokens">Those of each choice.</param>
    /// <param name="usage">Counts of tokens.</param>
    string Whole(IReadOnlyList<IReadOnlyList<SampledToken>> tokens, CompletionUsage usage);

    /// <summary>The chunks for one token.</summary>
    /// <param name="choice">The response's index.</param>
    /// <param name="token">What is new of it.</param>
    /// <param name="isFirst">The first token of that response.</param>
    IEnumerable<string> Chunks(int choice, SampledToken token, bool isFirst);

    /// <summary>The chunk after all others.</summary>
    string UsageChunk(CompletionUsage usage);
}

/// <summary>Writes a job's tokens as the answer that its request asked for: one JSON object, or server-sent events.</summary>
/// <param name="job">The request's job.</param>
/// <param name="shape">How the answer is spelt.</param>
/// <param name="withUsage">A stream ends with the counts of tokens.</param>
internal sealed class AnswerWriter(SamplingJob job, IAnswerShape shape, bool withUsage)
{
    private int _sampled;

    /// <summary>Waits for all tokens and writes the answer.</summary>
    public async Task WriteWholeAsync(HttpResponse http, CancellationToken cancellationToken)
    {
        var tokens = Enumerable.Range(0, job.Rows).Select(_ => new List<SampledToken>()).ToList();
        await foreach (var (choice, token) in job.Tokens(cancellationToken))
            tokens[choice].Add(token);
        _sampled = tokens.Sum(t => t.Count);

        http.ContentType = "application/json; charset=utf-8";
        await http.WriteAsync(shape.Whole(tokens, Usage()), cancellationToken);
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

                _sampled++;
                foreach (var chunk in shape.Chunks(choice, token, isFirst: begun.Add(choice)))
                    await WriteEventAsync(http, chunk, cancellationToken);
            }

            if (withUsage)
                await WriteEventAsync(http, shape.UsageChunk(Usage()), cancellationToken);
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

    private CompletionUsage Usage()
    {
        var prompts = job.PromptTokenIds.Sum(p => p.Count);
        return new(prompts, _sampled, prompts + _sampled);
    }
}

using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Annotator.Model.Sampling;

namespace Annotator.Web.Engine;

/// <summary>The sampler can't be reached or broke off; it may be back soon.</summary>
public sealed class SamplerUnavailableException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>The sampler answered that it won't, or with something that is no answer: asking again changes nothing.</summary>
public sealed class SamplerRefusedException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>One sampled response.</summary>
/// <param name="Text">Without the end token.</param>
/// <param name="TokenIds">The end token among them if it was sampled; null if the server gives none.</param>
/// <param name="PromptTokenIds">The prompt as the model saw it; null if the server gives none.</param>
/// <param name="LogProbability">Σ log π(token) at temperature 1, in nats; null if the server gives none.</param>
/// <param name="FinishReason"><c>stop</c> or <c>length</c>.</param>
public sealed record SampledResponse(
    string Text, IReadOnlyList<int>? TokenIds, IReadOnlyList<int>? PromptTokenIds, double? LogProbability, string FinishReason);

/// <summary>Asks the sampler for responses: OpenAI's completions API with vLLM's <c>return_token_ids</c>.</summary>
public sealed class CompletionsClient(HttpClient http, ModelProcess sampler)
{
    /// <summary>Whole minutes on a slow machine, but not for ever: a server that hangs must not hold up the stock.</summary>
    private static readonly TimeSpan AnswerWithin = TimeSpan.FromMinutes(5);

    /// <summary>Sends one request as it is.</summary>
    /// <exception cref="SamplerUnavailableException">The sampler is down, busy or broke off.</exception>
    /// <exception cref="SamplerRefusedException">It refuses the request, or its answer can't be read.</exception>
    /// <exception cref="OperationCanceledException">The caller cancelled.</exception>
    public async Task<CompletionResponse> CompleteAsync(CompletionRequest request, CancellationToken cancellation)
    {
        var endpoint = sampler.State.Endpoint
            ?? throw new SamplerUnavailableException(sampler.State.Reason ?? "The sampler is starting.");
        using var bounded = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        bounded.CancelAfter(AnswerWithin);
        try
        {
            using var answer = await http.PostAsJsonAsync(
                new Uri(endpoint, "v1/completions"), request, CompletionJson.Default.CompletionRequest, bounded.Token);
            if (!answer.IsSuccessStatusCode)
            {
                throw await ErrorAsync(answer, bounded.Token);
            }

            return await answer.Content.ReadFromJsonAsync(CompletionJson.Default.CompletionResponse, bounded.Token)
                ?? throw new SamplerRefusedException($"The completions server at {endpoint} answered null.");
        }
        catch (JsonException e)
        {
            throw new SamplerRefusedException($"The completions server at {endpoint} answered with something that is no completion: {e.Message}", e);
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            throw new SamplerUnavailableException($"The sampler at {endpoint} can't be reached: {e.Message}", e);
        }
        catch (OperationCanceledException e) when (!cancellation.IsCancellationRequested)
        {
            throw new SamplerUnavailableException($"The sampler at {endpoint} did not answer within {AnswerWithin.TotalMinutes:0} minutes.", e);
        }
    }

    /// <summary>Samples <paramref name="n"/> responses to one prompt.</summary>
    /// <param name="policyHash">The policy's hash, which is the model's name.</param>
    /// <param name="prompt">The text to be continued.</param>
    /// <param name="n">How many.</param>
    /// <param name="sampling">The study's options.</param>
    /// <param name="seed">Draws the same responses again, from the same server.</param>
    /// <param name="cancellation">Ends the request.</param>
    /// <inheritdoc cref="CompleteAsync" path="/exception" />
    public async Task<IReadOnlyList<SampledResponse>> SampleAsync(
        string policyHash, string prompt, int n, Data.StudySampling sampling, long seed, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(sampling);
        var answer = await CompleteAsync(
            new CompletionRequest
            {
                Model = policyHash,
                Prompt = [CompletionPrompt.FromText(prompt)],
                N = n,
                MaxTokens = sampling.MaxTokens,
                Temperature = sampling.Temperature,
                TopP = sampling.TopP,
                TopK = sampling.TopK,
                Seed = seed,
                Logprobs = 0,
                ReturnTokenIds = true,
            },
            cancellation);
        return answer.Choices.Count == n
            ? [.. answer.Choices.OrderBy(choice => choice.Index).Select(choice => Read(choice, answer))]
            : throw new SamplerRefusedException($"The sampler was asked for {n} responses and gave {answer.Choices.Count}.");
    }

    private static SampledResponse Read(CompletionChoice choice, CompletionResponse answer) => new(
        choice.Text,
        choice.TokenIds,
        choice.PromptTokenIds ?? answer.PromptTokenIds,
        choice.Logprobs?.TokenLogprobs is { } logprobs && (choice.TokenIds is null || logprobs.Count == choice.TokenIds.Count) ? logprobs.Sum() : null,
        choice.FinishReason ?? "stop");

    private static async Task<Exception> ErrorAsync(HttpResponseMessage answer, CancellationToken cancellation)
    {
        var said = await ReasonAsync(answer, cancellation);
        // Too many at once, a proxy's "not there yet", a server going down: all pass by themselves.
        return (int)answer.StatusCode >= 500 || answer.StatusCode is HttpStatusCode.TooManyRequests or HttpStatusCode.RequestTimeout
            ? new SamplerUnavailableException(said)
            : new SamplerRefusedException(said);
    }

    private static async Task<string> ReasonAsync(HttpResponseMessage answer, CancellationToken cancellation)
    {
        var status = $"The sampler answered {(int)answer.StatusCode} ({answer.ReasonPhrase})";
        try
        {
            return await answer.Content.ReadFromJsonAsync(CompletionJson.Default.ErrorResponse, cancellation) is { Error.Message: { } message }
                ? message
                : $"{status}.";
        }
        catch (JsonException)
        {
            return $"{status}.";
        }
    }
}

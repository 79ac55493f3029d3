using System.Net;
using System.Net.Http.Json;
using System.Net.ServerSentEvents;
using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Annotator.Model.Preferences;
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

/// <summary>What is new of a response that is being written.</summary>
/// <param name="Choice">Which of the responses, from 0.</param>
/// <param name="FinishReason"><c>stop</c> or <c>length</c> with its last piece; else null.</param>
public sealed record SampledPiece(int Choice, string Text, string? FinishReason);

/// <summary>Asks the sampler for responses: OpenAI's completions APIs, for texts and for chats, with vLLM's <c>return_token_ids</c>.</summary>
public sealed class CompletionsClient(HttpClient http, ModelProcess sampler)
{
    /// <summary>Whole minutes on a slow machine, but not for ever: a server that hangs must not hold up the stock.</summary>
    private static readonly TimeSpan AnswerWithin = TimeSpan.FromMinutes(5);

    /// <summary>Sends one request as it is.</summary>
    /// <exception cref="SamplerUnavailableException">The sampler is down, busy or broke off.</exception>
    /// <exception cref="SamplerRefusedException">It refuses the request, or its answer can't be read.</exception>
    /// <exception cref="OperationCanceledException">The caller cancelled.</exception>
    public Task<CompletionResponse> CompleteAsync(CompletionRequest request, CancellationToken cancellation) =>
        PostAsync("v1/completions", request, CompletionJson.Default.CompletionRequest, CompletionJson.Default.CompletionResponse, cancellation);

    private async Task<TAnswer> PostAsync<TRequest, TAnswer>(
        string path, TRequest request, JsonTypeInfo<TRequest> spelling, JsonTypeInfo<TAnswer> answerSpelling, CancellationToken cancellation)
    {
        using var bounded = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        bounded.CancelAfter(AnswerWithin);
        return await GuardAsync(
            async endpoint =>
            {
                using var answer = await http.PostAsJsonAsync(new Uri(endpoint, path), request, spelling, bounded.Token);
                if (!answer.IsSuccessStatusCode)
                {
                    throw await ErrorAsync(answer, bounded.Token);
                }

                return await answer.Content.ReadFromJsonAsync(answerSpelling, bounded.Token)
                    ?? throw new SamplerRefusedException($"The completions server at {endpoint} answered null.");
            },
            cancellation);
    }

    /// <summary>Whatever goes wrong on the way to the sampler and back becomes one of the two exceptions.</summary>
    private async Task<T> GuardAsync<T>(Func<Uri, Task<T>> ask, CancellationToken cancellation)
    {
        var endpoint = sampler.State.Endpoint
            ?? throw new SamplerUnavailableException(sampler.State.Reason ?? "The sampler is starting.");
        try
        {
            return await ask(endpoint);
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

    /// <summary>Samples <paramref name="n"/> responses to one prompt: the continuations of a text, or the assistant's next turn of a chat.</summary>
    /// <param name="policyHash">The policy's hash, which is the model's name.</param>
    /// <param name="prompt">The text to be continued, or the chat so far.</param>
    /// <param name="n">How many.</param>
    /// <param name="sampling">The study's options.</param>
    /// <param name="seed">Draws the same responses again, from the same server.</param>
    /// <param name="cancellation">Ends the request.</param>
    /// <inheritdoc cref="CompleteAsync" path="/exception" />
    public async Task<IReadOnlyList<SampledResponse>> SampleAsync(
        string policyHash, TextOrMessages prompt, int n, Data.StudySampling sampling, long seed, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(prompt);
        ArgumentNullException.ThrowIfNull(sampling);
        var sampled = prompt.Messages is { } messages
            ? await ChatAsync(policyHash, messages, n, sampling, seed, cancellation)
            : await ContinueAsync(policyHash, prompt.Text!, n, sampling, seed, cancellation);
        return sampled.Count == n
            ? sampled
            : throw new SamplerRefusedException($"The sampler was asked for {n} responses and gave {sampled.Count}.");
    }

    /// <summary>As <see cref="SampleAsync"/>, piece by piece as they are written; the pieces of several responses come as they will.</summary>
    /// <inheritdoc cref="CompleteAsync" path="/exception" />
    public async IAsyncEnumerable<SampledPiece> StreamAsync(
        string policyHash, TextOrMessages prompt, int n, Data.StudySampling sampling, long seed, [EnumeratorCancellation] CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(prompt);
        ArgumentNullException.ThrowIfNull(sampling);
        var isChat = prompt.Messages is not null;
        using var bounded = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        bounded.CancelAfter(AnswerWithin);
        using var answer = await GuardAsync(
            async endpoint =>
            {
                using var content = isChat
                    ? JsonContent.Create(ChatRequest(policyHash, prompt.Messages!, n, sampling, seed) with { Logprobs = null, ReturnTokenIds = null, Stream = true }, CompletionJson.Default.ChatCompletionRequest)
                    : JsonContent.Create(TextRequest(policyHash, prompt.Text!, n, sampling, seed) with { Logprobs = null, ReturnTokenIds = null, Stream = true }, CompletionJson.Default.CompletionRequest);
                using var asked = new HttpRequestMessage(HttpMethod.Post, new Uri(endpoint, isChat ? "v1/chat/completions" : "v1/completions")) { Content = content };
                var came = await http.SendAsync(asked, HttpCompletionOption.ResponseHeadersRead, bounded.Token);
                if (came.IsSuccessStatusCode)
                {
                    return came;
                }

                using (came)
                {
                    throw await ErrorAsync(came, bounded.Token);
                }
            },
            cancellation);
        await using var body = await answer.Content.ReadAsStreamAsync(bounded.Token);
        await using var events = SseParser.Create(body).EnumerateAsync(bounded.Token).GetAsyncEnumerator(bounded.Token);
        while (await GuardAsync(_ => events.MoveNextAsync().AsTask(), cancellation) && events.Current.Data is var data and not "[DONE]")
        {
            foreach (var piece in await GuardAsync(_ => Task.FromResult(isChat ? ChatPieces(data) : TextPieces(data)), cancellation))
            {
                yield return piece;
            }
        }
    }

    private static List<SampledPiece> TextPieces(string data) =>
        [.. Chunk(data, CompletionJson.Default.CompletionResponse).Choices.Select(choice => new SampledPiece(choice.Index, choice.Text, choice.FinishReason))];

    private static List<SampledPiece> ChatPieces(string data) =>
        [.. Chunk(data, CompletionJson.Default.ChatCompletionResponse).Choices.Select(choice => new SampledPiece(choice.Index, choice.Delta?.Content ?? "", choice.FinishReason))];

    /// <summary>One event of a stream; a server in trouble says so among the events, since its status has gone out long ago.</summary>
    private static T Chunk<T>(string data, JsonTypeInfo<T> spelling)
    {
        using var json = JsonDocument.Parse(data);
        return json.RootElement.ValueKind == JsonValueKind.Object && json.RootElement.TryGetProperty("error", out _)
            ? throw new SamplerUnavailableException(json.Deserialize(CompletionJson.Default.ErrorResponse)?.Error.Message ?? "The sampler broke off.")
            : json.Deserialize(spelling) ?? throw new JsonException("null");
    }

    private async Task<IReadOnlyList<SampledResponse>> ContinueAsync(
        string policyHash, string text, int n, Data.StudySampling sampling, long seed, CancellationToken cancellation)
    {
        var answer = await CompleteAsync(TextRequest(policyHash, text, n, sampling, seed), cancellation);
        return [.. answer.Choices.OrderBy(choice => choice.Index).Select(choice => new SampledResponse(
            choice.Text,
            choice.TokenIds,
            choice.PromptTokenIds ?? answer.PromptTokenIds,
            Sum(choice.Logprobs?.TokenLogprobs, choice.TokenIds),
            choice.FinishReason ?? "stop"))];
    }

    private async Task<IReadOnlyList<SampledResponse>> ChatAsync(
        string policyHash, IReadOnlyList<ChatMessage> messages, int n, Data.StudySampling sampling, long seed, CancellationToken cancellation)
    {
        var answer = await PostAsync(
            "v1/chat/completions", ChatRequest(policyHash, messages, n, sampling, seed),
            CompletionJson.Default.ChatCompletionRequest, CompletionJson.Default.ChatCompletionResponse, cancellation);
        return [.. answer.Choices.OrderBy(choice => choice.Index).Select(choice => new SampledResponse(
            choice.Message?.Content ?? "",
            choice.TokenIds,
            answer.PromptTokenIds,
            Sum(choice.Logprobs?.Content.Select(token => token.Logprob).ToList(), choice.TokenIds),
            choice.FinishReason ?? "stop"))];
    }

    private static CompletionRequest TextRequest(string policyHash, string text, int n, Data.StudySampling sampling, long seed) => new()
    {
        Model = policyHash,
        Prompt = [CompletionPrompt.FromText(text)],
        N = n,
        MaxTokens = sampling.MaxTokens,
        Temperature = sampling.Temperature,
        TopP = sampling.TopP,
        TopK = sampling.TopK,
        Seed = seed,
        Logprobs = 0,
        ReturnTokenIds = true,
    };

    private static ChatCompletionRequest ChatRequest(string policyHash, IReadOnlyList<ChatMessage> messages, int n, Data.StudySampling sampling, long seed) => new()
    {
        Model = policyHash,
        Messages = [.. messages.Select(message => new ChatCompletionMessage { Role = message.Role, Content = message.Content })],
        ChatTemplate = sampling.ChatTemplate,
        N = n,
        MaxTokens = sampling.MaxTokens,
        Temperature = sampling.Temperature,
        TopP = sampling.TopP,
        TopK = sampling.TopK,
        Seed = seed,
        Logprobs = true,
        ReturnTokenIds = true,
    };

    /// <summary>Null where a token has no log-probability: part of a sum would pass for the whole.</summary>
    private static double? Sum(IReadOnlyList<double>? logprobs, IReadOnlyList<int>? tokenIds) =>
        logprobs is not null && (tokenIds is null || logprobs.Count == tokenIds.Count) ? logprobs.Sum() : null;

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
            return await answer.Content.ReadFromJsonAsync(CompletionJson.Default.ErrorResponse, cancellation) switch
            {
                { Error.Code: "chat_template_unknown" } => "The policy's files do not say how a chat becomes its prompt: choose the chat template in the study's settings, under Sampling.",
                { Error.Message: { } message } => message,
                _ => $"{status}.",
            };
        }
        catch (JsonException)
        {
            return $"{status}.";
        }
    }
}

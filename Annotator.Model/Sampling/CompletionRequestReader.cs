using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Annotator.Model.Preferences;
using Annotator.Model.Tokenization;
using Microsoft.AspNetCore.Http;

namespace Annotator.Model.Sampling;

/// <summary>The body of a request → a job whose every value is in range, or the sentence that says what is not.</summary>
internal static class CompletionRequestReader
{
    /// <summary>Larger n are refused.</summary>
    public const int MaxN = 128;

    /// <summary>More responses (prompts × n) in one request are refused.</summary>
    public const int MaxResponses = 512;

    /// <summary>OpenAI's own limit of a completion's <c>logprobs</c>.</summary>
    public const int MaxLogprobs = 5;

    /// <summary>OpenAI's own limit of a chat's <c>top_logprobs</c>.</summary>
    public const int MaxTopLogprobs = 20;

    /// <summary>Parses the body.</summary>
    /// <exception cref="CompletionException">It is not JSON, a value is of the wrong kind, or it is too large.</exception>
    public static async Task<T> ReadAsync<T>(HttpRequest http, JsonTypeInfo<T> type, CancellationToken cancellationToken)
    {
        // A page of some other site can make a browser send text/plain here without asking; JSON it can't.
        if (!http.HasJsonContentType())
            throw new CompletionException(415, new("The body must be sent as Content-Type: application/json.", "invalid_request_error"));
        try
        {
            return await JsonSerializer.DeserializeAsync(http.Body, type, cancellationToken)
                ?? throw CompletionException.BadRequest("The body is null; it must be a JSON object.");
        }
        catch (JsonException e) when (e.Path is { Length: > 2 } path && path.StartsWith("$.", StringComparison.Ordinal))
        {
            var field = path[2..].Split('.', '[')[0];
            throw CompletionException.BadRequest($"The field {field} has a value of the wrong kind, or the JSON ends within it (line {e.LineNumber + 1}, byte {e.BytePositionInLine}).", field);
        }
        catch (JsonException e)
        {
            throw CompletionException.BadRequest($"The body is not a JSON object (line {e.LineNumber + 1}, byte {e.BytePositionInLine}).");
        }
        catch (UnsupportedPartException e)
        {
            throw CompletionException.BadRequest($"A message's content holds a part of type {e.PartType}; policies read text only.", "messages", "unsupported_content");
        }
        catch (BadHttpRequestException e) when (e.StatusCode == StatusCodes.Status413PayloadTooLarge)
        {
            throw new CompletionException(413, new("The body is larger than this server takes; send fewer or shorter prompts at a time.", "invalid_request_error"), e);
        }
    }

    /// <summary>Checks all of a completion request that can be checked without the policy, and fills in OpenAI's defaults.</summary>
    /// <exception cref="CompletionException">A value is missing, out of range or not known.</exception>
    public static SamplingJob Check(CompletionRequest request, CancellationToken cancelled)
    {
        if (UnsupportedFields.Fault(request.Unknown) is { } unsupported)
            throw unsupported;
        if (request.Prompt is not { Count: > 0 } prompts)
            throw CompletionException.BadRequest("The field prompt is missing or empty: it is a text, an array of token ids, or an array of these.", "prompt");
        var n = N(request);
        if ((long)n * prompts.Count > MaxResponses)
            throw CompletionException.BadRequest($"One request may ask for at most {MaxResponses} responses; {prompts.Count} prompts with n = {n} ask for {(long)n * prompts.Count}.", "n");
        if (request.Logprobs is < 0 or > MaxLogprobs)
            throw CompletionException.BadRequest($"logprobs must be from 0 to {MaxLogprobs}; it is {request.Logprobs}.", "logprobs");

        return new SamplingJob
        {
            Policy = Model(request),
            Prompts = prompts,
            N = n,
            Options = Options(request, request.MaxTokens ?? 16),
            MostProbable = request.Logprobs ?? 0,
            Cancelled = cancelled,
        };
    }

    /// <summary>Checks all of a chat request that can be checked without the policy, and fills in OpenAI's defaults.</summary>
    /// <param name="request">The body.</param>
    /// <param name="fallbackTemplate">For policies whose files don't say how a chat becomes a prompt; null for none.</param>
    /// <param name="cancelled">The client has gone.</param>
    /// <inheritdoc cref="Check(CompletionRequest, CancellationToken)" path="/exception" />
    public static SamplingJob Check(ChatCompletionRequest request, ChatTemplate? fallbackTemplate, CancellationToken cancelled)
    {
        if (UnsupportedFields.Fault(request.Unknown) is { } unsupported)
            throw unsupported;
        if (request.Messages is not { Count: > 0 } messages)
            throw CompletionException.BadRequest("The field messages is missing or empty: it is an array of {\"role\",\"content\"}.", "messages");
        if (request.MaxCompletionTokens is { } newer && request.MaxTokens is { } older && newer != older)
            throw CompletionException.BadRequest($"max_completion_tokens ({newer}) and max_tokens ({older}) say the same thing differently; send one of them.", "max_completion_tokens");
        if (request.TopLogprobs is < 0 or > MaxTopLogprobs)
            throw CompletionException.BadRequest($"top_logprobs must be from 0 to {MaxTopLogprobs}; it is {request.TopLogprobs}.", "top_logprobs");
        if (request is { TopLogprobs: > 0, Logprobs: not true })
            throw CompletionException.BadRequest("top_logprobs needs logprobs to be true.", "top_logprobs");

        var maxTokens = request.MaxCompletionTokens ?? request.MaxTokens;
        return new SamplingJob
        {
            Policy = Model(request),
            Chat = new([.. messages.Select(Message)], Template(request.ChatTemplate), fallbackTemplate),
            N = N(request),
            Options = Options(request, maxTokens ?? 1),
            FillsContext = maxTokens is null,
            MostProbable = request.TopLogprobs ?? 0,
            Cancelled = cancelled,
        };
    }

    private static string Model(SamplingRequest request) => string.IsNullOrEmpty(request.Model)
        ? throw CompletionException.BadRequest("The field model is missing: it names the policy to sample from.", "model")
        : request.Model;

    private static int N(SamplingRequest request) => request.N switch
    {
        null => 1,
        >= 1 and <= MaxN => request.N.Value,
        _ => throw CompletionException.BadRequest($"n must be from 1 to {MaxN}; it is {request.N}.", "n"),
    };

    private static SamplingOptions Options(SamplingRequest request, int maxTokens)
    {
        var options = new SamplingOptions
        {
            MaxTokens = maxTokens,
            Temperature = request.Temperature ?? 1,
            TopP = request.TopP ?? 1,
            TopK = request.TopK is null or -1 ? 0 : request.TopK.Value,
            MinP = request.MinP ?? 0,
            RepetitionPenalty = request.RepetitionPenalty ?? 1,
            Seed = request.Seed ?? Random.Shared.NextInt64(),
            Stop = request.Stop ?? [],
        };
        return options.Fault() is { } fault ? throw CompletionException.BadRequest(fault.Message, fault.Name) : options;
    }

    private static ChatMessage Message(ChatCompletionMessage? message)
    {
        if (message?.Unknown?.FirstOrDefault(field => field.Value.ValueKind != JsonValueKind.Null).Key is { } unknown)
            throw CompletionException.BadRequest($"A message holds the field \"{unknown}\", which is not supported here: role and content are.", "messages", "unsupported_parameter");
        if (message?.Content is null)
            throw CompletionException.BadRequest("A message has no content; it is a text, or an array of {\"type\":\"text\",\"text\":\"…\"}.", "messages");
        return message.Role switch
        {
            "system" or "user" or "assistant" => new(message.Role, message.Content),
            "developer" => new("system", message.Content),  // OpenAI's newer name
            null => throw CompletionException.BadRequest("A message has no role; it is system, user or assistant.", "messages"),
            var other => throw CompletionException.BadRequest($"A message's role must be system, user or assistant; one is \"{other}\".", "messages"),
        };
    }

    private static ChatTemplate? Template(string? name) => name is null ? null : ChatTemplate.Named(name)
        ?? throw CompletionException.BadRequest($"There is no chat template \"{name}\"; there are {string.Join(", ", ChatTemplate.Names)}.", "chat_template");
}

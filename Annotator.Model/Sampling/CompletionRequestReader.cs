using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace Annotator.Model.Sampling;

/// <summary>The body of a completion request → a job whose every value is in range, or the sentence that says what is not.</summary>
internal static class CompletionRequestReader
{
    /// <summary>Larger n are refused.</summary>
    public const int MaxN = 128;

    /// <summary>More responses (prompts × n) in one request are refused.</summary>
    public const int MaxResponses = 512;

    /// <summary>OpenAI's own limit of <c>logprobs</c>.</summary>
    public const int MaxLogprobs = 5;

    /// <summary>Parses the body.</summary>
    /// <exception cref="CompletionException">It is not JSON, a value is of the wrong kind, or it is too large.</exception>
    public static async Task<CompletionRequest> ReadAsync(HttpRequest http, CancellationToken cancellationToken)
    {
        // A page of some other site can make a browser send text/plain here without asking; JSON it can't.
        if (!http.HasJsonContentType())
            throw new CompletionException(415, new("The body must be sent as Content-Type: application/json.", "invalid_request_error"));
        try
        {
            return await JsonSerializer.DeserializeAsync(http.Body, CompletionJson.Default.CompletionRequest, cancellationToken)
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
        catch (BadHttpRequestException e) when (e.StatusCode == StatusCodes.Status413PayloadTooLarge)
        {
            throw new CompletionException(413, new("The body is larger than this server takes; send fewer or shorter prompts at a time.", "invalid_request_error"), e);
        }
    }

    /// <summary>Checks all that can be checked without the policy, and fills in OpenAI's defaults.</summary>
    /// <exception cref="CompletionException">A value is missing, out of range or not known.</exception>
    public static SamplingJob Check(CompletionRequest request, CancellationToken cancelled)
    {
        if (request.Unknown is { Count: > 0 } unknown)
            throw CompletionException.BadRequest($"The field \"{unknown.Keys.First()}\" is not known here.", unknown.Keys.First(), "unknown_field");
        if (string.IsNullOrEmpty(request.Model))
            throw CompletionException.BadRequest("The field model is missing: it names the policy to sample from.", "model");
        if (request.Prompt is not { Count: > 0 } prompts)
            throw CompletionException.BadRequest("The field prompt is missing or empty: it is a text, an array of token ids, or an array of these.", "prompt");

        var n = request.N ?? 1;
        if (n is < 1 or > MaxN)
            throw CompletionException.BadRequest($"n must be from 1 to {MaxN}; it is {n}.", "n");
        if ((long)n * prompts.Count > MaxResponses)
            throw CompletionException.BadRequest($"One request may ask for at most {MaxResponses} responses; {prompts.Count} prompts with n = {n} ask for {(long)n * prompts.Count}.", "n");
        if (request.Logprobs is < 0 or > MaxLogprobs)
            throw CompletionException.BadRequest($"logprobs must be from 0 to {MaxLogprobs}; it is {request.Logprobs}.", "logprobs");

        var options = new SamplingOptions
        {
            MaxTokens = request.MaxTokens ?? 16,
            Temperature = request.Temperature ?? 1,
            TopP = request.TopP ?? 1,
            TopK = request.TopK is null or -1 ? 0 : request.TopK.Value,
            MinP = request.MinP ?? 0,
            RepetitionPenalty = request.RepetitionPenalty ?? 1,
            Seed = request.Seed ?? Random.Shared.NextInt64(),
            Stop = request.Stop ?? [],
        };
        if (options.Fault() is { } fault)
            throw CompletionException.BadRequest(fault.Message, fault.Name);

        return new SamplingJob
        {
            Policy = request.Model,
            Prompts = prompts,
            N = n,
            Options = options,
            MostProbable = request.Logprobs ?? 0,
            Cancelled = cancelled,
        };
    }
}

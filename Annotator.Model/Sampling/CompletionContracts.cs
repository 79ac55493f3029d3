using System.Text.Json;
using System.Text.Json.Serialization;

namespace Annotator.Model.Sampling;

// What goes over the wire between a client and `serve`: OpenAI's completions API (names in snake_case) with vLLM's
// `return_token_ids`. Torch-free, so that the web app's client uses the same records. Read and write them with
// CompletionJson.Default, e.g. PostAsJsonAsync("v1/completions", request, CompletionJson.Default.CompletionRequest).

/// <summary>What a completion and a chat completion are asked for alike. A null is a value left out: the server takes OpenAI's default.</summary>
public abstract record SamplingRequest
{
    /// <summary>The policy's directory name under <c>--policies</c>, that is its hash.</summary>
    public string? Model { get; init; }

    /// <summary>Responses for each prompt; default 1.</summary>
    public int? N { get; init; }

    /// <summary>Default 16 for a completion; for a chat what the context has room for.</summary>
    public int? MaxTokens { get; init; }

    /// <summary>Default 1; 0 is greedy.</summary>
    public double? Temperature { get; init; }

    /// <summary>Default 1 (off).</summary>
    public double? TopP { get; init; }

    /// <summary>Default 0 (off); −1 means the same.</summary>
    public int? TopK { get; init; }

    /// <summary>Default 0 (off).</summary>
    public double? MinP { get; init; }

    /// <summary>Default 1 (none).</summary>
    public double? RepetitionPenalty { get; init; }

    /// <summary>Left out, the server draws one. Response i of n has its own stream from (seed, i).</summary>
    public long? Seed { get; init; }

    /// <summary>On the wire a string or an array of strings.</summary>
    [JsonConverter(typeof(StringsConverter))]
    public IReadOnlyList<string>? Stop { get; init; }

    /// <summary>Server-sent events, one chunk a token, then <c>data: [DONE]</c>.</summary>
    public bool? Stream { get; init; }

    /// <summary>With <see cref="Stream"/>: asks for a last chunk with the usage.</summary>
    public CompletionStreamOptions? StreamOptions { get; init; }

    /// <summary>Adds the token ids of prompt and responses.</summary>
    public bool? ReturnTokenIds { get; init; }

    /// <summary>An opaque name of the caller; accepted and not used.</summary>
    public string? User { get; init; }

    /// <summary>Whatever else was sent. What would change the answer is refused by name, so that a misspelt option is not passed over.</summary>
    [JsonExtensionData]
    public Dictionary<string, JsonElement>? Unknown { get; set; }  // the serializer fills it after construction
}

/// <summary>The body of <c>POST /v1/completions</c>.</summary>
public sealed record CompletionRequest : SamplingRequest
{
    /// <summary>On the wire a string, an array of token ids, or an array of these.</summary>
    [JsonConverter(typeof(CompletionPromptsConverter))]
    public IReadOnlyList<CompletionPrompt>? Prompt { get; init; }

    /// <summary>Asks for log-probabilities: of the sampled tokens (0), and of this many most probable ones (1 to 5).</summary>
    public int? Logprobs { get; init; }
}

/// <summary>One prompt: either its text or its token ids, the other is null.</summary>
public sealed record CompletionPrompt(string? Text, IReadOnlyList<int>? TokenIds)
{
    /// <summary>A prompt that the server tokenises.</summary>
    public static CompletionPrompt FromText(string text) => new(text, null);

    /// <summary>A prompt that is used exactly as it is; the policy needs no tokenizer for it.</summary>
    public static CompletionPrompt FromTokenIds(IReadOnlyList<int> tokenIds) => new(null, tokenIds);
}

/// <summary>OpenAI's <c>stream_options</c>.</summary>
public sealed record CompletionStreamOptions
{
    /// <summary>Adds a last chunk with no choices and the usage.</summary>
    public bool? IncludeUsage { get; init; }
}

/// <summary>The answer to a completion request, or one chunk of it when streaming.</summary>
public sealed record CompletionResponse
{
    /// <summary>Names this answer in the server's log.</summary>
    public required string Id { get; init; }

    /// <summary>Always <c>text_completion</c>.</summary>
    [JsonPropertyName("object")]
    public string Kind { get; init; } = "text_completion";

    /// <summary>Seconds since 1970-01-01 UTC.</summary>
    public required long Created { get; init; }

    /// <summary>The policy that was asked.</summary>
    public required string Model { get; init; }

    /// <summary>Response j of prompt p has index p·n + j. A chunk holds what is new of one response.</summary>
    public required IReadOnlyList<CompletionChoice> Choices { get; init; }

    /// <summary>Counts of tokens; in a stream only in the last chunk and only if asked for.</summary>
    public CompletionUsage? Usage { get; init; }

    /// <summary>The prompt's token ids if they were asked for and there is one prompt; with several, see the choices.</summary>
    public IReadOnlyList<int>? PromptTokenIds { get; init; }
}

/// <summary>One response.</summary>
public sealed record CompletionChoice
{
    /// <summary>Response j of prompt p has index p·n + j.</summary>
    public required int Index { get; init; }

    /// <summary>The decoded text, without end-of-text token and stop string. Empty if the policy has no tokenizer.</summary>
    public required string Text { get; init; }

    /// <summary><c>stop</c>: end-of-text token or stop string; <c>length</c>: max_tokens reached. Null in a chunk that is not the last.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public string? FinishReason { get; init; }

    /// <summary>Null unless asked for.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public CompletionLogprobs? Logprobs { get; init; }

    /// <summary>What was sampled, an end-of-text token included, if asked for. A chunk holds only the new ones.</summary>
    public IReadOnlyList<int>? TokenIds { get; init; }

    /// <summary>The token ids of this response's prompt, if asked for (vLLM's place for them); in a stream in the first chunk.</summary>
    public IReadOnlyList<int>? PromptTokenIds { get; init; }
}

/// <summary>Log-probabilities in nats under temperature 1 without truncation or penalty, one entry a sampled token (the end token too).</summary>
public sealed record CompletionLogprobs
{
    /// <summary>The tokens' texts; what is not UTF-8 by itself shows as U+FFFD.</summary>
    public required IReadOnlyList<string> Tokens { get; init; }

    /// <summary>log p of each sampled token.</summary>
    public required IReadOnlyList<double> TokenLogprobs { get; init; }

    /// <summary>Text and log p of the most probable tokens at each place; null if <c>logprobs</c> is 0.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public IReadOnlyList<IReadOnlyDictionary<string, double>>? TopLogprobs { get; init; }

    /// <summary>Where each token's text begins in the response's text, in UTF-16 units.</summary>
    public required IReadOnlyList<int> TextOffset { get; init; }
}

/// <summary>Counts of tokens over all prompts and responses of a request.</summary>
public sealed record CompletionUsage(int PromptTokens, int CompletionTokens, int TotalTokens);

/// <summary>The answer of <c>GET /v1/models</c>.</summary>
public sealed record ModelList(IReadOnlyList<ModelEntry> Data)
{
    /// <summary>Always <c>list</c>.</summary>
    [JsonPropertyName("object")]
    public string Kind { get; init; } = "list";
}

/// <summary>A policy that can be asked for.</summary>
/// <param name="Id">Its directory's name, that is its hash.</param>
/// <param name="Created">The directory's time, in seconds since 1970-01-01 UTC.</param>
public sealed record ModelEntry(string Id, long Created)
{
    /// <summary>Always <c>model</c>.</summary>
    [JsonPropertyName("object")]
    public string Kind { get; init; } = "model";

    /// <summary>Always <c>annotator</c>.</summary>
    public string OwnedBy { get; init; } = "annotator";
}

/// <summary>The answer of <c>GET /health</c>: <c>ok</c> as long as requests are taken.</summary>
public sealed record HealthReport(string Status);

/// <summary>The body of every answer that is not a success, in OpenAI's shape.</summary>
public sealed record ErrorResponse(ErrorDetail Error);

/// <summary>What went wrong.</summary>
/// <param name="Message">One sentence for people: what happened and what to do.</param>
/// <param name="Type"><c>invalid_request_error</c>, <c>rate_limit_error</c> or <c>server_error</c>.</param>
/// <param name="Param">The field at fault, if it is one.</param>
/// <param name="Code">A word for programs, e.g. <c>model_not_found</c>.</param>
public sealed record ErrorDetail(
    string Message,
    string Type,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] string? Param = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] string? Code = null);

/// <summary>How the records above are spelled in JSON: snake_case, nulls left out.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    NumberHandling = JsonNumberHandling.Strict)]
[JsonSerializable(typeof(CompletionRequest))]
[JsonSerializable(typeof(CompletionResponse))]
[JsonSerializable(typeof(ChatCompletionRequest))]
[JsonSerializable(typeof(ChatCompletionResponse))]
[JsonSerializable(typeof(ModelList))]
[JsonSerializable(typeof(HealthReport))]
[JsonSerializable(typeof(ErrorResponse))]
public sealed partial class CompletionJson : JsonSerializerContext;

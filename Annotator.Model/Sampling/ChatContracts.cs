using System.Text.Json;
using System.Text.Json.Serialization;

namespace Annotator.Model.Sampling;

// OpenAI's chat completions over the same sampler, with the same extensions as CompletionContracts.

/// <summary>The body of <c>POST /v1/chat/completions</c>.</summary>
public sealed record ChatCompletionRequest : SamplingRequest
{
    /// <summary>The chat so far, oldest first.</summary>
    public IReadOnlyList<ChatCompletionMessage>? Messages { get; init; }

    /// <summary>OpenAI's newer name of <see cref="SamplingRequest.MaxTokens"/>; if both are given they must be equal.</summary>
    public int? MaxCompletionTokens { get; init; }

    /// <summary>Asks for the log-probabilities of the sampled tokens.</summary>
    public bool? Logprobs { get; init; }

    /// <summary>With <see cref="Logprobs"/>: how many most probable tokens at each place, 0 to 20.</summary>
    public int? TopLogprobs { get; init; }

    /// <summary>How the chat becomes a prompt, by name, where the policy's files don't say it in a known way.</summary>
    public string? ChatTemplate { get; init; }
}

/// <summary>One message of a request.</summary>
public sealed record ChatCompletionMessage
{
    /// <summary><c>system</c> (or <c>developer</c>), <c>user</c> or <c>assistant</c>.</summary>
    public string? Role { get; init; }

    /// <summary>On the wire a string, or an array of parts <c>{"type":"text","text":"…"}</c>, which are joined by line breaks as in vLLM.</summary>
    [JsonConverter(typeof(ChatContentConverter))]
    public string? Content { get; init; }

    /// <summary>The speaker's name; no template has a place for it.</summary>
    public string? Name { get; init; }

    /// <summary>Whatever else was sent; refused by name unless null.</summary>
    [JsonExtensionData]
    public Dictionary<string, JsonElement>? Unknown { get; set; }  // the serializer fills it after construction
}

/// <summary>The answer to a chat request, or one chunk of it when streaming.</summary>
public sealed record ChatCompletionResponse
{
    /// <summary>The <see cref="Kind"/> of a whole answer.</summary>
    public const string Whole = "chat.completion";

    /// <summary>The <see cref="Kind"/> of a chunk.</summary>
    public const string Chunk = "chat.completion.chunk";

    /// <summary>Names this answer.</summary>
    public required string Id { get; init; }

    /// <summary><see cref="Whole"/> or <see cref="Chunk"/>.</summary>
    [JsonPropertyName("object")]
    public required string Kind { get; init; }

    /// <summary>Seconds since 1970-01-01 UTC.</summary>
    public required long Created { get; init; }

    /// <summary>The policy that was asked.</summary>
    public required string Model { get; init; }

    /// <summary>The n responses; a chunk holds what is new of one.</summary>
    public required IReadOnlyList<ChatCompletionChoice> Choices { get; init; }

    /// <summary>Counts of tokens; in a stream only in the last chunk and only if asked for.</summary>
    public CompletionUsage? Usage { get; init; }

    /// <summary>The rendered chat's token ids, if asked for; in a stream in the first chunk of each choice.</summary>
    public IReadOnlyList<int>? PromptTokenIds { get; init; }
}

/// <summary>One response to a chat.</summary>
public sealed record ChatCompletionChoice
{
    /// <summary>From 0 to n − 1.</summary>
    public required int Index { get; init; }

    /// <summary>The whole response; null in a chunk.</summary>
    public ChatCompletionAnswer? Message { get; init; }

    /// <summary>What is new: first the role, then text; null in a whole answer.</summary>
    public ChatCompletionAnswer? Delta { get; init; }

    /// <summary>Null unless asked for.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public ChatCompletionLogprobs? Logprobs { get; init; }

    /// <summary><c>stop</c>: an end token or stop string; <c>length</c>: max_tokens reached. Null in a chunk that is not the last.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public string? FinishReason { get; init; }

    /// <summary>What was sampled, an end token included, if asked for. A chunk holds only the new ones.</summary>
    public IReadOnlyList<int>? TokenIds { get; init; }
}

/// <summary>What the assistant says, or a piece of it.</summary>
public sealed record ChatCompletionAnswer
{
    /// <summary>Always <c>assistant</c>; in a stream only in the first piece.</summary>
    public string? Role { get; init; }

    /// <summary>The text, without end token and stop string.</summary>
    public string? Content { get; init; }
}

/// <summary>Log-probabilities in nats under temperature 1 without truncation or penalty.</summary>
/// <param name="Content">One entry a sampled token (the end token too).</param>
public sealed record ChatCompletionLogprobs(IReadOnlyList<ChatTokenLogprob> Content);

/// <summary>A token and its log-probability.</summary>
public sealed record ChatTokenLogprob
{
    /// <summary>Its text; what is not UTF-8 by itself shows as U+FFFD.</summary>
    public required string Token { get; init; }

    /// <summary>log p.</summary>
    public required double Logprob { get; init; }

    /// <summary>The token's bytes, which put together give the text; null for a special token.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public IReadOnlyList<int>? Bytes { get; init; }

    /// <summary>The most probable tokens at this place, best first; null within such a list.</summary>
    public IReadOnlyList<ChatTokenLogprob>? TopLogprobs { get; init; }
}

using System.Text.Json;

namespace Annotator.Model.Sampling;

/// <summary>
/// The fields of OpenAI's API that have no meaning here. One that changes nothing (a caller's name, metadata) or is set to
/// what happens anyway passes; all others are refused by name, so that nobody gets an answer to another question than theirs.
/// </summary>
internal static class UnsupportedFields
{
    /// <summary>The first of these fields that can't be passed over; null if all can.</summary>
    /// <param name="fields">What a request holds beyond its record.</param>
    public static CompletionException? Fault(IReadOnlyDictionary<string, JsonElement>? fields)
    {
        foreach (var (name, value) in fields ?? new Dictionary<string, JsonElement>())
        {
            if (value.ValueKind == JsonValueKind.Null || IsNeutral(name, value))
                continue;
            return Instead(name) is { } instead
                ? CompletionException.BadRequest($"The field {name} is not supported here: {instead}.", name, "unsupported_parameter")
                : CompletionException.BadRequest($"The field \"{name}\" is not known here.", name, "unknown_field");
        }

        return null;
    }

    private static bool IsNeutral(string name, JsonElement value) => name switch
    {
        "metadata" or "safety_identifier" or "prompt_cache_key" or "prompt_cache_retention" or "service_tier" => true,
        "store" or "echo" => value.ValueKind == JsonValueKind.False,
        "parallel_tool_calls" => value.ValueKind is JsonValueKind.True or JsonValueKind.False,  // there are no tools to be called
        "frequency_penalty" or "presence_penalty" => value.ValueKind == JsonValueKind.Number && value.GetDouble() == 0,
        "best_of" => value.ValueKind == JsonValueKind.Number && value.GetDouble() == 1,
        "suffix" => value.ValueKind == JsonValueKind.String && value.ValueEquals(""),
        "logit_bias" => value.ValueKind == JsonValueKind.Object && !value.EnumerateObject().Any(),
        "tools" or "functions" => value.ValueKind == JsonValueKind.Array && value.GetArrayLength() == 0,
        "tool_choice" or "function_call" => value.ValueKind == JsonValueKind.String && (value.ValueEquals("none") || value.ValueEquals("auto")),
        "response_format" => value.ValueKind == JsonValueKind.Object && value.TryGetProperty("type", out var type) && type.ValueKind == JsonValueKind.String && type.ValueEquals("text"),
        "modalities" => value.ValueKind == JsonValueKind.Array && value.EnumerateArray().All(m => m.ValueKind == JsonValueKind.String && m.ValueEquals("text")),
        _ => false,
    };

    private static string? Instead(string name) => name switch
    {
        "frequency_penalty" or "presence_penalty" => "use repetition_penalty",
        "logit_bias" => "token ids can't be made more or less probable one by one",
        "tools" or "functions" or "tool_choice" or "function_call" or "parallel_tool_calls" => "these policies call no tools",
        "response_format" => "responses are free text",
        "modalities" or "audio" => "policies read and write text only",
        "store" => "nothing is stored",
        "echo" => "ask for return_token_ids to get the prompt's tokens",
        "best_of" => "ask for n responses with logprobs and choose among them",
        "suffix" => "policies continue a text, they don't fill gaps",
        "prediction" or "reasoning_effort" or "verbosity" or "web_search_options" => "these policies don't know it",
        _ => null,
    };
}

using System.Text.Json;
using System.Text.Json.Serialization;

namespace Annotator.Model.Sampling;

/// <summary><c>"text"</c>, <c>[1,2]</c>, <c>["text", …]</c> or <c>[[1,2], …]</c>: OpenAI's ways to write a prompt or several.</summary>
internal sealed class CompletionPromptsConverter : JsonConverter<IReadOnlyList<CompletionPrompt>>
{
    public override IReadOnlyList<CompletionPrompt> Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        if (reader.TokenType == JsonTokenType.String)
            return [CompletionPrompt.FromText(reader.GetString()!)];
        if (reader.TokenType != JsonTokenType.StartArray)
            throw new JsonException();

        var prompts = new List<CompletionPrompt>();
        var ids = new List<int>();
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            switch (reader.TokenType)
            {
                case JsonTokenType.Number: ids.Add(ReadId(ref reader)); break;
                case JsonTokenType.String: prompts.Add(CompletionPrompt.FromText(reader.GetString()!)); break;
                case JsonTokenType.StartArray: prompts.Add(CompletionPrompt.FromTokenIds(ReadIds(ref reader))); break;
                default: throw new JsonException();
            }
        }

        return (prompts.Count, ids.Count) switch
        {
            ( > 0, > 0) => throw new JsonException(),  // [1, "text"]: neither one prompt nor several
            (0, > 0) => [CompletionPrompt.FromTokenIds(ids)],
            _ => prompts,
        };
    }

    public override void Write(Utf8JsonWriter writer, IReadOnlyList<CompletionPrompt> value, JsonSerializerOptions options)
    {
        if (value.Count == 1)
        {
            WriteOne(writer, value[0]);
            return;
        }

        writer.WriteStartArray();
        foreach (var prompt in value)
            WriteOne(writer, prompt);
        writer.WriteEndArray();
    }

    private static List<int> ReadIds(ref Utf8JsonReader reader)
    {
        var ids = new List<int>();
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
            ids.Add(ReadId(ref reader));
        return ids;
    }

    private static int ReadId(ref Utf8JsonReader reader) =>
        reader.TokenType == JsonTokenType.Number && reader.TryGetInt32(out var id) ? id : throw new JsonException();

    private static void WriteOne(Utf8JsonWriter writer, CompletionPrompt prompt)
    {
        if (prompt.TokenIds is null)
        {
            writer.WriteStringValue(prompt.Text);
            return;
        }

        writer.WriteStartArray();
        foreach (var id in prompt.TokenIds)
            writer.WriteNumberValue(id);
        writer.WriteEndArray();
    }
}

/// <summary><c>"one"</c> or <c>["one", "two"]</c>.</summary>
internal sealed class StringsConverter : JsonConverter<IReadOnlyList<string>>
{
    public override IReadOnlyList<string> Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        if (reader.TokenType == JsonTokenType.String)
            return [reader.GetString()!];
        if (reader.TokenType != JsonTokenType.StartArray)
            throw new JsonException();

        var strings = new List<string>();
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
            strings.Add(reader.TokenType == JsonTokenType.String ? reader.GetString()! : throw new JsonException());
        return strings;
    }

    public override void Write(Utf8JsonWriter writer, IReadOnlyList<string> value, JsonSerializerOptions options)
    {
        writer.WriteStartArray();
        foreach (var text in value)
            writer.WriteStringValue(text);
        writer.WriteEndArray();
    }
}

/// <summary><c>"text"</c> or <c>[{"type":"text","text":"…"}, …]</c>. A part of another type is refused by its name.</summary>
internal sealed class ChatContentConverter : JsonConverter<string>
{
    public override string? Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        if (reader.TokenType != JsonTokenType.StartArray)
            return reader.TokenType == JsonTokenType.String ? reader.GetString() : throw new JsonException();

        using var parts = JsonDocument.ParseValue(ref reader);
        return string.Join('\n', parts.RootElement.EnumerateArray().Select(Text));
    }

    public override void Write(Utf8JsonWriter writer, string value, JsonSerializerOptions options) => writer.WriteStringValue(value);

    private static string Text(JsonElement part)
    {
        if (part.ValueKind != JsonValueKind.Object || !part.TryGetProperty("type", out var type) || type.ValueKind != JsonValueKind.String)
            throw new JsonException();
        if (!type.ValueEquals("text"))
            throw new UnsupportedPartException(type.GetString()!);
        return part.TryGetProperty("text", out var text) && text.ValueKind == JsonValueKind.String ? text.GetString()! : throw new JsonException();
    }
}

/// <summary>A part of a message's content that is no text, by its type.</summary>
internal sealed class UnsupportedPartException(string type) : Exception
{
    /// <summary>OpenAI's name of it, e.g. <c>image_url</c>.</summary>
    public string PartType { get; } = type;
}

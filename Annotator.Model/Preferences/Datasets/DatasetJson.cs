using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Annotator.Model.Preferences.Datasets;

/// <summary>Writes a dataset's objects as lines: text as itself, no \u escapes but those JSON demands.</summary>
internal static class DatasetJson
{
    private static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true };

    public static string Line(Action<Utf8JsonWriter> fields)
    {
        var buffer = new ArrayBufferWriter<byte>(1024);
        using (var json = new Utf8JsonWriter(buffer, Options))
        {
            json.WriteStartObject();
            fields(json);
            json.WriteEndObject();
        }
        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }

    public static void Messages(this Utf8JsonWriter json, string name, IEnumerable<ChatMessage> messages)
    {
        json.WriteStartArray(name);
        foreach (var message in messages)
        {
            json.WriteStartObject();
            json.WriteString("role", message.Role);
            json.WriteString("content", message.Content);
            json.WriteEndObject();
        }
        json.WriteEndArray();
    }

    public static void NumberOrNull(this Utf8JsonWriter json, string name, double? value)
    {
        if (value is { } number)
            json.WriteNumber(name, number);
        else
            json.WriteNull(name);
    }

    /// <summary>The prompt as the turns of a chat: a text becomes what the user says.</summary>
    public static IReadOnlyList<ChatMessage> Turns(this TextOrMessages prompt) => prompt.Messages ?? [new("user", prompt.Text!)];

    /// <summary>The turns with an answer after them.</summary>
    public static IEnumerable<ChatMessage> Conversation(this DatasetRow row, int completion) =>
        row.Prompt.Turns().Append(new("assistant", row.Completions[completion].Text));

    /// <summary>The prompt as one text: a chat's turns headed by their roles, with an empty line between them.</summary>
    public static string AsText(this TextOrMessages prompt) =>
        prompt.Text ?? string.Join("\n\n", prompt.Messages!.Select(message => $"{char.ToUpperInvariant(message.Role[0])}{message.Role[1..]}: {message.Content}"));
}

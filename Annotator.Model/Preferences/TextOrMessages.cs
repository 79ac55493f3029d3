using System.Text.Json;
using System.Text.Json.Serialization;

namespace Annotator.Model.Preferences;

/// <summary>One turn of a chat. <paramref name="Role"/> is <c>system</c>, <c>user</c> or <c>assistant</c>.</summary>
public sealed record ChatMessage(string Role, string Content);

/// <summary>A prompt (or completion) as datasets hold it: plain text, or the messages of a chat. Exactly one is not null.</summary>
[JsonConverter(typeof(TextOrMessagesJsonConverter))]
public sealed record TextOrMessages
{
    private TextOrMessages(string? text, IReadOnlyList<ChatMessage>? messages) => (Text, Messages) = (text, messages);

    /// <summary>The text, or null for a chat.</summary>
    public string? Text { get; }

    /// <summary>The messages in order, or null for plain text.</summary>
    public IReadOnlyList<ChatMessage>? Messages { get; }

    public static TextOrMessages FromText(string text) => new(text, null);

    public static TextOrMessages FromMessages(IEnumerable<ChatMessage> messages) => new(null, [.. messages]);

    public static implicit operator TextOrMessages(string text) => FromText(text);

    public bool Equals(TextOrMessages? other) =>
        other is not null
        && Text == other.Text
        && (Messages, other.Messages) switch
        {
            (null, null) => true,
            ({ } mine, { } theirs) => mine.SequenceEqual(theirs),
            _ => false,
        };

    public override int GetHashCode() => Text?.GetHashCode(StringComparison.Ordinal) ?? Messages!.Count;
}

/// <summary>A JSON string is text; an array of <c>{"role","content"}</c> is a chat.</summary>
internal sealed class TextOrMessagesJsonConverter : JsonConverter<TextOrMessages>
{
    public override TextOrMessages Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        reader.TokenType switch
        {
            JsonTokenType.String => TextOrMessages.FromText(reader.GetString()!),
            JsonTokenType.StartArray => TextOrMessages.FromMessages(JsonSerializer.Deserialize<ChatMessage[]>(ref reader, options)!),
            _ => throw new JsonException("Expected a text, or a list of {\"role\",\"content\"} messages."),
        };

    public override void Write(Utf8JsonWriter writer, TextOrMessages value, JsonSerializerOptions options)
    {
        if (value.Text is not null)
            writer.WriteStringValue(value.Text);
        else
            JsonSerializer.Serialize(writer, value.Messages, options);
    }
}

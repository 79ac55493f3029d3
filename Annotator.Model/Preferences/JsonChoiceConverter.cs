using System.Text.Json;
using System.Text.Json.Serialization;

namespace Annotator.Model.Preferences;

/// <summary>Enums as snake_case words; a word that is no choice is refused with the list of those that are.</summary>
internal sealed class JsonChoiceConverterFactory : JsonConverterFactory
{
    public override bool CanConvert(Type typeToConvert) => typeToConvert.IsEnum;

    public override JsonConverter CreateConverter(Type typeToConvert, JsonSerializerOptions options) =>
        (JsonConverter)Activator.CreateInstance(typeof(JsonChoiceConverter<>).MakeGenericType(typeToConvert))!;
}

internal sealed class JsonChoiceConverter<T> : JsonConverter<T>
    where T : struct, Enum
{
    private static readonly Dictionary<string, T> Choices =
        Enum.GetValues<T>().ToDictionary(value => JsonNamingPolicy.SnakeCaseLower.ConvertName(value.ToString()));

    private static readonly Dictionary<T, JsonEncodedText> Words = Choices.ToDictionary(choice => choice.Value, choice => JsonEncodedText.Encode(choice.Key));

    public override T Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        var word = reader.TokenType == JsonTokenType.String ? reader.GetString()! : $"a {reader.TokenType}";
        return Choices.TryGetValue(word, out var value)
            ? value
            : throw new JsonException($"must be one of {string.Join(", ", Choices.Keys)}; it is {word}.");
    }

    public override void Write(Utf8JsonWriter writer, T value, JsonSerializerOptions options) =>
        writer.WriteStringValue(Words.TryGetValue(value, out var word) ? word : throw new JsonException($"There is no word for {typeof(T).Name} {value}."));
}

using System.Text.Json;

namespace Annotator.Model.Tokenization;

/// <summary>Fields of somebody else's JSON: what is missing or of another kind is told by a <see cref="FormatException"/> in words.</summary>
internal static class JsonFields
{
    /// <summary>A field; null if it is missing or null.</summary>
    public static JsonElement? Field(this JsonElement json, string name)
    {
        if (json.ValueKind != JsonValueKind.Object)
        {
            throw new FormatException($"an object with \"{name}\" is expected where there is {Named(json.ValueKind)}");
        }

        return json.TryGetProperty(name, out var field) && field.ValueKind != JsonValueKind.Null ? field : null;
    }

    /// <summary>A field that must be there.</summary>
    public static JsonElement Required(this JsonElement json, string name) =>
        json.Field(name) ?? throw new FormatException($"it lacks \"{name}\"");

    /// <summary>A text; null if the field is missing or null.</summary>
    public static string? Text(this JsonElement json, string name) => json.Field(name)?.AsText(name);

    /// <summary>true or false; the default if the field is missing or null.</summary>
    public static bool Flag(this JsonElement json, string name, bool otherwise = false) => json.Field(name) switch
    {
        null => otherwise,
        { ValueKind: JsonValueKind.True } => true,
        { ValueKind: JsonValueKind.False } => false,
        { } other => throw new FormatException($"\"{name}\" must be true or false, not {Named(other.ValueKind)}"),
    };

    /// <summary>A whole number that must be there.</summary>
    public static int Number(this JsonElement json, string name) => json.Required(name).AsNumber(name);

    /// <summary>The items of a list; none if the field is missing or null.</summary>
    public static IEnumerable<JsonElement> Items(this JsonElement json, string name) => json.Field(name) switch
    {
        null => [],
        { ValueKind: JsonValueKind.Array } list => list.EnumerateArray(),
        { } other => throw new FormatException($"\"{name}\" must be a list, not {Named(other.ValueKind)}"),
    };

    /// <summary>The value as a text.</summary>
    public static string AsText(this JsonElement json, string name)
    {
        if (json.ValueKind != JsonValueKind.String)
        {
            throw new FormatException($"\"{name}\" must be a text, not {Named(json.ValueKind)}");
        }

        try
        {
            return json.GetString()!;
        }
        catch (InvalidOperationException e)
        {
            throw new FormatException($"\"{name}\" is a text that is not valid Unicode", e);              // half a surrogate pair, escaped
        }
    }

    /// <summary>The value as a whole number.</summary>
    public static int AsNumber(this JsonElement json, string name) =>
        json.ValueKind == JsonValueKind.Number && json.TryGetInt32(out var number)
            ? number
            : throw new FormatException($"\"{name}\" must be a whole number below 2³¹, not {Named(json.ValueKind)}");

    private static string Named(JsonValueKind kind) => kind switch
    {
        JsonValueKind.Object => "an object",
        JsonValueKind.Array => "a list",
        JsonValueKind.String => "a text",
        JsonValueKind.Number => "another number",
        JsonValueKind.Null => "null",
        _ => "true or false",
    };
}

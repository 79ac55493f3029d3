using System.Text.Json;

namespace Annotator.Model.Preferences.Datasets;

/// <summary>
/// One JSON object of a dataset file, asked field by field. The first question that it has no answer to becomes its
/// <see cref="Fault"/>, and answers from then on are empty: a format asks for what it needs and the fault is looked at once.
/// </summary>
internal sealed class JsonRecord
{
    private static readonly JsonDocumentOptions Options = new() { MaxDepth = 512 };
    private static readonly JsonElement Nothing = JsonDocument.Parse("{}").RootElement;

    private readonly JsonElement root;

    internal JsonRecord(JsonElement root)
    {
        this.root = root.ValueKind == JsonValueKind.Object ? root : Nothing;
        if (root.ValueKind != JsonValueKind.Object)
            Fault = $"It must be a JSON object; it is {Kind(root)}.";
    }

    private JsonRecord(string fault) => (root, Fault) = (Nothing, fault);

    /// <summary>Why the record can't be used, in one sentence; null as long as it can.</summary>
    public string? Fault { get; private set; }

    public static JsonRecord Parse(string json)
    {
        try
        {
            // Cloned: its memory is the collector's then, and nobody has to remember to give it back.
            using var document = JsonDocument.Parse(json, Options);
            return new(document.RootElement.Clone());
        }
        catch (JsonException)
        {
            return new("It is not JSON.");
        }
    }

    /// <summary>Whether a field is there and not null.</summary>
    public bool Has(string name) => root.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null;

    public bool HasAll(params ReadOnlySpan<string> names)
    {
        foreach (var name in names)
        {
            if (!Has(name))
                return false;
        }
        return true;
    }

    /// <summary>Whether a field is a text that begins so.</summary>
    public bool Begins(string name, string with) =>
        root.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String && TextOf(value)?.StartsWith(with, StringComparison.Ordinal) == true;

    public bool IsObject(string name) => root.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Object;

    public bool IsList(string name) => root.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Array;

    public string Text(string name) => Find(name) is { } value ? TextOf(value, name) : "";

    public string? OptionalText(string name) => Has(name) ? Text(name) : null;

    /// <summary>A text, or a number as it is spelled: ids are either.</summary>
    public string? OptionalId(string name) =>
        Has(name) && Find(name) is { } value ? value.ValueKind == JsonValueKind.Number ? value.GetRawText() : TextOf(value, name) : null;

    public double? OptionalNumber(string name)
    {
        if (!Has(name) || Find(name) is not { } value)
            return null;
        return value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var number) ? number : Blame<double?>($"\"{name}\" must be a number; it is {Kind(value)}.", null);
    }

    public int Whole(string name) =>
        Find(name) is not { } value ? 0
        : value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var number) ? number
        : Blame($"\"{name}\" must be a whole number; it is {Kind(value)}.", 0);

    public JsonRecord Record(string name) => Find(name) is { } value ? Child(value, name) : new(Nothing);

    /// <summary>The objects of a list. A fault of theirs is not the record's: ask <see cref="Adopt"/>.</summary>
    public IReadOnlyList<JsonRecord> List(string name)
    {
        if (Find(name) is not { } value)
            return [];
        return value.ValueKind == JsonValueKind.Array
            ? [.. value.EnumerateArray().Select(item => Child(item, name))]
            : Blame<IReadOnlyList<JsonRecord>>($"\"{name}\" must be a list; it is {Kind(value)}.", []);
    }

    /// <summary>A text, or a chat's messages.</summary>
    public TextOrMessages TextOrMessages(string name) =>
        IsList(name) ? Preferences.TextOrMessages.FromMessages(Messages(name)) : Text(name);

    /// <summary>A chat's messages: at least one.</summary>
    public IReadOnlyList<ChatMessage> Messages(string name)
    {
        var messages = new List<ChatMessage>();
        foreach (var item in List(name))
        {
            messages.Add(new(item.Text("role"), item.Text("content")));
            if (!Adopt(item))
                return messages;
            if (messages[^1].Role is not ("system" or "user" or "assistant"))
                return Blame(messages, $"A role in \"{name}\" must be system, user or assistant.");
        }
        return messages.Count > 0 || Fault is not null ? messages : Blame(messages, $"\"{name}\" is an empty list of messages.");
    }

    /// <summary>A value by the spelling of <see cref="JsonLines"/>; null if the field is not there.</summary>
    public T? Optional<T>(string name)
    {
        if (!Has(name))
            return default;
        try
        {
            return Find(name)!.Value.Deserialize<T>(JsonLines.Spelling);
        }
        catch (JsonException e)
        {
            return Blame<T?>($"\"{name}\" can't be used: {JsonLines.Reason(e)}", default);
        }
    }

    /// <summary>Makes a part's fault the record's own; true if it has none.</summary>
    public bool Adopt(JsonRecord part)
    {
        Fault ??= part.Fault;
        return part.Fault is null;
    }

    public void Blame(string fault) => Fault ??= fault;

    private JsonRecord Child(JsonElement value, string name)
    {
        var child = new JsonRecord(value);
        if (child.Fault is not null)
            Blame($"\"{name}\" must hold JSON objects; there is {Kind(value)}.");
        return child;
    }

    private JsonElement? Find(string name)
    {
        if (root.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null)
            return value;
        Blame($"\"{name}\" is missing.");
        return null;
    }

    private string TextOf(JsonElement value, string name)
    {
        if (value.ValueKind != JsonValueKind.String)
            return Blame($"\"{name}\" must be a text; it is {Kind(value)}.", "");
        return TextOf(value) ?? Blame($"\"{name}\" holds half of a surrogate pair, which is no character.", "");
    }

    private static string? TextOf(JsonElement value)
    {
        try
        {
            return value.GetString();
        }
        catch (InvalidOperationException)
        {
            return null;
        }
    }

    private T Blame<T>(string fault, T answer)
    {
        Blame(fault);
        return answer;
    }

    private List<ChatMessage> Blame(List<ChatMessage> answer, string fault) => Blame(fault, answer);

    private static string Kind(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.String => "a text",
        JsonValueKind.Number => "a number",
        JsonValueKind.True or JsonValueKind.False => "true or false",
        JsonValueKind.Array => "a list",
        JsonValueKind.Object => "an object",
        _ => "null",
    };
}

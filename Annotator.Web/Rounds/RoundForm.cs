using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Annotator.Model.Preferences;

namespace Annotator.Web.Rounds;

/// <summary>
/// The options of a round while somebody types them: texts by key. What is wrong is said in sentences by key; the
/// values are checked by the same <see cref="RoundOptions"/> that the trainer reads.
/// </summary>
public sealed class RoundForm
{
    private readonly Dictionary<string, string> texts = [];
    private Dictionary<string, FormattableString>? problems;

    public RoundForm(RoundOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        Take(options);
    }

    /// <summary>The text of a field; switches are <c>true</c> or <c>false</c>.</summary>
    public string this[string key]
    {
        get => texts[key];
        set
        {
            texts[key] = value ?? "";
            problems = null;
        }
    }

    /// <summary>A sentence for each field that can't be trained with, without its full stop (<see cref="RoundWords"/> says it); empty when all can.</summary>
    public IReadOnlyDictionary<string, FormattableString> Problems => problems ??= Check();

    /// <summary>True if every field stands as in these options.</summary>
    public bool Holds(RoundOptions options) => Texts(options).All(entry => texts[entry.Key].Trim() == entry.Value);

    /// <summary>Replaces every field: a preset, or another round's options.</summary>
    public void Take(RoundOptions options)
    {
        foreach (var (key, text) in Texts(options))
        {
            texts[key] = text;
        }

        problems = null;
    }

    /// <summary>The options as typed, their directories still empty.</summary>
    /// <exception cref="InvalidOperationException"><see cref="Problems"/> is not empty.</exception>
    public RoundOptions ToOptions() =>
        Problems.Count == 0 ? RoundOptionsText.Parse(Json()) : throw new InvalidOperationException(FormattableString.Invariant(Problems.Values.First()));

    private static IEnumerable<KeyValuePair<string, string>> Texts(RoundOptions options)
    {
        var json = JsonSerializer.SerializeToNode(options, JsonLines.Spelling)!.AsObject();
        return RoundOptionField.All.Select(field => KeyValuePair.Create(field.Key, json[field.Key] switch
        {
            null => "",
            JsonArray words => string.Join(", ", words),
            // 3E-05 is 3e-5 to people.
            var value => value.ToString().Replace("E-0", "e-", StringComparison.Ordinal).Replace("E-", "e-", StringComparison.Ordinal),
        }));
    }

    private Dictionary<string, FormattableString> Check()
    {
        var found = RoundOptionField.All
            .Select(field => (field.Key, Problem: Unreadable(field, texts[field.Key].Trim())))
            .Where(entry => entry.Problem is not null)
            .ToDictionary(entry => entry.Key, entry => entry.Problem!);
        if (found.Count > 0)
        {
            return found;
        }

        foreach (var problem in RoundOptionsText.Parse(Json()).Problems())
        {
            // Each sentence begins with the key it is about.
            var said = FormattableString.Invariant(problem);
            found.TryAdd(said[..said.IndexOf(' ', StringComparison.Ordinal)], problem);
        }

        return found;
    }

    private JsonObject Json()
    {
        var json = new JsonObject();
        foreach (var field in RoundOptionField.All)
        {
            var text = texts[field.Key].Trim();
            if (text.Length > 0)
            {
                json[field.Key] = field.Kind switch
                {
                    FieldKind.Number => JsonValue.Create(double.Parse(text, CultureInfo.InvariantCulture)),
                    FieldKind.Whole => JsonValue.Create(int.Parse(text, CultureInfo.InvariantCulture)),
                    FieldKind.Switch => JsonValue.Create(text == "true"),
                    FieldKind.List => new JsonArray([.. Words(text).Select(word => (JsonNode?)JsonValue.Create(word))]),
                    _ => JsonValue.Create(text),
                };
            }
        }

        return json;
    }

    private static string[] Words(string text) => text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);

    private static FormattableString? Unreadable(RoundOptionField field, string text) => field.Kind switch
    {
        _ when text.Length == 0 && field.MayBeEmpty => null,
        _ when text.Length == 0 => $"{field.Key} is empty: give it a value",
        FieldKind.Number when !double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var value) || !double.IsFinite(value) =>
            $"{field.Key} must be a number, such as 0.1 or 1e-6; it is “{text}”",
        FieldKind.Whole when !int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out _) =>
            $"{field.Key} must be a whole number; it is “{text}”",
        FieldKind.List when Words(text) is not { Length: > 0 } words || !words.All(word => word.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-' or '.')) =>
            $"{field.Key} must be names with commas between, such as q_proj, v_proj; it is “{text}”",
        _ => null,
    };
}

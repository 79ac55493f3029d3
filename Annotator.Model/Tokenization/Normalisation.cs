using System.Text;
using System.Text.Json;

namespace Annotator.Model.Tokenization;

/// <summary>The normaliser of a tokenizer.json: what becomes of a text before it is split into words.</summary>
internal delegate string Normaliser(string text, TextPlace place);

/// <summary>Reads normalisers. Source: the Rust crate <c>tokenizers</c>, whose files these are.</summary>
internal static class Normalisation
{
    /// <summary>The normaliser that a file names.</summary>
    /// <exception cref="FormatException">It is of a kind that is not known here, which the message names.</exception>
    public static Normaliser Read(JsonElement? json)
    {
        if (json is not { } normaliser)
        {
            return (text, _) => text;
        }

        switch (normaliser.Required("type").AsText("type"))
        {
            case "NFC":
                return (text, _) => text.Normalize(NormalizationForm.FormC);
            case "NFD":
                return (text, _) => text.Normalize(NormalizationForm.FormD);
            case "NFKC":
                return (text, _) => text.Normalize(NormalizationForm.FormKC);
            case "NFKD":
                return (text, _) => text.Normalize(NormalizationForm.FormKD);
            case "Lowercase":
                // The one character whose lower case is two; .NET leaves it as it is.
                return (text, _) => text.ToLowerInvariant().Replace("İ", "i\u0307", StringComparison.Ordinal);
            case "Prepend":
                var prefix = normaliser.Required("prepend").AsText("prepend");
                return (text, place) => text.Length == 0 || place == TextPlace.AfterText ? text : prefix + text;
            case "Replace":
                var (pattern, content) = ReadReplace(normaliser, "normalizer");
                return (text, _) => text.Replace(pattern, content, StringComparison.Ordinal);
            case "Sequence":
                Normaliser[] steps = [.. normaliser.Items("normalizers").Select(step => Read(step))];
                return (text, place) => steps.Aggregate(text, (current, step) => step(current, place));
            case var type:
                throw new FormatException($"its normalizer \"{type}\" is not known here");
        }
    }

    /// <summary>The two texts of a "Replace".</summary>
    /// <exception cref="FormatException">It replaces a pattern, not a text.</exception>
    public static (string Pattern, string Content) ReadReplace(JsonElement json, string part)
    {
        var pattern = json.Required("pattern").Text("String")
            ?? throw new FormatException($"its {part} \"Replace\" of a regular expression is not known here");
        return pattern.Length > 0
            ? (pattern, json.Required("content").AsText("content"))
            : throw new FormatException($"its {part} \"Replace\" replaces an empty text");
    }
}

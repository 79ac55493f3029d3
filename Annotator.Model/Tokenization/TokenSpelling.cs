using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Annotator.Model.Tokenization;

/// <summary>The decoder of a tokenizer.json: what bytes a token stands for.</summary>
/// <param name="BytesOf">Of a token of the vocabulary.</param>
/// <param name="DropsFirstSpace">A whole text begins with a space that was put there; it is not part of the text.</param>
internal sealed record TokenSpelling(Func<string, byte[]> BytesOf, bool DropsFirstSpace)
{
    /// <summary>GPT-2's. A token that is not spelt in bytes stands for itself.</summary>
    public static TokenSpelling InBytes { get; } = new(token => ByteLevel.Bytes(token) ?? Encoding.UTF8.GetBytes(token), false);

    /// <summary>The decoder that a file names.</summary>
    /// <exception cref="FormatException">It is of a kind that is not known here, which the message names.</exception>
    public static TokenSpelling Read(JsonElement? json)
    {
        List<(string Pattern, string Content)> replacements = [];
        var (inBytes, fallsBack, fused, dropsFirstSpace) = (false, false, false, false);
        foreach (var part in Parts(json ?? throw new FormatException("it has no decoder, so its tokens have no text")))
        {
            switch (part.Required("type").AsText("type"))
            {
                case "ByteLevel":
                    inBytes = true;
                    break;
                case "ByteFallback":
                    fallsBack = true;
                    break;
                case "Fuse":
                    fused = true;
                    break;
                case "Replace":
                    replacements.Add(Normalisation.ReadReplace(part, "decoder"));
                    break;
                case "Metaspace":
                    replacements.Add((part.Text("replacement") ?? "▁", " "));
                    dropsFirstSpace = part.Text("prepend_scheme") != "never" && part.Flag("add_prefix_space", otherwise: true);
                    break;
                case "Strip" when part.Text("content") == " " && part.Number("stop") == 0 && part.Number("start") is 0 or 1 && (fused || part.Number("start") == 0):
                    dropsFirstSpace = part.Number("start") == 1;
                    break;
                case var type:
                    throw new FormatException($"its decoder \"{type}\" is not known here{(type == "Strip" ? " but for one space at the start, after \"Fuse\"" : "")}");
            }
        }

        if (inBytes)
        {
            return replacements.Count == 0 && !fallsBack ? InBytes : throw new FormatException("its decoder \"ByteLevel\" with others beside it is not known here");
        }

        return new(BytesOf, dropsFirstSpace);

        byte[] BytesOf(string token)
        {
            if (fallsBack && token is ['<', '0', 'x', _, _, '>'] && byte.TryParse(token.AsSpan(3, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var b))
            {
                return [b];
            }

            return Encoding.UTF8.GetBytes(replacements.Aggregate(token, (text, replace) => text.Replace(replace.Pattern, replace.Content, StringComparison.Ordinal)));
        }
    }

    private static IEnumerable<JsonElement> Parts(JsonElement part) =>
        part.Text("type") == "Sequence" ? part.Items("decoders").SelectMany(Parts) : [part];
}

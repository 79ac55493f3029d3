using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Annotator.Model.Tokenization;

namespace Annotator.Tests.Fixtures;

/// <summary>Files of small tokenizers.</summary>
public static class TokenizerFile
{
    /// <summary>The id of the first token after the bytes and the merges.</summary>
    public const int FirstAdded = 300;

    /// <summary>A byte-level tokenizer of GPT-2's kind: the 256 bytes by their values, then what the merges make, then special tokens from <see cref="FirstAdded"/> on.</summary>
    public static JsonObject ByteLevel(string[] merges, params string[] special)
    {
        var vocabulary = new JsonObject();
        for (var b = 0; b < 256; b++)
            vocabulary[Annotator.Model.Tokenization.ByteLevel.Character((byte)b).ToString()] = b;
        foreach (var merge in merges)
            vocabulary.TryAdd(merge.Replace(" ", "", StringComparison.Ordinal), vocabulary.Count);
        return new JsonObject
        {
            ["added_tokens"] = new JsonArray([.. special.Select((token, i) => Added(FirstAdded + i, token, special: true))]),
            ["normalizer"] = null,
            ["pre_tokenizer"] = new JsonObject { ["type"] = "ByteLevel", ["add_prefix_space"] = false, ["use_regex"] = true },
            ["post_processor"] = null,
            ["decoder"] = new JsonObject { ["type"] = "ByteLevel" },
            ["model"] = new JsonObject
            {
                ["type"] = "BPE",
                ["vocab"] = vocabulary,
                ["merges"] = new JsonArray([.. merges.Select(merge => JsonValue.Create(merge))]),
            },
        };
    }

    /// <summary>GPT-2's own tokenizer as one file.</summary>
    public static JsonObject Gpt2()
    {
        var file = ByteLevel([]);
        file["added_tokens"] = new JsonArray(Added(50_256, "<|endoftext|>", special: true));
        file["model"]!["vocab"] = Oracles.Json("gpt2-tokenizer/encoder.json");
        file["model"]!["merges"] = new JsonArray([.. File.ReadLines(Oracles.Find("gpt2-tokenizer/vocab.bpe")).Skip(1).Select(line => JsonValue.Create(line))]);
        return file;
    }

    /// <summary>The tokenizer of stories260K: Llama 2's kind, with 512 tokens.</summary>
    public static JsonObject Stories() => Oracles.Json("stories260K/tokenizer.json").AsObject();

    public static JsonObject Added(int id, string content, bool special) => new() { ["id"] = id, ["content"] = content, ["special"] = special };

    /// <summary>Opens a file as it would lie in a policy directory.</summary>
    public static TextTokenizer Open(this JsonObject file, string? config = null) => Open(file.ToJsonString(), config);

    public static TextTokenizer Open(string file, string? config = null)
    {
        using var directory = new TemporaryDirectory();
        File.WriteAllText(directory["tokenizer.json"], file);
        if (config is not null)
            File.WriteAllText(directory["tokenizer_config.json"], config);
        return TextTokenizer.Open(directory.Path)!;
    }

    /// <summary>A text in which special tokens are meant where they are spelt, as other libraries take every text.</summary>
    public static IReadOnlyList<TextPart> WithSpecialTokens(string text, IEnumerable<string> special)
    {
        var spellings = special.OrderByDescending(token => token.Length).ToList();
        var pieces = spellings.Count == 0 ? [text] : Regex.Split(text, $"({string.Join('|', spellings.Select(Regex.Escape))})");
        return [.. pieces.Where(piece => piece.Length > 0).Select(piece => new TextPart(piece, spellings.Contains(piece)))];
    }
}

using System.Text.Json;

namespace Annotator.Model.Tokenization;

/// <summary>Reads GPT-2's tokenizer files, vocab.json and merges.txt. They do not say how text is split: GPT-2's way is meant.</summary>
internal static class Gpt2Files
{
    private static readonly string[] Classes = ["GPT2Tokenizer", "GPT2TokenizerFast", "CodeGenTokenizer", "CodeGenTokenizerFast", "PreTrainedTokenizerFast"];

    /// <summary>Reads the files.</summary>
    /// <exception cref="FormatException">They can't be used, or are those of another tokenizer.</exception>
    /// <exception cref="JsonException">The vocabulary is not JSON.</exception>
    public static TokenizerParts Read(string vocabularyFile, string mergesFile, TokenizerConfig config)
    {
        if (config.TokenizerClass is { } named && !Classes.Contains(named))
        {
            throw new FormatException($"its tokenizer_config.json names a {named}, which splits text in its own way: that needs its tokenizer.json");
        }

        var vocabulary = JsonSerializer.Deserialize<Dictionary<string, int>>(File.ReadAllBytes(vocabularyFile)) ?? [];
        TokenizerJson.CheckIds(vocabulary.Values);
        if (vocabulary.Values.Distinct().Count() < vocabulary.Count)
        {
            throw new FormatException("two tokens have the same id");
        }

        var merges = File.ReadLines(mergesFile)
            .Where(line => line.Length > 0 && !line.StartsWith("#version", StringComparison.Ordinal))
            .Select(line => line.Split(' ') is [var left, var right] ? (left, right) : throw new FormatException($"\"{line}\" in {mergesFile} is not a merge"))
            .ToList();

        List<AddedToken> added = [];
        foreach (var token in new[] { config.EndOfText, config.BeginOfText }.OfType<string>().Distinct())
        {
            if (vocabulary.Remove(token, out var id))
            {
                added.Add(new AddedToken(id, token, IsSpecial: true));
            }
        }

        for (var b = 0; b < 256; b++)
        {
            if (!vocabulary.ContainsKey(ByteLevel.Character((byte)b).ToString()))
            {
                throw new FormatException($"the vocabulary lacks the token \"{ByteLevel.Character((byte)b)}\", a byte's");
            }
        }

        return new TokenizerParts
        {
            Model = new BytePairModel { Vocabulary = vocabulary, Merges = merges, IsByteLevel = true },
            Added = added,
            Normaliser = (text, _) => text,
            PreTokenizer = PreTokenization.Gpt2,
            Spelling = TokenSpelling.InBytes,
            BeginTokens = config is { AddsBeginOfText: true, BeginOfText: { } begin } ? [begin] : [],
            EndOfText = config.EndOfText,
        };
    }
}

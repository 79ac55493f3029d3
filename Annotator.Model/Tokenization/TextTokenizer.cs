using System.Text;
using System.Text.Json;
using Annotator.Model.Checkpoints;
using Microsoft.ML.Tokenizers;

namespace Annotator.Model.Tokenization;

/// <summary>
/// Byte-level BPE as GPT-2 has it (Radford et al. 2019, section 2.2), from Hugging Face's vocab.json and
/// merges.txt, merged by Microsoft.ML.Tokenizers. Text is text: a special token's spelling inside it is encoded as
/// the characters it is made of. Safe to use from several threads.
/// </summary>
public sealed class TextTokenizer
{
    private const string DefaultEndOfText = "<|endoftext|>";

    private readonly byte[]?[] _bytes;                                                            // by id; null for special tokens
    private readonly BpeTokenizer _merger;

    private TextTokenizer(Dictionary<string, int> vocabulary, IEnumerable<string> merges, string endOfText)
    {
        EndOfTextId = vocabulary.TryGetValue(endOfText, out var end) ? end : null;
        EndOfText = EndOfTextId is null ? null : endOfText;

        _bytes = new byte[vocabulary.Values.Max() + 1][];
        foreach (var (token, id) in vocabulary)
        {
            _bytes[id] = id == EndOfTextId ? null : ByteLevel.Bytes(token);
        }

        for (var b = 0; b < 256; b++)
        {
            Require(ByteLevel.Character((byte)b).ToString());
        }

        // The library's own message would not name the token.
        var known = merges.ToList();
        foreach (var merge in known)
        {
            var parts = merge.Split(' ');
            Array.ForEach([.. parts, string.Concat(parts)], Require);
        }

        _merger = BpeTokenizer.Create(new BpeOptions(vocabulary.Where(entry => entry.Value != EndOfTextId))
        {
            Merges = known,
            ByteLevel = true,
            PreTokenizer = Gpt2Words.PreTokenizer,
        });

        void Require(string token)
        {
            if (!vocabulary.ContainsKey(token))
            {
                throw new FormatException($"the vocabulary lacks the token \"{token}\"");
            }
        }
    }

    /// <summary>One more than the largest id.</summary>
    public int VocabularySize => _bytes.Length;

    /// <summary>The id that ends a text; null if the vocabulary has none.</summary>
    public int? EndOfTextId { get; }

    /// <summary>How the token <see cref="EndOfTextId"/> is spelt.</summary>
    public string? EndOfText { get; }

    /// <summary>The special tokens that a prompt of text begins with, such as Llama's &lt;s&gt;, as the checkpoint's own files set it.</summary>
    public IReadOnlyList<int> BeginIds { get; } = [];

    /// <summary>The id of an added (special) token by its spelling; null if the vocabulary has none of that spelling.</summary>
    public int? AddedTokenId(string token) => token == EndOfText ? EndOfTextId : null;

    /// <summary>Opens the tokenizer in a policy directory; null where there is none.</summary>
    /// <exception cref="PolicyException">Its files can't be used.</exception>
    public static TextTokenizer? Open(string directory)
    {
        var (vocabulary, merges) = (Path.Combine(directory, "vocab.json"), Path.Combine(directory, "merges.txt"));
        return File.Exists(vocabulary) && File.Exists(merges)
            ? Read(vocabulary, merges, EndOfTextOf(Path.Combine(directory, "tokenizer_config.json")))
            : null;
    }

    /// <summary>Reads a vocabulary (JSON, token → id) and merges (a line each, best first).</summary>
    /// <exception cref="PolicyException">The files can't be used.</exception>
    public static TextTokenizer Read(string vocabularyFile, string mergesFile, string endOfText = DefaultEndOfText)
    {
        try
        {
            var vocabulary = JsonSerializer.Deserialize<Dictionary<string, int>>(File.ReadAllBytes(vocabularyFile))
                ?? throw new FormatException("it is empty");
            if (vocabulary.Count == 0 || vocabulary.Values.Min() < 0 || vocabulary.Values.Max() > 16 * vocabulary.Count)
            {
                throw new FormatException("its ids make no sense");
            }

            var merges = File.ReadLines(mergesFile)
                .Where(line => line.Length > 0 && !line.StartsWith("#version", StringComparison.Ordinal))
                .Select(line => line.Split(' ').Length == 2 ? line : throw new FormatException($"\"{line}\" in {mergesFile} is not a merge"));
            return new TextTokenizer(vocabulary, merges, endOfText);
        }
        catch (Exception e) when (e is JsonException or FormatException or IOException or UnauthorizedAccessException)
        {
            throw new PolicyException($"The tokenizer {vocabularyFile} can't be used: {e.Message}.", e);
        }
    }

    /// <summary>The ids of a text; no special token is added.</summary>
    public List<int> Encode(ReadOnlySpan<char> text) => [.. _merger.EncodeToIds(text)];

    /// <summary>The ids of a text that is a whole prompt: <see cref="BeginIds"/>, then the text's.</summary>
    public List<int> EncodePrompt(ReadOnlySpan<char> text) => [.. BeginIds, .. Encode(text)];

    /// <summary>The ids of a text that goes on after another, such as a response after its prompt: no space is put before it.</summary>
    public List<int> EncodeContinuation(ReadOnlySpan<char> text) => Encode(text);

    /// <summary>The ids of text with special tokens in it, and which of them are to be learned. Texts side by side are encoded as one, up to a target.</summary>
    /// <exception cref="PolicyException">The vocabulary lacks a special token.</exception>
    public List<(int Id, bool IsTarget)> Encode(IReadOnlyList<TextPart> parts)
    {
        List<(int, bool)> ids = [];
        for (var at = 0; at < parts.Count;)
        {
            var part = parts[at++];
            if (part.IsSpecial)
            {
                ids.Add((AddedTokenId(part.Text) ?? throw new PolicyException($"The tokenizer has no token \"{part.Text}\", which the chat template needs."), part.IsTarget));
                continue;
            }

            var text = part.Text;
            while (at < parts.Count && !parts[at].IsSpecial && parts[at].IsTarget == part.IsTarget)
            {
                text += parts[at++].Text;
            }

            ids.AddRange(Encode(text).Select(id => (id, part.IsTarget)));
        }

        return ids;
    }

    /// <summary>The text of ids that follow a prompt: unlike <see cref="Decode"/>, a space at their start stays.</summary>
    /// <inheritdoc cref="Decode" path="/exception" />
    public string DecodeContinuation(IEnumerable<int> ids) => Decode(ids);

    /// <summary>The text of ids; special tokens are left out, and bytes that are not UTF-8 become U+FFFD.</summary>
    /// <exception cref="ArgumentOutOfRangeException">An id that the vocabulary doesn't have.</exception>
    public string Decode(IEnumerable<int> ids)
    {
        var bytes = new List<byte>();
        foreach (var id in ids)
        {
            bytes.AddRange(BytesOf(id));
        }

        return Encoding.UTF8.GetString([.. bytes]);
    }

    /// <summary>The bytes of one token; none for a special token.</summary>
    /// <exception cref="ArgumentOutOfRangeException">An id that the vocabulary doesn't have.</exception>
    public ReadOnlySpan<byte> BytesOf(int id)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(id);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(id, _bytes.Length);
        return _bytes[id];
    }

    private static string EndOfTextOf(string tokenizerConfig)
    {
        if (!File.Exists(tokenizerConfig))
        {
            return DefaultEndOfText;
        }

        using var json = JsonDocument.Parse(File.ReadAllBytes(tokenizerConfig));
        return !json.RootElement.TryGetProperty("eos_token", out var token) ? DefaultEndOfText
            : token.ValueKind == JsonValueKind.String ? token.GetString()!
            : token.ValueKind == JsonValueKind.Object && token.TryGetProperty("content", out var content) ? content.GetString()!
            : DefaultEndOfText;
    }
}

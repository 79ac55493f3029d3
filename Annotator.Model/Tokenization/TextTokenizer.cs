using System.Collections.Concurrent;
using System.Text;
using System.Text.Json;
using Annotator.Model.Checkpoints;

namespace Annotator.Model.Tokenization;

/// <summary>
/// Byte-level BPE as GPT-2 has it (Radford et al. 2019, section 2.2), from Hugging Face's vocab.json and
/// merges.txt. Text is text: a special token's spelling inside it is encoded as the characters it is made of.
/// Safe to use from several threads.
/// </summary>
public sealed class TextTokenizer
{
    private const string DefaultEndOfText = "<|endoftext|>";
    private const int LongestCachedWord = 32;                                                     // chars; longer ones hardly come again
    private const int MostCachedWords = 1 << 20;

    private readonly byte[]?[] _bytes;                                                            // by id; null for special tokens
    private readonly int[] _idOfByte = new int[256];
    private readonly Dictionary<(int Left, int Right), (int Rank, int Id)> _merges = [];
    private readonly ConcurrentDictionary<string, int[]> _words = new();
    private readonly ConcurrentDictionary<string, int[]>.AlternateLookup<ReadOnlySpan<char>> _wordLookup;

    private TextTokenizer(Dictionary<string, int> vocabulary, IEnumerable<(string Left, string Right)> merges, string endOfText)
    {
        _wordLookup = _words.GetAlternateLookup<ReadOnlySpan<char>>();
        EndOfTextId = vocabulary.TryGetValue(endOfText, out var end) ? end : null;

        _bytes = new byte[vocabulary.Values.Max() + 1][];
        foreach (var (token, id) in vocabulary)
        {
            _bytes[id] = id == EndOfTextId ? null : ByteLevel.Bytes(token);
        }

        for (var b = 0; b < 256; b++)
        {
            _idOfByte[b] = Id(ByteLevel.Character((byte)b).ToString());
        }

        foreach (var (left, right) in merges)
        {
            _merges.TryAdd((Id(left), Id(right)), (_merges.Count, Id(left + right)));
        }

        int Id(string token) => vocabulary.TryGetValue(token, out var id) ? id
            : throw new FormatException($"the vocabulary lacks the token \"{token}\"");
    }

    /// <summary>One more than the largest id.</summary>
    public int VocabularySize => _bytes.Length;

    /// <summary>The id that ends a text; null if the vocabulary has none.</summary>
    public int? EndOfTextId { get; }

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
                .Select(line => line.Split(' '))
                .Select(parts => parts.Length == 2 ? (parts[0], parts[1]) : throw new FormatException($"\"{string.Join(' ', parts)}\" in {mergesFile} is not a merge"));
            return new TextTokenizer(vocabulary, merges, endOfText);
        }
        catch (Exception e) when (e is JsonException or FormatException or IOException or UnauthorizedAccessException)
        {
            throw new PolicyException($"The tokenizer {vocabularyFile} can't be used: {e.Message}.", e);
        }
    }

    /// <summary>The ids of a text; no special token is added.</summary>
    public List<int> Encode(ReadOnlySpan<char> text)
    {
        var ids = new List<int>(text.Length / 3 + 1);
        while (text.Length > 0)
        {
            var length = Gpt2Words.Length(text);
            ids.AddRange(EncodeWord(text[..length]));
            text = text[length..];
        }

        return ids;
    }

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

    private int[] EncodeWord(ReadOnlySpan<char> word)
    {
        if (_wordLookup.TryGetValue(word, out var known))
        {
            return known;
        }

        var ids = Merge(word);
        if (word.Length <= LongestCachedWord && _words.Count < MostCachedWords)
        {
            _words.TryAdd(word.ToString(), ids);
        }

        return ids;
    }

    /// <summary>
    /// Joins the pair of best rank, the leftmost of equals, again and again. The pairs wait in a queue, so that a
    /// word of a hundred thousand letters is no way to stop the server.
    /// </summary>
    private int[] Merge(ReadOnlySpan<char> word)
    {
        var utf8 = new byte[Encoding.UTF8.GetMaxByteCount(word.Length)];
        var length = Encoding.UTF8.GetBytes(word, utf8);
        var ids = new int[length];
        var (previous, next) = (new int[length], new int[length]);
        for (var i = 0; i < length; i++)
        {
            (ids[i], previous[i], next[i]) = (_idOfByte[utf8[i]], i - 1, i + 1);
        }

        const int Gone = -1;
        var pairs = new PriorityQueue<(int At, int Left, int Right, int Joined), (int Rank, int At)>();
        for (var i = 0; i + 1 < length; i++)
        {
            Enqueue(i);
        }

        while (pairs.TryDequeue(out var pair, out _))
        {
            var (at, right) = (pair.At, next[pair.At]);
            if (ids[at] != pair.Left || right >= length || ids[right] != pair.Right)
            {
                continue;                                                                         // one of the two has been joined elsewhere
            }

            (ids[at], ids[right], next[at]) = (pair.Joined, Gone, next[right]);
            if (next[at] < length)
            {
                previous[next[at]] = at;
                Enqueue(at);
            }

            if (previous[at] >= 0)
            {
                Enqueue(previous[at]);
            }
        }

        return [.. ids.Where(id => id != Gone)];

        void Enqueue(int at)
        {
            var (left, right) = (ids[at], ids[next[at]]);
            if (_merges.TryGetValue((left, right), out var merge))
            {
                pairs.Enqueue((at, left, right, merge.Id), (merge.Rank, at));
            }
        }
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

using System.Text;
using Microsoft.ML.Tokenizers;

namespace Annotator.Model.Tokenization;

/// <summary>A vocabulary with its merges, as a BPE model's file gives it.</summary>
internal sealed record BytePairModel
{
    /// <summary>Token → id.</summary>
    public required IReadOnlyDictionary<string, int> Vocabulary { get; init; }

    /// <summary>Best first.</summary>
    public required IReadOnlyList<(string Left, string Right)> Merges { get; init; }

    /// <summary>Words are spelt in bytes, as <see cref="ByteLevel"/> has it.</summary>
    public bool IsByteLevel { get; init; }

    /// <summary>A word that is in the vocabulary is that token, whatever its merges lead to.</summary>
    public bool IgnoresMerges { get; init; }

    /// <summary>A character that is not in the vocabulary becomes its UTF-8 bytes, &lt;0x00&gt; to &lt;0xFF&gt;.</summary>
    public bool FallsBackToBytes { get; init; }

    /// <summary>Stands for a character that is not in the vocabulary; null leaves such characters out.</summary>
    public string? Unknown { get; init; }

    /// <summary>Unknown characters side by side are one token.</summary>
    public bool FusesUnknown { get; init; }
}

/// <summary>
/// Turns words into ids by byte pair encoding (Sennrich et al. 2016). Microsoft.ML.Tokenizers merges; what it lacks is
/// here: bytes for unknown characters, whole words first, and long words, on which its time grows with the square of
/// their length. Safe to use from several threads.
/// </summary>
internal sealed class BytePairMerger
{
    private const int LongestOrdinaryWord = 400;

    private readonly BytePairModel _model;
    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> _vocabulary;
    private readonly BpeTokenizer _merger;
    private readonly Lazy<LongWordMerger> _longWords;
    private readonly int _longestToken;
    private readonly int[] _byteIds;                                                              // of <0xNN>, -1 where there is none

    /// <exception cref="FormatException">The merges don't fit the vocabulary.</exception>
    public BytePairMerger(BytePairModel model)
    {
        var vocabulary = new Dictionary<string, int>(model.Vocabulary, StringComparer.Ordinal);
        foreach (var (left, right) in model.Merges)
        {
            // The library's own messages would not name the token.
            Require(left);
            Require(right);
            Require(left + right);
            if (left.Contains(' ') || right.Contains(' '))
            {
                throw new FormatException($"the merge of \"{left}\" and \"{right}\", which hold a space, is not known here");
            }
        }

        _model = model;
        _vocabulary = vocabulary.GetAlternateLookup<ReadOnlySpan<char>>();
        _longestToken = vocabulary.Keys.Max(token => token.Length);
        _byteIds = [.. Enumerable.Range(0, 256).Select(b => vocabulary.GetValueOrDefault($"<0x{b:X2}>", -1))];
        _merger = BpeTokenizer.Create(new BpeOptions(vocabulary)
        {
            Merges = LastOfEach(model.Merges).Select(merge => $"{merge.Left} {merge.Right}"),
            ByteLevel = model.IsByteLevel,
            UnknownToken = model.Unknown,
            FuseUnknownTokens = model.FusesUnknown,
        });
        _longWords = new(() => new LongWordMerger(model));

        void Require(string token)
        {
            if (token.Length == 0)
            {
                throw new FormatException("a merge has an empty part, so it could be made without end");
            }

            if (!vocabulary.ContainsKey(token))
            {
                throw new FormatException($"the vocabulary lacks the token \"{token}\" of a merge");
            }
        }
    }

    /// <summary>Appends the ids of a word that is not empty.</summary>
    public void Encode(ReadOnlySpan<char> word, List<int> ids)
    {
        if (_model.IgnoresMerges && IdOfWhole(word) is { } whole)
        {
            ids.Add(whole);
        }
        else if (_model.FallsBackToBytes && !_model.IsByteLevel)
        {
            EncodeWithBytes(word, ids);
        }
        else
        {
            Merge(word, ids);
        }
    }

    private int? IdOfWhole(ReadOnlySpan<char> word)
    {
        if (!_model.IsByteLevel)
        {
            return _vocabulary.TryGetValue(word, out var id) ? id : null;
        }

        if (word.Length > _longestToken)
        {
            return null;
        }

        var most = Encoding.UTF8.GetMaxByteCount(word.Length);
        Span<byte> bytes = most <= 1024 ? stackalloc byte[1024] : new byte[most];
        Span<char> spelt = most <= 1024 ? stackalloc char[1024] : new char[most];
        var length = Encoding.UTF8.GetBytes(word, bytes);
        for (var i = 0; i < length; i++)
        {
            spelt[i] = ByteLevel.Character(bytes[i]);
        }

        return _vocabulary.TryGetValue(spelt[..length], out var known) ? known : null;
    }

    /// <summary>No merge reaches over a character that is not in the vocabulary, so what lies between such characters is merged apart.</summary>
    private void EncodeWithBytes(ReadOnlySpan<char> word, List<int> ids)
    {
        Span<byte> bytes = stackalloc byte[4];
        var start = 0;
        for (int at = 0, length; at < word.Length; at += length)
        {
            Rune.DecodeFromUtf16(word[at..], out var rune, out length);
            var utf8 = bytes[..rune.EncodeToUtf8(bytes)];
            if (_vocabulary.ContainsKey(word.Slice(at, length)) || LacksOne(utf8))
            {
                continue;
            }

            Merge(word[start..at], ids);
            foreach (var b in utf8)
            {
                ids.Add(_byteIds[b]);
            }

            start = at + length;
        }

        Merge(word[start..], ids);
    }

    private bool LacksOne(ReadOnlySpan<byte> bytes)
    {
        foreach (var b in bytes)
        {
            if (_byteIds[b] < 0)
            {
                return true;
            }
        }

        return false;
    }

    private void Merge(ReadOnlySpan<char> word, List<int> ids)
    {
        if (word.Length > LongestOrdinaryWord)
        {
            _longWords.Value.Encode(word, ids);
        }
        else if (!word.IsEmpty)
        {
            ids.AddRange(_merger.EncodeToIds(word, considerPreTokenization: false, considerNormalization: false));
        }
    }

    /// <summary>A merge that is named twice counts where it is named last, as in the Rust crate; the library takes each only once.</summary>
    private static IEnumerable<(string Left, string Right)> LastOfEach(IReadOnlyList<(string, string)> merges)
    {
        var lasts = new Dictionary<(string, string), int>(merges.Count);
        for (var i = 0; i < merges.Count; i++)
        {
            lasts[merges[i]] = i;
        }

        return merges.Where((merge, i) => lasts[merge] == i);
    }
}

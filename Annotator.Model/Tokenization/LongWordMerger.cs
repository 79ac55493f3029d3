using System.Text;

namespace Annotator.Model.Tokenization;

/// <summary>
/// Byte pair encoding in n log n steps: the pairs wait in a queue, best merge first and leftmost first among equals, and
/// what is merged is linked to its neighbours. Gives the ids that Microsoft.ML.Tokenizers gives.
/// </summary>
internal sealed class LongWordMerger
{
    private readonly BytePairModel _model;
    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> _vocabulary;
    private readonly Dictionary<(int Left, int Right), (int Rank, int Id)> _merges;
    private readonly int? _unknown;

    public LongWordMerger(BytePairModel model)
    {
        _model = model;
        _vocabulary = new Dictionary<string, int>(model.Vocabulary, StringComparer.Ordinal).GetAlternateLookup<ReadOnlySpan<char>>();
        _merges = new(model.Merges.Count);
        for (var rank = 0; rank < model.Merges.Count; rank++)
        {
            var (left, right) = model.Merges[rank];
            _merges[(model.Vocabulary[left], model.Vocabulary[right])] = (rank, model.Vocabulary[left + right]);
        }

        _unknown = model.Unknown is { } token ? model.Vocabulary[token] : null;
    }

    /// <summary>Appends the ids of a word.</summary>
    public void Encode(ReadOnlySpan<char> word, List<int> ids)
    {
        var symbols = Symbols(word);
        var (next, previous) = (new int[symbols.Count], new int[symbols.Count]);
        for (var i = 0; i < symbols.Count; i++)
        {
            (next[i], previous[i]) = (i + 1, i - 1);
        }

        var queue = new PriorityQueue<(int Place, int Id), (int Rank, int Place)>(symbols.Count);
        for (var i = 0; i + 1 < symbols.Count; i++)
        {
            Consider(i);
        }

        const int Gone = -1;
        while (queue.TryDequeue(out var merge, out _))
        {
            var (left, right) = (merge.Place, next[merge.Place]);
            if (symbols[left] == Gone || right == symbols.Count
                || !_merges.TryGetValue((symbols[left], symbols[right]), out var now) || now.Id != merge.Id)
            {
                continue;                                                                         // one of the two was merged meanwhile
            }

            symbols[left] = merge.Id;
            symbols[right] = Gone;
            next[left] = next[right];
            if (next[left] < symbols.Count)
            {
                previous[next[left]] = left;
                Consider(left);
            }

            if (previous[left] >= 0)
            {
                Consider(previous[left]);
            }
        }

        ids.AddRange(symbols.Where(symbol => symbol != Gone));

        void Consider(int place)
        {
            if (_merges.TryGetValue((symbols[place], symbols[next[place]]), out var merge))
            {
                queue.Enqueue((place, merge.Id), (merge.Rank, place));
            }
        }
    }

    private List<int> Symbols(ReadOnlySpan<char> word)
    {
        List<int> symbols = new(word.Length);
        var lastIsUnknown = false;
        Span<byte> bytes = stackalloc byte[4];
        Span<char> one = stackalloc char[1];
        for (int at = 0, length; at < word.Length; at += length)
        {
            Rune.DecodeFromUtf16(word[at..], out var rune, out length);
            if (!_model.IsByteLevel)
            {
                Add(word.Slice(at, length), symbols);
                continue;
            }

            foreach (var b in bytes[..rune.EncodeToUtf8(bytes)])
            {
                one[0] = ByteLevel.Character(b);
                Add(one, symbols);
            }
        }

        return symbols;

        void Add(ReadOnlySpan<char> symbol, List<int> to)
        {
            if (_vocabulary.TryGetValue(symbol, out var id))
            {
                to.Add(id);
                lastIsUnknown = false;
            }
            else if (_unknown is { } unknown && !(lastIsUnknown && _model.FusesUnknown))
            {
                to.Add(unknown);
                lastIsUnknown = true;
            }
        }
    }
}

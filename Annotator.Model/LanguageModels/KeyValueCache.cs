using TorchSharp;
using static TorchSharp.torch;

namespace Annotator.Model.LanguageModels;

/// <summary>
/// Keys and values of the tokens seen so far, per layer. Each row is a sequence of its own length, so sequences can
/// join and leave while others go on; what lies behind a row's end is masked. Used without gradients.
/// </summary>
public sealed class KeyValueCache : IDisposable
{
    // Each (row capacity, token capacity, heads, d): the keys of one token lie together, so a new token of every row is
    // one indexed copy. Zeros, not whatever the memory held: a masked NaN would still spread through the values.
    private readonly Tensor[] _keys;
    private readonly Tensor[] _values;
    private readonly List<long> _lengths;
    private Tensor? _places;                                                                      // of the new tokens, (B·T), see Places

    internal KeyValueCache(LanguageModel model, int rows, int capacity)
    {
        Model = model;
        Tensor Room() => zeros([rows, Math.Max(1, capacity), model.KeyValueHeads, model.HeadWidth], model.Dtype, model.Device)
            .DetachFromDisposeScope();
        _keys = [.. Enumerable.Range(0, model.Layers).Select(_ => Room())];
        _values = [.. Enumerable.Range(0, model.Layers).Select(_ => Room())];
        _lengths = [.. Enumerable.Repeat(0L, rows)];
    }

    /// <summary>Whose keys and values it holds.</summary>
    public LanguageModel Model { get; }

    /// <summary>Sequences, B.</summary>
    public int Rows => _lengths.Count;

    /// <summary>Tokens held for each row.</summary>
    public IReadOnlyList<long> Lengths => _lengths;

    /// <summary>Tokens of the longest row; 0 without rows.</summary>
    public long Longest { get; private set; }

    /// <summary>Whether all rows are equally long, so that one number says where each stands.</summary>
    public bool IsEven => _lengths.TrueForAll(length => length == Longest);

    /// <summary>Adds the keys and values of new tokens behind each row's end and returns views of all. <see cref="Advance"/> follows once all layers are through.</summary>
    /// <param name="layer">From 0.</param>
    /// <param name="key">(B, heads, T, d).</param>
    /// <param name="value">(B, heads, T, d).</param>
    /// <returns>(B, heads, Longest + T, d) each.</returns>
    public (Tensor Keys, Tensor Values) Append(int layer, Tensor key, Tensor value)
    {
        var added = key.shape[2];
        Reserve(layer, Rows, Longest + added);
        return (Write(_keys[layer], key), Write(_values[layer], value));

        Tensor Write(Tensor room, Tensor tokens)
        {
            if (IsEven)
            {
                room.narrow(0, 0, Rows).narrow(1, Longest, added).copy_(tokens.transpose(1, 2));
            }
            else
            {
                var flat = room.view(-1, room.shape[2], room.shape[3]);
                flat.index_copy_(0, Places(added, room.shape[1]), tokens.transpose(1, 2).reshape(Rows * added, room.shape[2], room.shape[3]));
            }

            return room.narrow(0, 0, Rows).narrow(1, 0, Longest + added).transpose(1, 2);
        }
    }

    /// <summary>Room for one more token a row, for whoever writes it there instead of <see cref="Append"/>.</summary>
    /// <param name="layer">From 0.</param>
    /// <returns>(row capacity, token capacity, heads, d) each, contiguous.</returns>
    internal (Tensor Keys, Tensor Values) RoomForOneMore(int layer)
    {
        Reserve(layer, Rows, Longest + 1);
        return (_keys[layer], _values[layer]);
    }

    /// <summary>Counts tokens that all layers have appended to every row.</summary>
    public void Advance(long tokens)
    {
        for (var row = 0; row < Rows; row++)
        {
            _lengths[row] += tokens;
        }

        Measure();
    }

    /// <summary>Forgets each row's tokens after the first <paramref name="lengths"/>: those of padding on the right, say.</summary>
    public void Truncate(IReadOnlyList<long> lengths)
    {
        for (var row = 0; row < Rows; row++)
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThan(lengths[row], _lengths[row]);
            _lengths[row] = lengths[row];
        }

        Measure();
    }

    /// <summary>Adds copies of another cache's rows behind the present ones; a row may come several times (one prefill for n responses).</summary>
    /// <param name="other">A cache of the same model.</param>
    /// <param name="rows">Its rows.</param>
    public void Join(KeyValueCache other, IReadOnlyList<int> rows)
    {
        using var scope = NewDisposeScope();
        var longest = Math.Max(Longest, rows.Max(row => other._lengths[row]));
        for (var layer = 0; layer < _keys.Length; layer++)
        {
            Reserve(layer, Rows + rows.Count, longest);
            for (var i = 0; i < rows.Count; i++)
            {
                Copy(other._keys[layer], rows[i], _keys[layer], Rows + i, other._lengths[rows[i]]);
                Copy(other._values[layer], rows[i], _values[layer], Rows + i, other._lengths[rows[i]]);
            }
        }

        _lengths.AddRange(rows.Select(row => other._lengths[row]));
        Measure();
    }

    /// <summary>Takes a row out; the last row moves into its place.</summary>
    public void Remove(int row)
    {
        using var scope = NewDisposeScope();
        var last = Rows - 1;
        if (row != last)
        {
            for (var layer = 0; layer < _keys.Length; layer++)
            {
                Copy(_keys[layer], last, _keys[layer], row, _lengths[last]);
                Copy(_values[layer], last, _values[layer], row, _lengths[last]);
            }
        }

        _lengths[row] = _lengths[last];
        _lengths.RemoveAt(last);
        Measure();
    }

    public void Dispose()
    {
        foreach (var tensor in _keys.Concat(_values))
        {
            tensor.Dispose();
        }

        _places?.Dispose();
    }

    private void Measure()
    {
        Longest = _lengths.Count == 0 ? 0 : _lengths.Max();
        _places?.Dispose();
        _places = null;
    }

    /// <summary>Where the new tokens go in the flattened room; the same for all layers of a step.</summary>
    private Tensor Places(long added, long capacity) => _places ??= tensor(
        (from row in Enumerable.Range(0, Rows)
         from token in Enumerable.Range(0, (int)added)
         select row * capacity + _lengths[row] + token).ToArray(),
        device: _keys[0].device).DetachFromDisposeScope();

    /// <summary>Room for more rows or tokens: at least twice of what was too little, so that growth is rare.</summary>
    private void Reserve(int layer, long rows, long tokens)
    {
        var shape = _keys[layer].shape;
        if (rows <= shape[0] && tokens <= shape[1])
        {
            return;
        }

        shape[0] = rows <= shape[0] ? shape[0] : Math.Max(rows, 2 * shape[0]);
        shape[1] = tokens <= shape[1] ? shape[1] : Math.Max(tokens, 2 * shape[1]);
        _keys[layer] = Enlarged(_keys[layer]);
        _values[layer] = Enlarged(_values[layer]);

        Tensor Enlarged(Tensor old)
        {
            var larger = zeros(shape, old.dtype, old.device);
            if (Longest > 0)
            {
                larger.narrow(0, 0, Rows).narrow(1, 0, Longest).copy_(old.narrow(0, 0, Rows).narrow(1, 0, Longest));
            }

            old.Dispose();
            return larger.DetachFromDisposeScope();
        }
    }

    private static void Copy(Tensor from, int row, Tensor to, int toRow, long length) =>
        to.select(0, toRow).narrow(0, 0, length).copy_(from.select(0, row).narrow(0, 0, length));
}

using TorchSharp;
using static TorchSharp.torch;

namespace Annotator.Model.LanguageModels;

/// <summary>
/// Keys and values of the tokens seen so far, per layer. All rows have the same length (shorter prompts are
/// padded on the left); rows can be repeated, reordered and dropped. Used without gradients.
/// </summary>
public sealed class KeyValueCache : IDisposable
{
    private readonly Tensor[] _keys;                                                              // each (B, heads, capacity, d)
    private readonly Tensor[] _values;
    private long _capacity;

    internal KeyValueCache(LanguageModel model, int rows, int capacity)
    {
        _capacity = Math.Max(1, capacity);
        Rows = rows;
        Tensor Room() => empty([rows, model.KeyValueHeads, _capacity, model.HeadWidth], model.Dtype, model.Device)
            .DetachFromDisposeScope();
        _keys = [.. Enumerable.Range(0, model.Layers).Select(_ => Room())];
        _values = [.. Enumerable.Range(0, model.Layers).Select(_ => Room())];
    }

    /// <summary>Sequences, B.</summary>
    public long Rows { get; private set; }

    /// <summary>Tokens held for each row.</summary>
    public long Length { get; private set; }

    /// <summary>Adds the keys and values of new tokens and returns views of all. <see cref="Advance"/> follows once all layers are through.</summary>
    /// <param name="layer">From 0.</param>
    /// <param name="key">(B, heads, T, d).</param>
    /// <param name="value">(B, heads, T, d).</param>
    /// <returns>(B, heads, Length + T, d) each.</returns>
    public (Tensor Keys, Tensor Values) Append(int layer, Tensor key, Tensor value)
    {
        var added = key.shape[2];
        if (Length + added > _keys[layer].shape[2])
        {
            Grow(layer, Math.Max(Length + added, 2 * _keys[layer].shape[2]));
        }

        _keys[layer].narrow(2, Length, added).copy_(key);
        _values[layer].narrow(2, Length, added).copy_(value);
        return (_keys[layer].narrow(2, 0, Length + added), _values[layer].narrow(2, 0, Length + added));
    }

    /// <summary>Counts tokens that all layers have appended.</summary>
    public void Advance(long tokens) => Length += tokens;

    /// <summary>Forgets the tokens after the first <paramref name="length"/>.</summary>
    public void Truncate(long length)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, Length);
        Length = length;
    }

    /// <summary>Keeps these rows, in this order; a row may come several times (one prefill for n responses) or not at all (finished).</summary>
    /// <param name="rows">Row indices, (B') int64.</param>
    public void Select(Tensor rows)
    {
        for (var layer = 0; layer < _keys.Length; layer++)
        {
            _keys[layer] = Replace(_keys[layer], _keys[layer].index_select(0, rows));
            _values[layer] = Replace(_values[layer], _values[layer].index_select(0, rows));
        }

        Rows = rows.shape[0];
    }

    /// <summary>Repeats each row: rows 0, 0, …, 1, 1, …</summary>
    public void Expand(int times)
    {
        using var scope = NewDisposeScope();
        Select(arange(Rows, dtype: ScalarType.Int64, device: _keys[0].device).repeat_interleave(times));
    }

    public void Dispose()
    {
        foreach (var tensor in _keys.Concat(_values))
        {
            tensor.Dispose();
        }
    }

    private void Grow(int layer, long capacity)
    {
        _capacity = Math.Max(_capacity, capacity);
        _keys[layer] = Replace(_keys[layer], Enlarged(_keys[layer]));
        _values[layer] = Replace(_values[layer], Enlarged(_values[layer]));

        Tensor Enlarged(Tensor old)
        {
            var shape = old.shape;
            var larger = empty([shape[0], shape[1], _capacity, shape[3]], old.dtype, old.device);
            larger.narrow(2, 0, Length).copy_(old.narrow(2, 0, Length));
            return larger;
        }
    }

    private static Tensor Replace(Tensor old, Tensor with)
    {
        old.Dispose();
        return with.DetachFromDisposeScope();
    }
}

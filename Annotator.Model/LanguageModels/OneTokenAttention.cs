using System.Numerics;
using System.Runtime.CompilerServices;
using TorchSharp;
using static TorchSharp.torch;

namespace Annotator.Model.LanguageModels;

/// <summary>
/// Attention of a decoding step: one new token a row against its cached ones. Rows end at their own lengths, so short
/// ones cost nothing for standing beside long ones, need no mask, and get the same result whoever stands beside them.
/// </summary>
internal static unsafe class OneTokenAttention
{
    private const int ShareFrom = 1 << 9;                                                         // less work than this is sooner done alone

    private static int Lane => Vector<float>.Count;

    /// <summary>Whether it can be used: F32 in main memory, no gradient wanted.</summary>
    public static bool Suits(LanguageModel model, long queries) =>
        queries == 1 && !is_grad_enabled() && model.Dropout == 0
        && model.HeadWidth % Lane == 0 && model.Dtype == ScalarType.Float32 && model.Device.type == DeviceType.CPU;

    /// <summary>softmax(q·kᵀ/√d)·v over the cache, which takes in the new token first.</summary>
    /// <param name="query">(B, heads, 1, d).</param>
    /// <param name="key">(B, key heads, 1, d).</param>
    /// <param name="value">As the key.</param>
    /// <param name="cache">Of the tokens before.</param>
    /// <param name="layer">From 0.</param>
    /// <returns>(B, 1, heads · d).</returns>
    public static Tensor Of(Tensor query, Tensor key, Tensor value, KeyValueCache cache, int layer)
    {
        var (rows, heads, width) = ((int)query.shape[0], (int)query.shape[1], (int)query.shape[3]);
        var (keys, values) = cache.RoomForOneMore(layer);
        var capacity = (int)keys.shape[1];
        using Tensor queries = query.contiguous(), newKeys = key.contiguous(), newValues = value.contiguous();
        var y = empty([rows, 1, (long)heads * width], ScalarType.Float32, query.device);
        var step = new Step(
            FewRowsProduct.Pointer(queries), FewRowsProduct.Pointer(keys), FewRowsProduct.Pointer(values), FewRowsProduct.Pointer(y),
            heads, (int)keys.shape[2], width, capacity, [.. cache.Lengths.Select(length => (int)length + 1)]);
        step.Append(FewRowsProduct.Pointer(newKeys), FewRowsProduct.Pointer(newValues));
        if (step.Work < ShareFrom)
        {
            for (var row = 0; row < rows; row++)
                step.Row(row);
        }
        else if (rows > 1)
        {
            Crew.Share(rows, step.Row);
        }
        else
        {
            Crew.Share(heads, head => step.Head(0, head));
        }

        return y;
    }

    private sealed class Step(
        float* queries, float* keys, float* values, float* y, int heads, int keyHeads, int width, int capacity, int[] lengths)
    {
        private readonly int _tokenStride = keyHeads * width;

        [ThreadStatic]
        private static float[]? _weights;

        public long Work => (long)lengths.Sum() * heads;

        /// <summary>Behind each row's tokens, whose heads lie together.</summary>
        public void Append(float* newKeys, float* newValues)
        {
            for (var row = 0; row < lengths.Length; row++)
            {
                var last = Start(row) + (long)(lengths[row] - 1) * _tokenStride;
                new Span<float>(newKeys + (long)row * _tokenStride, _tokenStride).CopyTo(new(keys + last, _tokenStride));
                new Span<float>(newValues + (long)row * _tokenStride, _tokenStride).CopyTo(new(values + last, _tokenStride));
            }
        }

        public void Row(int row)
        {
            for (var head = 0; head < heads; head++)
                Head(row, head);
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Head(int row, int head)
        {
            var length = lengths[row];
            var room = (length + Lane - 1) / Lane * Lane;
            if (_weights is null || _weights.Length < room)
                _weights = new float[2 * room];
            var start = Start(row) + head / (heads / keyHeads) * width;
            fixed (float* weights = _weights)
            {
                Scores(queries + ((long)row * heads + head) * width, keys + start, weights, length);
                for (var i = length; i < room; i++)
                    weights[i] = float.NegativeInfinity;
                var scale = 1 / Exponentials(weights, room);
                Mix(weights, values + start, y + ((long)row * heads + head) * width, length, scale);
            }
        }

        private long Start(int row) => (long)row * capacity * _tokenStride;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void Scores(float* query, float* key, float* scores, int length)
        {
            var scale = 1 / MathF.Sqrt(width);
            for (var token = 0; token < length; token++, key += _tokenStride)
            {
                var sum = Vector<float>.Zero;
                for (var i = 0; i < width; i += Lane)
                    sum = Vector.MultiplyAddEstimate(Vector.Load(query + i), Vector.Load(key + i), sum);
                scores[token] = Vector.Sum(sum) * scale;
            }
        }

        /// <summary>In place, against the highest; returns their sum.</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private static float Exponentials(float* scores, int room)
        {
            var highest = Vector.Load(scores);
            for (var i = Lane; i < room; i += Lane)
                highest = Vector.Max(highest, Vector.Load(scores + i));
            var top = highest[0];
            for (var i = 1; i < Lane; i++)
                top = MathF.Max(top, highest[i]);

            var shift = Vector.Create(top);
            var sum = Vector<float>.Zero;
            for (var i = 0; i < room; i += Lane)
            {
                var weight = Vector.Exp(Vector.Load(scores + i) - shift);
                weight.Store(scores + i);
                sum += weight;
            }

            return Vector.Sum(sum);
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void Mix(float* weights, float* value, float* mixed, int length, float scale)
        {
            var i = 0;
            for (; i + 4 * Lane <= width; i += 4 * Lane)
            {
                Vector<float> a0 = default, a1 = default, a2 = default, a3 = default;
                var v = value + i;
                for (var token = 0; token < length; token++, v += _tokenStride)
                {
                    var weight = Vector.Create(weights[token]);
                    a0 = Vector.MultiplyAddEstimate(weight, Vector.Load(v), a0);
                    a1 = Vector.MultiplyAddEstimate(weight, Vector.Load(v + Lane), a1);
                    a2 = Vector.MultiplyAddEstimate(weight, Vector.Load(v + 2 * Lane), a2);
                    a3 = Vector.MultiplyAddEstimate(weight, Vector.Load(v + 3 * Lane), a3);
                }

                (a0 * scale).Store(mixed + i);
                (a1 * scale).Store(mixed + i + Lane);
                (a2 * scale).Store(mixed + i + 2 * Lane);
                (a3 * scale).Store(mixed + i + 3 * Lane);
            }

            for (; i < width; i += Lane)
            {
                var sum = Vector<float>.Zero;
                for (var token = 0; token < length; token++)
                    sum = Vector.MultiplyAddEstimate(Vector.Create(weights[token]), Vector.Load(value + (long)token * _tokenStride + i), sum);
                (sum * scale).Store(mixed + i);
            }
        }
    }
}

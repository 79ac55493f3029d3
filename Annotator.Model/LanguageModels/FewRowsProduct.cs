using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using TorchSharp;
using static TorchSharp.torch;

namespace Annotator.Model.LanguageModels;

/// <summary>
/// x·Wᵀ + b for the few rows of a decoding step, where reading W from memory is what takes the time. Our own, because
/// the products that libtorch brings leave half of the bandwidth unused for one row and half of the arithmetic for 32
/// (<c>benchmark decode</c>). Every row is summed in the same order however many there are, so a
/// response does not depend on how many others are sampled beside it.
/// </summary>
internal static unsafe class FewRowsProduct
{
    /// <summary>From here on libtorch's product is as fast.</summary>
    public const int MaxRows = 64;

    // Rows of x by rows of W that are summed at a time: their twelve sums, and what is multiplied, fill the 16 registers of AVX2.
    private const int TileRows = 4;
    private const int TileOutputs = 3;
    private const int PartElements = 400_000;                                                     // of W, what a thread takes at a time: long streams are read faster
    private const int ShareFrom = 1 << 16;                                                        // less work than this is sooner done alone

    private static int Lane => Vector<float>.Count;

    /// <summary>Whether it can be used: few rows, F32 in main memory, no gradient wanted, outputs' weights together.</summary>
    /// <param name="x">(…, in).</param>
    /// <param name="weight">[out, in].</param>
    public static bool Suits(Tensor x, Tensor weight) =>
        !is_grad_enabled()
        && x.device_type == DeviceType.CPU && x.dtype == ScalarType.Float32 && weight.dtype == ScalarType.Float32
        && weight.size(1) is var inputs && x.numel() <= MaxRows * inputs && inputs % Lane == 0 && weight.is_contiguous();

    /// <summary>The product.</summary>
    /// <param name="x">(…, in).</param>
    /// <param name="weight">[out, in], contiguous.</param>
    /// <param name="bias">[out] or none.</param>
    /// <returns>(…, out).</returns>
    public static Tensor Of(Tensor x, Tensor weight, Tensor? bias)
    {
        var (outputs, inputs) = ((int)weight.size(0), (int)weight.size(1));
        using var rows = x.contiguous();
        var y = empty([.. x.shape[..^1], outputs], ScalarType.Float32, x.device);
        var product = new Product(
            Pointer(rows), (int)(x.numel() / inputs), Pointer(weight), bias is null ? null : Pointer(bias), Pointer(y), outputs, inputs);
        Crew.Share(product.Parts, product.Part);
        return y;
    }

    /// <summary>Where the elements of an F32 tensor in main memory begin.</summary>
    public static float* Pointer(Tensor tensor)
    {
        // A span can't be longer than an int says, and has no gaps: then that of the first row, or of its first row.
        if (tensor.dim() == 1 || (tensor.is_contiguous() && tensor.numel() * sizeof(float) <= int.MaxValue))
        {
            return (float*)Unsafe.AsPointer(ref MemoryMarshal.GetReference(tensor.bytes));
        }

        using var first = tensor.select(0, 0);
        return Pointer(first);
    }

    private sealed class Product(float* x, int rows, float* weight, float* bias, float* y, int outputs, int inputs)
    {
        private readonly int _outputsOfPart = OutputsOfPart(rows, outputs, inputs);

        public int Parts => (outputs + _outputsOfPart - 1) / _outputsOfPart;

        public void Part(int part)
        {
            var end = Math.Min(outputs, (part + 1) * _outputsOfPart);
            var output = part * _outputsOfPart;
            if (rows == 1)
            {
                for (; output + 4 <= end; output += 4)
                    OneByFour(output);
            }
            else
            {
                for (; output + TileOutputs <= end; output += TileOutputs)
                {
                    for (var row = 0; row < rows; row += TileRows)
                        FourByThree(row, output);
                }
            }

            for (; output < end; output++)
            {
                for (var row = 0; row < rows; row++)
                    OneByOne(row, output);
            }
        }

        /// <summary>Equal parts, as many for each thread, of whole tiles.</summary>
        private static int OutputsOfPart(int rows, int outputs, int inputs)
        {
            if ((long)rows * outputs * inputs < ShareFrom)
                return outputs;
            var threads = get_num_threads();
            var rounds = 1 + (int)((long)outputs * inputs / ((long)PartElements * threads));
            return RoundedUp(RoundedUp(outputs, rounds * threads) / (rounds * threads), TileOutputs);
        }

        private static int RoundedUp(int value, int multiple) => (value + multiple - 1) / multiple * multiple;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void OneByOne(int row, int output)
        {
            float* v = x + (long)row * inputs, w = weight + (long)output * inputs;
            var sum = Vector<float>.Zero;
            for (var i = 0; i < inputs; i += Lane)
                sum = Vector.MultiplyAddEstimate(Vector.Load(v + i), Vector.Load(w + i), sum);
            Store(row, output, sum);
        }

        /// <summary>Four sums at a time: one alone would wait for itself.</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void OneByFour(int output)
        {
            float* w0 = weight + (long)output * inputs, w1 = w0 + inputs, w2 = w1 + inputs, w3 = w2 + inputs;
            Vector<float> a0 = default, a1 = default, a2 = default, a3 = default;
            for (var i = 0; i < inputs; i += Lane)
            {
                var v = Vector.Load(x + i);
                a0 = Vector.MultiplyAddEstimate(v, Vector.Load(w0 + i), a0);
                a1 = Vector.MultiplyAddEstimate(v, Vector.Load(w1 + i), a1);
                a2 = Vector.MultiplyAddEstimate(v, Vector.Load(w2 + i), a2);
                a3 = Vector.MultiplyAddEstimate(v, Vector.Load(w3 + i), a3);
            }

            Store(0, output, a0);
            Store(0, output + 1, a1);
            Store(0, output + 2, a2);
            Store(0, output + 3, a3);
        }

        /// <summary>Rows beyond the last are the last once more; what they give is not stored.</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void FourByThree(int row, int output)
        {
            float* w0 = weight + (long)output * inputs, w1 = w0 + inputs, w2 = w1 + inputs;
            float* x0 = x + (long)row * inputs, x1 = Row(row + 1), x2 = Row(row + 2), x3 = Row(row + 3);

            // The next rows of W are fetched meanwhile, each group of rows of x its share of them.
            var share = TileOutputs * Lane / ((rows + TileRows - 1) / TileRows);                  // a step
            var ahead = w2 + inputs + (long)row / TileRows * share * (inputs / Lane);
            Vector<float> a00 = default, a01 = default, a02 = default;
            Vector<float> a10 = default, a11 = default, a12 = default;
            Vector<float> a20 = default, a21 = default, a22 = default;
            Vector<float> a30 = default, a31 = default, a32 = default;
            for (var i = 0; i < inputs; i += Lane, ahead += share)
            {
                if (Sse.IsSupported)
                    Sse.Prefetch0(ahead);
                Vector<float> u0 = Vector.Load(w0 + i), u1 = Vector.Load(w1 + i), u2 = Vector.Load(w2 + i);
                var v = Vector.Load(x0 + i);
                a00 = Vector.MultiplyAddEstimate(v, u0, a00);
                a01 = Vector.MultiplyAddEstimate(v, u1, a01);
                a02 = Vector.MultiplyAddEstimate(v, u2, a02);
                v = Vector.Load(x1 + i);
                a10 = Vector.MultiplyAddEstimate(v, u0, a10);
                a11 = Vector.MultiplyAddEstimate(v, u1, a11);
                a12 = Vector.MultiplyAddEstimate(v, u2, a12);
                v = Vector.Load(x2 + i);
                a20 = Vector.MultiplyAddEstimate(v, u0, a20);
                a21 = Vector.MultiplyAddEstimate(v, u1, a21);
                a22 = Vector.MultiplyAddEstimate(v, u2, a22);
                v = Vector.Load(x3 + i);
                a30 = Vector.MultiplyAddEstimate(v, u0, a30);
                a31 = Vector.MultiplyAddEstimate(v, u1, a31);
                a32 = Vector.MultiplyAddEstimate(v, u2, a32);
            }

            StoreRow(row, output, a00, a01, a02);
            StoreRow(row + 1, output, a10, a11, a12);
            StoreRow(row + 2, output, a20, a21, a22);
            StoreRow(row + 3, output, a30, a31, a32);
        }

        private float* Row(int row) => x + (long)Math.Min(row, rows - 1) * inputs;

        private void StoreRow(int row, int output, Vector<float> s0, Vector<float> s1, Vector<float> s2)
        {
            if (row >= rows)
                return;
            Store(row, output, s0);
            Store(row, output + 1, s1);
            Store(row, output + 2, s2);
        }

        private void Store(int row, int output, Vector<float> sum) =>
            y[(long)row * outputs + output] = Vector.Sum(sum) + (bias is null ? 0 : bias[output]);
    }
}

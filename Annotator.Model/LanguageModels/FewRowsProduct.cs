using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
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

    private const int Tile = 4;                                                                   // rows of x by rows of W
    private const int Lane = 16;                                                                  // floats of a vector
    private const int PartElements = 400_000;                                                     // of W, what a thread takes at a time: long streams are read faster
    private const int ShareFrom = 1 << 16;                                                        // less work than this is sooner done alone

    /// <summary>Whether it can be used: few rows, F32 in main memory, no gradient wanted, outputs' weights together, and AVX-512.</summary>
    /// <param name="x">(…, in).</param>
    /// <param name="weight">[out, in].</param>
    public static bool Suits(Tensor x, Tensor weight) =>
        Vector512.IsHardwareAccelerated && !is_grad_enabled()
        && x.device_type == DeviceType.CPU && x.dtype == ScalarType.Float32 && weight.dtype == ScalarType.Float32
        && x.numel() <= MaxRows * weight.shape[1] && weight.shape[1] % Lane == 0 && weight.is_contiguous();

    /// <summary>The product.</summary>
    /// <param name="x">(…, in).</param>
    /// <param name="weight">[out, in], contiguous.</param>
    /// <param name="bias">[out] or none.</param>
    /// <returns>(…, out).</returns>
    public static Tensor Of(Tensor x, Tensor weight, Tensor? bias)
    {
        var (outputs, inputs) = ((int)weight.shape[0], (int)weight.shape[1]);
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
        private readonly int _rowsOfPart = (long)rows * outputs * inputs < ShareFrom ? outputs
            : Tile * Math.Max(1, Math.Min(PartElements / inputs, (outputs + 1) / 2) / Tile);

        public int Parts => (outputs + _rowsOfPart - 1) / _rowsOfPart;

        public void Part(int part)
        {
            var end = Math.Min(outputs, (part + 1) * _rowsOfPart);
            var output = part * _rowsOfPart;
            for (; rows > 1 && output + Tile <= end; output += Tile)
            {
                for (var row = 0; row < rows; row += Tile)
                    FourByFour(row, output);
            }

            for (var row = 0; row < rows; row++)
                OneByOne(row, output, end);
        }

        /// <summary>One output after the other, so that memory is read in a single stream.</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void OneByOne(int row, int from, int to)
        {
            float* v = x + (long)row * inputs, w = weight + (long)from * inputs;
            for (var output = from; output < to; output++, w += inputs)
            {
                var sum = Vector512<float>.Zero;
                for (var i = 0; i < inputs; i += Lane)
                    sum = Vector512.FusedMultiplyAdd(Vector512.Load(v + i), Vector512.Load(w + i), sum);
                Store(row, output, sum);
            }
        }

        /// <summary>Rows beyond the last are the last once more; what they give is not stored.</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void FourByFour(int row, int output)
        {
            float* w0 = weight + (long)output * inputs, w1 = w0 + inputs, w2 = w1 + inputs, w3 = w2 + inputs;
            float* x0 = x + (long)row * inputs, x1 = Row(row + 1), x2 = Row(row + 2), x3 = Row(row + 3);
            Vector512<float> a00 = default, a01 = default, a02 = default, a03 = default;
            Vector512<float> a10 = default, a11 = default, a12 = default, a13 = default;
            Vector512<float> a20 = default, a21 = default, a22 = default, a23 = default;
            Vector512<float> a30 = default, a31 = default, a32 = default, a33 = default;
            for (var i = 0; i < inputs; i += Lane)
            {
                Vector512<float> v0 = Vector512.Load(x0 + i), v1 = Vector512.Load(x1 + i), v2 = Vector512.Load(x2 + i), v3 = Vector512.Load(x3 + i);
                var w = Vector512.Load(w0 + i);
                a00 = Vector512.FusedMultiplyAdd(v0, w, a00);
                a10 = Vector512.FusedMultiplyAdd(v1, w, a10);
                a20 = Vector512.FusedMultiplyAdd(v2, w, a20);
                a30 = Vector512.FusedMultiplyAdd(v3, w, a30);
                w = Vector512.Load(w1 + i);
                a01 = Vector512.FusedMultiplyAdd(v0, w, a01);
                a11 = Vector512.FusedMultiplyAdd(v1, w, a11);
                a21 = Vector512.FusedMultiplyAdd(v2, w, a21);
                a31 = Vector512.FusedMultiplyAdd(v3, w, a31);
                w = Vector512.Load(w2 + i);
                a02 = Vector512.FusedMultiplyAdd(v0, w, a02);
                a12 = Vector512.FusedMultiplyAdd(v1, w, a12);
                a22 = Vector512.FusedMultiplyAdd(v2, w, a22);
                a32 = Vector512.FusedMultiplyAdd(v3, w, a32);
                w = Vector512.Load(w3 + i);
                a03 = Vector512.FusedMultiplyAdd(v0, w, a03);
                a13 = Vector512.FusedMultiplyAdd(v1, w, a13);
                a23 = Vector512.FusedMultiplyAdd(v2, w, a23);
                a33 = Vector512.FusedMultiplyAdd(v3, w, a33);
            }

            StoreRow(row, output, a00, a01, a02, a03);
            StoreRow(row + 1, output, a10, a11, a12, a13);
            StoreRow(row + 2, output, a20, a21, a22, a23);
            StoreRow(row + 3, output, a30, a31, a32, a33);
        }

        private float* Row(int row) => x + (long)Math.Min(row, rows - 1) * inputs;

        private void StoreRow(int row, int output, Vector512<float> s0, Vector512<float> s1, Vector512<float> s2, Vector512<float> s3)
        {
            if (row >= rows)
                return;
            Store(row, output, s0);
            Store(row, output + 1, s1);
            Store(row, output + 2, s2);
            Store(row, output + 3, s3);
        }

        private void Store(int row, int output, Vector512<float> sum) =>
            y[(long)row * outputs + output] = Vector512.Sum(sum) + (bias is null ? 0 : bias[output]);
    }
}

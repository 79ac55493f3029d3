using System.Numerics;
using Annotator.Model.LanguageModels;
using TorchSharp;
using static TorchSharp.torch;

namespace Annotator.Model.Training;

/// <summary>
/// The optimisers' updates in one pass over memory, for parameters in F32 in main memory: torch's own operations, one
/// after the other, read and write every weight several times, and memory is all that an update waits for.
/// </summary>
internal static unsafe class FusedUpdates
{
    private const int Part = 1 << 16;                                                             // elements that a thread takes at a time

    private static int Lane => Vector<float>.Count;

    /// <summary>Whether all of them can be taken.</summary>
    public static bool Suits(params ReadOnlySpan<Tensor> tensors)
    {
        foreach (var tensor in tensors)
        {
            if (tensor.device_type != DeviceType.CPU || tensor.dtype != ScalarType.Float32 || !tensor.is_contiguous() || tensor.dim() == 0)
                return false;
        }

        return true;
    }

    /// <summary>θ ← θ − lr·g.</summary>
    public static void Sgd(Tensor parameter, Tensor gradient, double learningRate)
    {
        float* θ = FewRowsProduct.Pointer(parameter), g = FewRowsProduct.Pointer(gradient);
        var lr = (float)learningRate;
        Share(parameter, (i, end) =>
        {
            for (; i <= end - Lane; i += Lane)
                Vector.Store(Vector.Load(θ + i) - Vector.Load(g + i) * lr, θ + i);
            for (; i < end; i++)
                θ[i] -= g[i] * lr;
        });
    }

    /// <summary>v ← α·v + (1−α)·g²; θ ← θ − lr·g / (√v + ε).</summary>
    public static void Rmsprop(Tensor parameter, Tensor gradient, Tensor average, double learningRate, double alpha, double epsilon)
    {
        float* θ = FewRowsProduct.Pointer(parameter), g = FewRowsProduct.Pointer(gradient), v = FewRowsProduct.Pointer(average);
        // 1 − α is taken in double precision: in single, 1 − 0.999 is wrong in its fifth digit.
        var (lr, old, fresh, ε) = ((float)learningRate, (float)alpha, (float)(1 - alpha), (float)epsilon);
        Share(parameter, (i, end) =>
        {
            for (; i <= end - Lane; i += Lane)
            {
                var slope = Vector.Load(g + i);
                var square = Vector.Load(v + i) * old + slope * slope * fresh;
                Vector.Store(square, v + i);
                Vector.Store(Vector.Load(θ + i) - slope * lr / (Vector.SquareRoot(square) + new Vector<float>(ε)), θ + i);
            }

            for (; i < end; i++)
            {
                v[i] = v[i] * old + g[i] * g[i] * fresh;
                θ[i] -= g[i] * lr / (MathF.Sqrt(v[i]) + ε);
            }
        });
    }

    /// <summary>m ← β₁·m + (1−β₁)·g; v ← β₂·v + (1−β₂)·g²; θ ← keep·θ − step·m / (rootScale·√v + ε).</summary>
    public static void AdamW(
        Tensor parameter, Tensor gradient, Tensor average, Tensor squareAverage, double beta1, double beta2, double keep, double step, double rootScale, double epsilon)
    {
        float* θ = FewRowsProduct.Pointer(parameter), g = FewRowsProduct.Pointer(gradient), m = FewRowsProduct.Pointer(average), v = FewRowsProduct.Pointer(squareAverage);
        var (old1, fresh1, old2, fresh2) = ((float)beta1, (float)(1 - beta1), (float)beta2, (float)(1 - beta2));
        var (kept, lr, scale, ε) = ((float)keep, (float)step, (float)rootScale, (float)epsilon);
        Share(parameter, (i, end) =>
        {
            for (; i <= end - Lane; i += Lane)
            {
                var slope = Vector.Load(g + i);
                var mean = Vector.Load(m + i) * old1 + slope * fresh1;
                var square = Vector.Load(v + i) * old2 + slope * slope * fresh2;
                Vector.Store(mean, m + i);
                Vector.Store(square, v + i);
                Vector.Store(Vector.Load(θ + i) * kept - mean * lr / (Vector.SquareRoot(square) * scale + new Vector<float>(ε)), θ + i);
            }

            for (; i < end; i++)
            {
                m[i] = m[i] * old1 + g[i] * fresh1;
                v[i] = v[i] * old2 + g[i] * g[i] * fresh2;
                θ[i] = θ[i] * kept - m[i] * lr / (MathF.Sqrt(v[i]) * scale + ε);
            }
        });
    }

    private static void Share(Tensor parameter, Action<long, long> part)
    {
        var count = parameter.numel();
        Crew.Share((int)((count + Part - 1) / Part), i => part((long)i * Part, Math.Min(count, (i + 1L) * Part)));
    }
}

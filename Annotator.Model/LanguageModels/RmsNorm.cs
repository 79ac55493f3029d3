using TorchSharp;
using static TorchSharp.torch;

namespace Annotator.Model.LanguageModels;

/// <summary>Root mean square layer normalisation (Zhang and Sennrich 2019): no mean is taken off, no bias put on.</summary>
internal static class RmsNorm
{
    /// <summary>w · x / √(mean(x²) + ε), the mean in Float32 whatever the type of x, as in transformers.</summary>
    /// <param name="x">(…, C).</param>
    /// <param name="weight">(C).</param>
    /// <param name="epsilon">ε.</param>
    /// <returns>(…, C).</returns>
    public static Tensor Of(Tensor x, Tensor weight, double epsilon)
    {
        var single = x.to(ScalarType.Float32);
        var scale = single.square().mean([-1], keepdim: true).add_(epsilon).rsqrt_();             // (…, 1)
        return weight * (single * scale).to(x.dtype);
    }
}

using TorchSharp;
using static TorchSharp.torch;

namespace Annotator.Model.LanguageModels;

/// <summary>Projections in the two layouts in which checkpoints keep their matrices.</summary>
internal static class Projection
{
    /// <summary>x·Wᵀ + b with W [out, in], as most families have it.</summary>
    /// <param name="x">(…, in).</param>
    /// <param name="weight">[out, in].</param>
    /// <param name="bias">[out] or none.</param>
    /// <returns>(…, out).</returns>
    public static Tensor Linear(Tensor x, Tensor weight, Tensor? bias = null) =>
        FewRowsProduct.Suits(x, weight) ? FewRowsProduct.Of(x, weight, bias) : nn.functional.linear(x, weight, bias!);

    /// <summary>x·W + b with W [in, out], GPT-2's Conv1D.</summary>
    /// <param name="x">(…, in).</param>
    /// <param name="weight">[in, out].</param>
    /// <param name="bias">[out].</param>
    /// <returns>(…, out).</returns>
    public static Tensor Conv1D(Tensor x, Tensor weight, Tensor bias)
    {
        using (var outputsFirst = weight.t())
        {
            if (FewRowsProduct.Suits(x, outputsFirst))
            {
                return FewRowsProduct.Of(x, outputsFirst, bias);
            }
        }

        var shape = x.shape;
        return addmm(bias, x.view(-1, shape[^1]), weight, 1, 1).view([.. shape[..^1], weight.shape[1]]);
    }
}

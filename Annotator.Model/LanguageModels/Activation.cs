using TorchSharp;
using static TorchSharp.torch;

namespace Annotator.Model.LanguageModels;

/// <summary>The non-linear functions of feed-forward layers, by the names that config.json gives them.</summary>
internal static class Activation
{
    private static readonly Dictionary<string, Func<Tensor, Tensor>> Known = new()
    {
        ["gelu_new"] = ApproximateGelu,
        ["gelu_pytorch_tanh"] = ApproximateGelu,
        ["gelu_fast"] = ApproximateGelu,
        ["gelu"] = x => x.gelu(),
        ["relu"] = x => x.relu(),
        ["silu"] = x => nn.functional.silu(x),
        ["swish"] = x => nn.functional.silu(x),
    };

    /// <summary>The name itself, if it is known.</summary>
    /// <exception cref="NotSupportedException">It is not.</exception>
    public static string Require(string name) => Known.ContainsKey(name) ? name
        : throw new NotSupportedException($"the activation function \"{name}\" is not known here (known: {string.Join(", ", Known.Keys)})");

    /// <summary>The function of a name that <see cref="Require"/> has let through.</summary>
    public static Func<Tensor, Tensor> Of(string name) => Known[name];

    private static Tensor ApproximateGelu(Tensor x) => nn.functional.gelu(x, TorchSharp.Modules.GELU.Approximate.tanh);
}

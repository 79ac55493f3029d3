using TorchSharp;
using static TorchSharp.torch;

namespace Annotator.Model.LanguageModels;

/// <summary>
/// LoRA (Hu et al. 2021): the weights stay as they are, and beside some of a block's projections learns a product of two
/// small matrices, y = x·Wᵀ + (α/r)·(x·Aᵀ)·Bᵀ. B is zero at the start, so nothing changes before the first update; without
/// the adapters the model is its base. Names are those of the peft library.
/// </summary>
public sealed class LowRankAdapters : IDisposable
{
    private readonly LanguageModel _model;
    private readonly double _scale;
    private readonly Dictionary<Tensor, (Tensor A, Tensor B)> _ofWeight = new(ReferenceEqualityComparer.Instance);

    private LowRankAdapters(LanguageModel model, double scale) => (_model, _scale) = (model, scale);

    /// <summary>A (r, in) and B (out, r) of each projection, by name.</summary>
    public IReadOnlyDictionary<string, Tensor> Parameters { get; private set; } = new Dictionary<string, Tensor>();

    /// <summary>Puts adapters beside a model's projections; only they are trained from here on.</summary>
    /// <param name="model">Its parameters no longer require gradients.</param>
    /// <param name="rank">r.</param>
    /// <param name="alpha">α.</param>
    /// <param name="targets">Last parts of modules' names (<c>c_attn</c>, <c>q_proj</c>), or <c>all-linear</c>; null: the family's own.</param>
    /// <param name="seed">A is drawn from it.</param>
    /// <exception cref="InvalidDataException">A target is no projection of this model.</exception>
    public static LowRankAdapters Attach(LanguageModel model, int rank, double alpha, IReadOnlyList<string>? targets, long seed)
    {
        using var scope = NewDisposeScope();
        using var noGradients = no_grad();
        using var generator = new Generator((ulong)seed, CPU);
        var adapters = new LowRankAdapters(model, alpha / rank);
        var parameters = new Dictionary<string, Tensor>();
        model.RequireGradients(false);
        foreach (var module in Chosen(model, targets ?? Usual(model)))
        {
            var weight = model.Parameters[module + Weight];
            var (outputs, inputs) = model.InputsFirst ? (weight.shape[1], weight.shape[0]) : (weight.shape[0], weight.shape[1]);
            var bound = 1 / Math.Sqrt(inputs);                                                    // Kaiming's, as peft starts A
            var a = (rand([rank, inputs], ScalarType.Float32, generator: generator) * (2 * bound) - bound).to(weight.dtype).to(weight.device);
            var b = zeros([outputs, rank], weight.dtype, weight.device);
            foreach (var (matrix, name) in new[] { (a, "lora_A"), (b, "lora_B") })
            {
                parameters[$"{module}.{name}{Weight}"] = matrix.requires_grad_().DetachFromDisposeScope();
            }

            adapters._ofWeight[weight] = (a, b);
        }

        adapters.Parameters = parameters;
        model.Adapters = adapters;
        return adapters;
    }

    /// <summary>Adds the products to the weights and takes the adapters off: the model is then one like any other.</summary>
    public void Merge()
    {
        using var scope = NewDisposeScope();
        using var noGradients = no_grad();
        foreach (var (weight, (a, b)) in _ofWeight)
        {
            var product = b.mm(a) * _scale;                                                       // (out, in)
            weight.add_(_model.InputsFirst ? product.t() : product);
        }

        _model.Adapters = null;
    }

    public void Dispose()
    {
        if (_model.Adapters == this)
        {
            _model.Adapters = null;
        }

        foreach (var matrix in Parameters.Values)
        {
            matrix.Dispose();
        }
    }

    internal Tensor Add(Tensor y, Tensor x, Tensor weight) => _ofWeight.TryGetValue(weight, out var adapter)
        ? y + nn.functional.linear(nn.functional.linear(x, adapter.A), adapter.B) * _scale
        : y;

    private const string Weight = ".weight";

    private static List<string> Chosen(LanguageModel model, IReadOnlyList<string> targets)
    {
        List<string> modules = [.. model.Parameters
            .Where(parameter => parameter.Value.dim() == 2 && parameter.Key.EndsWith(Weight, StringComparison.Ordinal) && IsInBlock(parameter.Key))
            .Select(parameter => parameter.Key[..^Weight.Length])];
        if (targets is ["all-linear"])
        {
            return modules;
        }

        var ofNone = targets.Where(target => !modules.Exists(module => Fits(module, target))).ToList();
        return ofNone.Count == 0
            ? modules.FindAll(module => targets.Any(target => Fits(module, target)))
            : throw new InvalidDataException($"lora_target_modules names {string.Join(", ", ofNone)}, but this policy's projections are {string.Join(", ", modules.Select(module => module.Split('.')[^1]).Distinct())} (or all-linear).");

        static bool Fits(string module, string target) => module == target || module.EndsWith("." + target, StringComparison.Ordinal);
    }

    private static bool IsInBlock(string name) => name.Contains(".h.", StringComparison.Ordinal) || name.Contains(".layers.", StringComparison.Ordinal);

    /// <summary>What peft takes where nobody says.</summary>
    private static string[] Usual(LanguageModel model) => model switch
    {
        Gpt2 => ["c_attn"],
        GptNeoX => ["query_key_value"],
        _ => ["q_proj", "v_proj"],
    };
}

using System.Text.Json.Nodes;
using Annotator.Model.Policies;
using TorchSharp;
using static TorchSharp.torch;

namespace Annotator.Model.LanguageModels;

/// <summary>
/// A decoder-only language model. Its parameters carry the names and layouts of Hugging Face checkpoints.
/// Tensor code is synchronous and on one thread; results live in the caller's dispose scope.
/// </summary>
public abstract class LanguageModel : IDisposable
{
    /// <param name="parameters">By Hugging Face name; the model owns them from here on.</param>
    protected LanguageModel(IReadOnlyDictionary<string, Tensor> parameters)
    {
        foreach (var parameter in parameters.Values)
        {
            parameter.DetachFromDisposeScope();
        }

        Parameters = parameters;
    }

    /// <summary>Rows of the token embedding, V.</summary>
    public abstract int VocabularySize { get; }

    /// <summary>Most tokens the model can attend to.</summary>
    public abstract int ContextLength { get; }

    /// <summary>Number of blocks.</summary>
    public abstract int Layers { get; }

    /// <summary>Width of the hidden state, C.</summary>
    public abstract int Width { get; }

    /// <summary>Heads of keys and values in each layer.</summary>
    public abstract int KeyValueHeads { get; }

    /// <summary>Width of one head.</summary>
    public abstract int HeadWidth { get; }

    /// <summary>Every trainable tensor by its Hugging Face name, in the order of the checkpoint; a tied head is not listed twice.</summary>
    public IReadOnlyDictionary<string, Tensor> Parameters { get; }

    /// <summary>Probability of dropping an activation; 0 (the default) outside of training.</summary>
    public double Dropout { get; set; }

    /// <summary>Where the parameters are.</summary>
    public Device Device => Parameters.Values.First().device;

    /// <summary>Element type of the parameters and activations.</summary>
    public ScalarType Dtype => Parameters.Values.First().dtype;

    /// <summary>The hidden states after the final norm.</summary>
    /// <param name="ids">Token ids, (B, T) int64.</param>
    /// <param name="positions">(B, T) int64; by default counted from the cache's length. Given for left-padded rows (see <see cref="Attention.Positions"/>).</param>
    /// <param name="attentionMask">(B, cached + T), 1 or true for tokens to attend to, 0 or false for padding; none means no padding.</param>
    /// <param name="cache">Keys and values of earlier tokens; extended by T.</param>
    /// <returns>(B, T, C).</returns>
    public abstract Tensor Hidden(Tensor ids, Tensor? positions = null, Tensor? attentionMask = null, KeyValueCache? cache = null);

    /// <summary>The head.</summary>
    /// <param name="hidden">(…, C), any selection of rows of <see cref="Hidden"/>.</param>
    /// <returns>(…, V), unnormalised.</returns>
    public abstract Tensor Logits(Tensor hidden);

    /// <summary>An empty cache for this model.</summary>
    /// <param name="rows">Sequences, B.</param>
    /// <param name="capacity">Tokens to reserve room for; it grows when they are not enough.</param>
    public KeyValueCache CreateCache(int rows, int capacity) => new(this, rows, capacity);

    /// <summary>Marks all parameters as to be trained (or not).</summary>
    public void RequireGradients(bool required = true)
    {
        foreach (var parameter in Parameters.Values)
        {
            parameter.requires_grad_(required);
        }
    }

    public void Dispose()
    {
        foreach (var parameter in Parameters.Values)
        {
            parameter.Dispose();
        }

        GC.SuppressFinalize(this);
    }
}

/// <summary>A trainable tensor of an architecture and how training from scratch starts it: normal with this mean and standard deviation.</summary>
public sealed record ParameterShape(string Name, long[] Shape, double Mean, double StandardDeviation);

/// <summary>What a checkpoint's config.json says about the model: its tensors, and how to make a model of them.</summary>
/// <param name="ModelType">The value of <c>model_type</c>.</param>
/// <param name="Parameters">In the order in which they are saved.</param>
/// <param name="CanonicalName">A tensor's name in <paramref name="Parameters"/> from its name in a file; null for buffers that carry nothing.</param>
/// <param name="Build">Makes the model, which then owns the tensors.</param>
public sealed record Architecture(
    string ModelType,
    IReadOnlyList<ParameterShape> Parameters,
    Func<string, string?> CanonicalName,
    Func<IReadOnlyDictionary<string, Tensor>, LanguageModel> Build)
{
    /// <summary>Reads config.json.</summary>
    /// <exception cref="NotSupportedException">An architecture, or a variant of one, that is not known here.</exception>
    /// <exception cref="FormatException">A key is missing or of the wrong kind.</exception>
    public static Architecture Of(JsonObject config)
    {
        var modelType = config["model_type"]?.ToString()
            ?? throw new FormatException("it has no \"model_type\"");
        return modelType switch
        {
            "gpt2" => Gpt2Config.Read(config).Architecture(),
            _ => throw new NotSupportedException($"the architecture \"{modelType}\" is not known here (known: {string.Join(", ", PolicyFiles.KnownArchitectures)})"),
        };
    }

    /// <summary>A model with random weights, the same for the same seed.</summary>
    public LanguageModel Initialise(long seed, Device device)
    {
        using var generator = new Generator((ulong)seed, CPU);
        var parameters = new Dictionary<string, Tensor>();
        foreach (var (name, shape, mean, deviation) in Parameters)
        {
            var start = deviation == 0
                ? full(shape, mean, ScalarType.Float32)
                : randn(shape, ScalarType.Float32, generator: generator).mul_(deviation).add_(mean);
            parameters[name] = start.to(device);
        }

        return Build(parameters);
    }
}

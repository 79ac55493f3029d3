using System.Text.Json.Nodes;
using Annotator.Model.Policies;
using TorchSharp;
using static TorchSharp.torch;

namespace Annotator.Model.LanguageModels;

/// <summary>A trainable tensor of an architecture and how training from scratch starts it: normal with this mean and standard deviation.</summary>
/// <param name="Name">As Hugging Face's checkpoints have it.</param>
/// <param name="Shape">As stored.</param>
/// <param name="Mean">At the start.</param>
/// <param name="StandardDeviation">At the start; 0 for a constant.</param>
/// <param name="InputsFirst">A matrix stored as [in, out], where others are [out, in].</param>
public sealed record ParameterShape(string Name, long[] Shape, double Mean, double StandardDeviation, bool InputsFirst = false);

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
    /// <summary>The scalar head, (1, C), as transformers names it.</summary>
    public const string Score = "score.weight";

    /// <summary>
    /// The same trunk with a scalar head in place of the language head: transformers' …ForSequenceClassification with one
    /// label. Files of language models fit it too; their head is passed over.
    /// </summary>
    public Architecture WithScore()
    {
        var ofLanguageModel = CanonicalName;
        return this with
        {
            Parameters =
            [
                .. Parameters.Where(parameter => !IsLanguageHead(parameter.Name)),
                new(Score, [1, Parameters[0].Shape[1]], 0, 0),                                    // the first is the token embedding, [V, C]
            ],
            CanonicalName = name => IsLanguageHead(name) ? null : name == Score ? Score : ofLanguageModel(name),
        };

        static bool IsLanguageHead(string name) =>
            name.StartsWith("lm_head.", StringComparison.Ordinal) || name.StartsWith("embed_out.", StringComparison.Ordinal);
    }

    /// <summary>Reads config.json.</summary>
    /// <exception cref="NotSupportedException">An architecture, or a variant of one, that is not known here.</exception>
    /// <exception cref="FormatException">A key is missing or of the wrong kind.</exception>
    public static Architecture Of(JsonObject config)
    {
        var reader = new ConfigReader(config);
        if (reader.Has("quantization_config"))
        {
            throw new NotSupportedException("its weights are quantised (\"quantization_config\"); F32, F16 and BF16 can be read");
        }

        return (reader.Text("model_type") ?? throw new FormatException("it has no \"model_type\"")) switch
        {
            "gpt2" => Gpt2Config.Read(reader).Architecture(),
            "gpt_neox" => GptNeoXConfig.Read(reader).Architecture(),
            "gptj" => GptJConfig.Read(reader).Architecture(),
            "llama" or "mistral" or "qwen2" => LlamaConfig.Read(reader).Architecture(),
            var other => throw new NotSupportedException($"the architecture \"{other}\" is not known here (known: {string.Join(", ", PolicyFiles.KnownArchitectures)})"),
        };
    }

    /// <summary>A model with random weights, the same for the same seed.</summary>
    public LanguageModel Initialise(long seed, Device device)
    {
        using var generator = new Generator((ulong)seed, CPU);
        var parameters = new Dictionary<string, Tensor>();
        foreach (var (name, shape, mean, deviation, _) in Parameters)
        {
            var start = deviation == 0
                ? full(shape, mean, ScalarType.Float32)
                : randn(shape, ScalarType.Float32, generator: generator).mul_(deviation).add_(mean);
            parameters[name] = start.to(device);
        }

        return Build(parameters);
    }
}

using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Annotator.Model.LanguageModels;
using Annotator.Model.Policies;
using Annotator.Model.Tokenization;
using TorchSharp;
using static TorchSharp.torch;

namespace Annotator.Model.Checkpoints;

/// <summary>A policy on disk: a Hugging Face directory with config.json, safetensors (one file, or shards with an index) and tokenizer files.</summary>
public static class PolicyDirectory
{
    public const string ConfigFile = PolicyFiles.Config;
    public const string WeightsFile = PolicyFiles.Weights;

    /// <summary>Opens a policy.</summary>
    /// <param name="path">The directory.</param>
    /// <param name="device">Where the weights go; the CPU unless given.</param>
    /// <param name="dtype">The type in which it computes; Float32 unless given, whatever the file stores.</param>
    /// <exception cref="PolicyException">The directory, its configuration or its weights can't be used.</exception>
    public static Policy Open(string path, Device? device = null, ScalarType dtype = ScalarType.Float32) =>
        Open(path, device ?? CPU, dtype, forSampling: false, architecture => architecture);

    /// <summary>
    /// Opens a policy to sample from, in F32: its weights are read, into large pages and with those of one output
    /// together, as decoding reads them fastest. Takes a moment where mapping takes none.
    /// </summary>
    /// <inheritdoc cref="Open(string, Device?, ScalarType)" />
    public static Policy OpenForSampling(string path, Device? device = null) => Open(path, device ?? CPU, ScalarType.Float32, forSampling: true, architecture => architecture);

    /// <summary>
    /// Opens the trunk of a language model, or a sequence classifier with one label, in F32: its model has a scalar head
    /// (<see cref="Architecture.Score"/>), which is zero where the directory has none, and no language head.
    /// </summary>
    /// <inheritdoc cref="Open(string, Device?, ScalarType)" />
    public static Policy OpenWithScore(string path, Device? device = null) =>
        Open(path, device ?? CPU, ScalarType.Float32, forSampling: false, architecture => architecture.WithScore());

    private static Policy Open(string path, Device device, ScalarType dtype, bool forSampling, Func<Architecture, Architecture> wanted)
    {
        var config = ReadConfig(path);
        var architecture = wanted(ReadArchitecture(config, Path.Combine(path, ConfigFile)));
        try
        {
            var model = architecture.Build(ReadWeights(path, architecture, device, dtype, forSampling));
            var card = Path.Combine(path, ModelCard.File);
            return new Policy { Directory = path, Config = config, Card = File.Exists(card) ? File.ReadAllText(card) : null, Model = model, Tokenizer = TextTokenizer.Open(path) };
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidDataException)
        {
            throw new PolicyException($"The policy {path} can't be opened: {e.Message}", e);
        }
    }

    /// <summary>A policy to be trained from scratch.</summary>
    /// <param name="configPath">A Hugging Face config.json.</param>
    /// <param name="tokenizerPath">The directory of its tokenizer files.</param>
    /// <param name="seed">Of the random weights.</param>
    /// <param name="device">Where the weights go; the CPU unless given.</param>
    /// <exception cref="PolicyException">The configuration or the tokenizer can't be used, or they don't fit each other.</exception>
    public static Policy Initialise(string configPath, string tokenizerPath, long seed, Device? device = null)
    {
        var config = ParseConfig(configPath);
        var architecture = ReadArchitecture(config, configPath);
        var tokenizer = TextTokenizer.Open(tokenizerPath)
            ?? throw new PolicyException($"There are no tokenizer files (tokenizer.json, or vocab.json and merges.txt) in {tokenizerPath}.");
        var model = architecture.Initialise(seed, device ?? CPU);
        if (tokenizer.VocabularySize > model.VocabularySize)
        {
            throw new PolicyException($"The tokenizer in {tokenizerPath} has {tokenizer.VocabularySize} tokens, more than the {model.VocabularySize} of {configPath}.");
        }

        return new Policy { Directory = tokenizerPath, Config = config, Model = model, Tokenizer = tokenizer };
    }

    /// <summary>
    /// Saves a policy that was trained: each file is written beside its place and renamed, the weights before
    /// config.json, so that a directory with a config.json is complete.
    /// </summary>
    /// <param name="policy">Tokenizer files, generation settings and licence are copied from its directory.</param>
    /// <param name="path">Made if need be; files of the same names are replaced.</param>
    /// <param name="dtype">Float32, Float16 or BFloat16.</param>
    public static void Save(Policy policy, string path, ScalarType dtype = ScalarType.Float32)
    {
        var parameters = policy.Model.Parameters.Values.Sum(parameter => parameter.numel());
        Write(policy, path, dtype, ModelCard.Of(policy.Card, policy.Config["model_type"]!.ToString(), parameters));
    }

    /// <summary>Saves a policy as it is, in another type maybe: its card, if it has one, stays what it was.</summary>
    /// <inheritdoc cref="Save" path="/param" />
    public static void Export(Policy policy, string path, ScalarType dtype) => Write(policy, path, dtype, policy.Card);

    private static void Write(Policy policy, string path, ScalarType dtype, string? card)
    {
        Directory.CreateDirectory(path);
        foreach (var name in PolicyFiles.Companions.Concat(PolicyFiles.Licences))
        {
            var source = Path.Combine(policy.Directory, name);
            if (File.Exists(source) && Path.GetFullPath(source) != Path.GetFullPath(Path.Combine(path, name)))
            {
                WriteBeside(Path.Combine(path, name), temporary => File.Copy(source, temporary, overwrite: true));
            }
        }

        if (card is not null)
        {
            WriteBeside(Path.Combine(path, ModelCard.File), temporary => File.WriteAllText(temporary, card));
        }

        WriteBeside(Path.Combine(path, WeightsFile), temporary => Safetensors.Write(temporary, policy.Model.Parameters, dtype));
        var config = WithDtype(policy.Config, dtype);
        WriteBeside(Path.Combine(path, ConfigFile), temporary => File.WriteAllText(temporary, config.ToJsonString(Indented) + "\n"));
    }

    /// <inheritdoc cref="PolicyFiles.Hash" />
    /// <exception cref="PolicyException">There is no config.json.</exception>
    public static string Hash(string path)
    {
        RequireConfig(path);
        return PolicyFiles.Hash(path);
    }

    /// <summary>Reads and parses config.json.</summary>
    /// <exception cref="PolicyException">There is none, or it is not a JSON object.</exception>
    public static JsonObject ReadConfig(string path)
    {
        RequireConfig(path);
        return ParseConfig(Path.Combine(path, ConfigFile));
    }

    /// <summary>Bytes that the weights take once opened in Float32, from the files' headers alone.</summary>
    /// <exception cref="PolicyException">They can't be read.</exception>
    public static long WeightBytes(string path)
    {
        try
        {
            return WeightFiles(path).Sum(file => SafetensorsHeader.Read(file).Entries.Sum(entry => entry.Shape.Aggregate(1L, (product, extent) => product * extent))) * sizeof(float);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidDataException)
        {
            throw new PolicyException($"The policy {path} can't be opened: {e.Message}", e);
        }
    }

    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>transformers loads a policy in the type that its configuration names, and in Float32 if it names none.</summary>
    private static JsonObject WithDtype(JsonObject config, ScalarType dtype)
    {
        var (changed, name) = (config.DeepClone().AsObject(), dtype.ToString().ToLowerInvariant());
        var keys = new[] { "torch_dtype", "dtype" }.Where(changed.ContainsKey).ToList();          // the second in newer files
        if (keys.Count == 0 && dtype != ScalarType.Float32)
        {
            keys = ["torch_dtype"];
        }

        keys.ForEach(key => changed[key] = name);
        return changed;
    }

    private static void RequireConfig(string path)
    {
        if (!Directory.Exists(path))
        {
            throw new PolicyException($"The policy directory {path} does not exist.");
        }

        if (!File.Exists(Path.Combine(path, ConfigFile)))
        {
            throw new PolicyException($"The directory {path} has no config.json, so it is not a policy in Hugging Face format.");
        }
    }

    private static JsonObject ParseConfig(string file)
    {
        try
        {
            return JsonNode.Parse(File.ReadAllText(file)) as JsonObject
                ?? throw new PolicyException($"{file} is not a JSON object.");
        }
        catch (Exception e) when (e is JsonException or IOException or UnauthorizedAccessException)
        {
            throw new PolicyException($"{file} can't be read: {e.Message}", e);
        }
    }

    private static Architecture ReadArchitecture(JsonObject config, string file)
    {
        try
        {
            return Architecture.Of(config);
        }
        catch (Exception e) when (e is FormatException or NotSupportedException)
        {
            throw new PolicyException($"{file} can't be used: {e.Message}.", e);
        }
    }

    private static Dictionary<string, Tensor> ReadWeights(string path, Architecture architecture, Device device, ScalarType dtype, bool forSampling)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var shapes = architecture.Parameters.ToDictionary(parameter => parameter.Name);
        var read = new Dictionary<string, Tensor>();
        List<string> unknown = [];
        foreach (var file in WeightFiles(path))
        {
            using var safetensors = Safetensors.Open(file);
            foreach (var (name, entry) in safetensors.Entries)
            {
                if (architecture.CanonicalName(name) is not { } canonical)
                {
                    continue;
                }

                if (!shapes.TryGetValue(canonical, out var expected))
                {
                    unknown.Add(name);
                    continue;
                }

                if (!entry.Shape.SequenceEqual(expected.Shape))
                {
                    throw new PolicyException($"The tensor \"{name}\" in {file} is [{string.Join(", ", entry.Shape)}]; config.json says [{string.Join(", ", expected.Shape)}].");
                }

                if (!read.TryAdd(canonical, Tensor()))
                {
                    throw new PolicyException($"The policy {path} has the tensor \"{canonical}\" twice.");
                }

                Tensor Tensor()
                {
                    using var one = NewDisposeScope();                                            // nothing of it is left but what is returned
                    var stored = safetensors.Read(name, dtype, mapped: !forSampling).to(device);
                    return (forSampling && expected.InputsFirst ? stored.t().contiguous().t() : stored).MoveToOuterDisposeScope();
                }
            }
        }

        if (unknown.Count > 0)
        {
            throw new PolicyException($"The policy {path} has tensors that a {architecture.ModelType} of its config.json does not know: {Some(unknown)}.");
        }

        if (shapes.TryGetValue(Architecture.Score, out var score) && !read.ContainsKey(score.Name))
        {
            read[score.Name] = zeros(score.Shape, dtype, device);
        }

        var missing = architecture.Parameters.Select(parameter => parameter.Name).Where(name => !read.ContainsKey(name)).ToList();
        if (missing.Count > 0)
        {
            throw new PolicyException($"The policy {path} lacks tensors that its config.json asks for: {Some(missing)}.");
        }

        return architecture.Parameters.ToDictionary(parameter => parameter.Name, parameter => read[parameter.Name].MoveToOuterDisposeScope());
    }

    private static List<string> WeightFiles(string path)
    {
        if (File.Exists(Path.Combine(path, WeightsFile)))
        {
            return [Path.Combine(path, WeightsFile)];
        }

        var index = Path.Combine(path, PolicyFiles.WeightsIndex);
        if (!File.Exists(index))
        {
            throw new PolicyException($"The directory {path} has no {WeightsFile} (weights in other formats, such as pytorch_model.bin, can't be read).");
        }

        try
        {
            var names = JsonNode.Parse(File.ReadAllText(index))?["weight_map"]?.AsObject().Select(pair => pair.Value?.GetValue<string>() ?? "")
                ?? throw new PolicyException($"{index} has no \"weight_map\".");
            // Only plain names: an index must not reach outside its directory.
            return [.. names.Distinct().Order(StringComparer.Ordinal).Select(name => Path.Combine(path, Path.GetFileName(name)))];
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new PolicyException($"{index} can't be read: {e.Message}", e);
        }
    }

    private static string Some(List<string> names) =>
        string.Join(", ", names.Take(3)) + (names.Count > 3 ? $" and {names.Count - 3} more" : "");

    private static void WriteBeside(string path, Action<string> write)
    {
        var temporary = path + ".partial";
        write(temporary);
        File.Move(temporary, path, overwrite: true);
    }
}

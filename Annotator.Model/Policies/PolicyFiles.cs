using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Annotator.Model.Checkpoints;
using Annotator.Model.Tokenization;

namespace Annotator.Model.Policies;

/// <summary>
/// What makes a policy on disk: the files of a Hugging Face directory, their hash, and whether they can be used.
/// Nothing here opens a tensor, so the web app can ask.
/// </summary>
public static class PolicyFiles
{
    public const string Config = "config.json";
    public const string Weights = "model.safetensors";
    public const string WeightsIndex = "model.safetensors.index.json";

    /// <summary>The architectures that can be built, by <c>model_type</c>.</summary>
    public static IReadOnlyList<string> KnownArchitectures { get; } = ["gpt2", "gpt_neox", "gptj", "llama", "mistral", "qwen2"];

    /// <summary>Files that travel with the weights, where they exist.</summary>
    public static IReadOnlyList<string> Companions { get; } =
    [
        "vocab.json", "merges.txt", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json",
        "added_tokens.json", "tokenizer.model", "chat_template.jinja", "generation_config.json",
    ];

    /// <summary>Files that say on what terms a policy may be used; they travel with it, too, but are no part of it.</summary>
    public static IReadOnlyList<string> Licences { get; } = ["LICENSE", "LICENSE.txt"];

    /// <summary>The full paths of the files that make the policy, by name (ordinal): configuration, weights and tokenizer, not a model card or a log beside them.</summary>
    /// <exception cref="IOException">The directory can't be listed.</exception>
    public static IReadOnlyList<string> In(string directory) =>
    [
        .. Directory.EnumerateFiles(directory)
            .Where(file => IsOne(Path.GetFileName(file)))
            .OrderBy(Path.GetFileName, StringComparer.Ordinal),
    ];

    /// <summary>Whether a file of this name is one of <see cref="In"/>.</summary>
    public static bool IsOne(string name) => name is Config or WeightsIndex || Companions.Contains(name) || Path.GetExtension(name) == ".safetensors";

    /// <summary>The policy's name in the registry: SHA-256, in hexadecimal, of the names and contents of <see cref="In"/>.</summary>
    /// <exception cref="IOException">A file can't be read.</exception>
    public static string Hash(string directory)
    {
        using var whole = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var file in In(directory))
        {
            using var stream = File.OpenRead(file);
            whole.AppendData(Encoding.UTF8.GetBytes($"{Path.GetFileName(file)}\n"));
            whole.AppendData(SHA256.HashData(stream));
        }

        return Convert.ToHexStringLower(whole.GetHashAndReset());
    }

    /// <summary>
    /// Why the directory can't be sampled from and trained, in one sentence for people; null if configuration, weights
    /// and tokenizer are there and sound. Whether the tensors' shapes fit the configuration shows when it is opened.
    /// </summary>
    public static string? Problem(string directory)
    {
        if (!Directory.Exists(directory))
        {
            return $"The policy directory {directory} does not exist.";
        }

        try
        {
            return ConfigProblem(directory) ?? WeightsProblem(directory) ?? TokenizerProblem(directory);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidDataException)
        {
            return $"The policy {directory} can't be read: {e.Message}";
        }
    }

    /// <summary>Whether a token's id means the same to both policies; both must be without <see cref="Problem"/>.</summary>
    /// <exception cref="IOException">A file can't be read.</exception>
    public static bool HaveSameTokens(string one, string other)
    {
        try
        {
            string[] files = [TextTokenizer.JsonFile, "vocab.json", "merges.txt"];
            if (files.All(name => HaveSame(Path.Combine(one, name), Path.Combine(other, name))))
            {
                return true;
            }

            return TextTokenizer.Open(one) is { } first && TextTokenizer.Open(other) is { } second && first.HasTokensOf(second);
        }
        catch (PolicyException)
        {
            // What can't be opened is like no other.
            return false;
        }

        static bool HaveSame(string file, string other) => (File.Exists(file), File.Exists(other)) switch
        {
            (true, true) => File.ReadAllBytes(file).AsSpan().SequenceEqual(File.ReadAllBytes(other)),
            var (here, there) => here == there,
        };
    }

    private static string? ConfigProblem(string directory)
    {
        var file = Path.Combine(directory, Config);
        if (!File.Exists(file))
        {
            return $"The directory {directory} has no config.json, so it is not a policy in Hugging Face format.";
        }

        try
        {
            if (JsonNode.Parse(File.ReadAllText(file)) is not JsonObject config)
            {
                return $"{file} is not a JSON object.";
            }

            var architecture = config["model_type"]?.ToString();
            return architecture switch
            {
                null => $"{file} can't be used: it has no \"model_type\".",
                _ when !KnownArchitectures.Contains(architecture) =>
                    $"{file} can't be used: the architecture \"{architecture}\" is not known here (known: {string.Join(", ", KnownArchitectures)}).",
                _ => null,
            };
        }
        catch (JsonException e)
        {
            return $"{file} is not JSON: {e.Message}";
        }
    }

    private static string? WeightsProblem(string directory)
    {
        var single = Path.Combine(directory, Weights);
        if (File.Exists(single))
        {
            SafetensorsHeader.Read(single);
            return null;
        }

        if (!File.Exists(Path.Combine(directory, WeightsIndex)))
        {
            return $"The directory {directory} has no {Weights} (weights in other formats, such as pytorch_model.bin, can't be read).";
        }

        foreach (var shard in In(directory).Where(file => Path.GetExtension(file) == ".safetensors"))
        {
            SafetensorsHeader.Read(shard);
        }

        return null;
    }

    private static string? TokenizerProblem(string directory)
    {
        if (!TextTokenizer.IsIn(directory))
        {
            return $"The directory {directory} has no tokenizer files (tokenizer.json, or vocab.json and merges.txt), so the policy can neither read prompts nor write responses.";
        }

        try
        {
            // A tokenizer.json may be of many kinds, and whether this one is known shows only inside.
            if (File.Exists(Path.Combine(directory, TextTokenizer.JsonFile)))
            {
                TextTokenizer.Open(directory);
            }

            return null;
        }
        catch (PolicyException e)
        {
            return e.Message;
        }
    }
}

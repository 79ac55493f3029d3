using System.Text.Json.Nodes;

namespace Annotator.Tests.Fixtures;

/// <summary>
/// Numbers that other programs computed. The whole collection lies in <c>shared/oracles</c> beside the
/// repository, where there is one; a small part of it is in <c>Annotator.Tests/Oracles</c> for every clone.
/// </summary>
public static class Oracles
{
    private static readonly string[] Roots = [.. Above("shared/oracles"), .. Above("Annotator.Tests/Oracles")];

    /// <summary>The folders of models/: a checkpoint of every family.</summary>
    public static IReadOnlyList<string> Models { get; } =
    [
        "gpt2", "gpt2-hubnames", "gptneox-parallel", "gptneox-parallel-sharded", "gptneox-sequential", "gptj",
        "llama-tied", "llama-untied", "llama-untied-bf16", "llama3-rope", "mistral", "qwen2",
    ];

    /// <summary>The path of a file or folder of the collection, for example "models/gpt2".</summary>
    public static string Find(string name) =>
        Roots.Select(root => Path.Combine(root, name)).FirstOrDefault(Path.Exists)
        ?? throw new FileNotFoundException($"The oracle {name} is in none of: {string.Join(", ", Roots)}.");

    /// <summary>Whether this clone has it: what only the whole collection holds is tested where that is at hand.</summary>
    public static bool Has(string name) => Roots.Any(root => Path.Exists(Path.Combine(root, name)));

    /// <summary>A JSON file of the collection.</summary>
    public static JsonNode Json(string name) => JsonNode.Parse(File.ReadAllText(Find(name)))!;

    /// <summary>expected.json of models/NAME, following "same_as".</summary>
    public static JsonNode ExpectedOfModel(string name)
    {
        var expected = Json($"models/{name}/expected.json");
        return expected["same_as"] is { } other ? Json($"models/{name}/{other}") : expected;
    }

    public static float[] Floats(this JsonNode node) => [.. node.AsArray().Select(value => value!.GetValue<float>())];

    public static long[] Longs(this JsonNode node) => [.. node.AsArray().Select(value => value!.GetValue<long>())];

    private static IEnumerable<string> Above(string name)
    {
        for (var directory = new DirectoryInfo(AppContext.BaseDirectory); directory is not null; directory = directory.Parent)
        {
            yield return Path.Combine(directory.FullName, name);
        }
    }
}

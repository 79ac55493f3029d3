using System.Diagnostics;
using Annotator.Model.Checkpoints;
using Annotator.Model.LanguageModels;
using TorchSharp;
using static TorchSharp.torch;

namespace Annotator.Model.Benchmarks;

/// <summary>Opening a checkpoint of GPT-2's 124M shape (498 MB in F32): how soon its weights are there, and what they cost in memory once all have been used.</summary>
public static class LoadBenchmark
{
    internal const string Config = """{"model_type":"gpt2","vocab_size":50257,"n_positions":1024,"n_embd":768,"n_layer":12,"n_head":12}""";

    /// <summary>All figures, each as soon as it is there.</summary>
    public static IEnumerable<Figure> Run()
    {
        var directory = Directory.CreateTempSubdirectory("annotator-benchmark-").FullName;
        try
        {
            foreach (var (dtype, name) in new[] { (ScalarType.Float32, "F32"), (ScalarType.BFloat16, "BF16") })
            {
                var file = Write(directory, dtype);
                var begun = Stopwatch.GetTimestamp();
                _ = File.ReadAllBytes(file);                                                      // and now it is warm
                var read = Stopwatch.GetElapsedTime(begun).TotalSeconds;
                foreach (var (open, how) in new[] { ((Func<Policy>)(() => PolicyDirectory.Open(directory)), "open"), (() => PolicyDirectory.OpenForSampling(directory), "open for sampling") })
                {
                    var (seconds, bytes, grown) = Measure(open);
                    yield return new($"{how}: {new FileInfo(file).Length / 1e6:F0} MB of {name}, warm", seconds, "s", read, "reading the file");
                    yield return new($"{how}: memory, all weights used once", grown / 1e6, "MB", bytes / 1e6, "the weights in F32");
                }
            }
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    /// <summary>Writes the checkpoint, with random weights.</summary>
    /// <returns>The file with the weights.</returns>
    public static string Write(string directory, ScalarType dtype)
    {
        File.WriteAllText(Path.Combine(directory, PolicyDirectory.ConfigFile), Config);
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        using var model = Architecture.Of(System.Text.Json.Nodes.JsonNode.Parse(Config)!.AsObject()).Initialise(1, CPU);
        var file = Path.Combine(directory, PolicyDirectory.WeightsFile);
        Safetensors.Write(file, model.Parameters, dtype);
        return file;
    }

    private static (double Seconds, double Bytes, double Grown) Measure(Func<Policy> open)
    {
        var before = PeakMemory.Restart();                                                        // without what the making of the file left
        using var scope = NewDisposeScope();
        var begun = Stopwatch.GetTimestamp();
        using var policy = open();
        var seconds = Stopwatch.GetElapsedTime(begun).TotalSeconds;
        foreach (var parameter in policy.Model.Parameters.Values)
        {
            parameter.sum().Dispose();
        }

        return (seconds, policy.Model.Parameters.Values.Sum(parameter => parameter.numel() * parameter.element_size()), PeakMemory.Bytes() - before);
    }
}

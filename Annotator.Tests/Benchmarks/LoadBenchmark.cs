using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text.RegularExpressions;
using Annotator.Model.Checkpoints;
using Annotator.Tests.Fixtures;
using TorchSharp;
using static TorchSharp.torch;

namespace Annotator.Tests.Benchmarks;

/// <summary>Opens GPT-2's 124M shape (498 MB in F32): how soon the weights are there, and what they cost in memory once all have been used.</summary>
[Collection(TorchCollection.Name)]
public sealed partial class LoadBenchmark : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Benchmark]
    public void A_checkpoint_of_half_a_gigabyte_is_there_at_once_and_only_once()
    {
        LinuxProcess.Require();
        var config = _directory["config.json"];
        File.WriteAllText(config, """{"model_type":"gpt2","vocab_size":50257,"n_positions":1024,"n_embd":768,"n_layer":12,"n_head":12}""");
        foreach (var dtype in new[] { ScalarType.Float32, ScalarType.BFloat16 })
        {
            Write(config, dtype);
            var (seconds, bytes, grown) = Measure();
            TestContext.Current.TestOutputHelper!.WriteLine($"stored as {dtype}: opened in {seconds * 1000:F0} ms; used once, {grown / 1e6:F0} MB for {bytes / 1e6:F0} MB of weights ({(double)grown / bytes:F2})");
            if (dtype == ScalarType.Float32)
            {
                seconds.ShouldBeLessThan(1);
            }

            ((double)grown / bytes).ShouldBeLessThan(1.35);
        }
    }

    private void Write(string config, ScalarType dtype)
    {
        using var scope = NewDisposeScope();
        var architecture = Annotator.Model.LanguageModels.Architecture.Of(System.Text.Json.Nodes.JsonNode.Parse(File.ReadAllText(config))!.AsObject());
        using var model = architecture.Initialise(1, CPU);
        Safetensors.Write(_directory[PolicyDirectory.WeightsFile], model.Parameters, dtype);
        foreach (var _ in Directory.EnumerateFiles(_directory.Path).Select(File.ReadAllBytes))
        {
            // Warm: the file is in the page cache.
        }
    }

    private (double Seconds, long Bytes, long Grown) Measure()
    {
        GC.Collect();
        _ = Trim(0);                                                                              // what the making of the file left in the heap
        File.WriteAllText("/proc/self/clear_refs", "5");                                          // the peak starts anew
        var before = Peak();
        using var scope = NewDisposeScope();
        var watch = Stopwatch.StartNew();
        using var policy = PolicyDirectory.Open(_directory.Path);
        var seconds = watch.Elapsed.TotalSeconds;
        foreach (var parameter in policy.Model.Parameters.Values)
        {
            parameter.sum().Dispose();
        }

        return (seconds, policy.Model.Parameters.Values.Sum(parameter => parameter.numel() * parameter.element_size()), Peak() - before);
    }

    private static long Peak() => 1024 * long.Parse(PeakLine().Match(File.ReadAllText("/proc/self/status")).Groups[1].ValueSpan, System.Globalization.CultureInfo.InvariantCulture);

    [DllImport("libc", EntryPoint = "malloc_trim")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    private static extern int Trim(nuint kept);

    [GeneratedRegex(@"VmHWM:\s*(\d+) kB")]
    private static partial Regex PeakLine();
}

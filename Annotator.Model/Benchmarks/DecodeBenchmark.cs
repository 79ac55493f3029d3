using System.Diagnostics;
using Annotator.Model.Checkpoints;
using Annotator.Model.LanguageModels;
using Annotator.Model.Native;
using Annotator.Model.Sampling;
using TorchSharp;
using static TorchSharp.torch;

namespace Annotator.Model.Benchmarks;

/// <summary>How fast responses are sampled, at the shape of GPT-2 124M with random weights in F32: with all that sampling is, not the model alone.</summary>
public sealed class DecodeBenchmark : IDisposable
{
    private const int PromptLength = 32, NewTokens = 64;

    private readonly Policy _policy;

    /// <summary>Makes the model.</summary>
    public DecodeBenchmark()
    {
        var directory = Directory.CreateTempSubdirectory("annotator-benchmark-").FullName;
        try
        {
            LoadBenchmark.Write(directory, ScalarType.Float32);
            _policy = PolicyDirectory.OpenForSampling(directory);
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    private LanguageModel Model => _policy.Model;

    /// <summary>All figures, each as soon as it is there.</summary>
    public IEnumerable<Figure> Run()
    {
        yield return new("matrix product, 2048³", MachineLimits.MatrixProduct() / 1e9, "GFLOP/s");
        foreach (var figure in new[] { 1, 8, 32 }.SelectMany(Decoding))
            yield return figure;

        var one = FirstTokens(responses: 1);
        yield return new("first tokens of 4 responses to 200 tokens", FirstTokens(responses: 4), "s", one, "of 1 response");
        var together = Requests(padded: true);
        yield return new("64 requests of 16–256 tokens on 32 rows", Requests(padded: false), "s", together, "in two padded batches of 32");
        var (before, after) = Growth(tokens: 10_000);
        yield return new("memory in use after 10,000 tokens", after / 1e6, "MB", before / 1e6, "after 4,096");
    }

    public void Dispose() => _policy.Dispose();

    /// <summary>Steps in the steady state (between two of them nothing joins or leaves), what limits them, and where their time goes.</summary>
    private List<Figure> Decoding(int rows)
    {
        const int Goes = 31, StepsAGo = 2;
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        using var reading = new MemoryReading();
        using var batch = new SamplingBatch(Model);
        batch.Add([.. Enumerable.Range(0, rows).Select(row => Response(row, PromptLength, 2 + Goes * StepsAGo))]);
        batch.Step((_, _) => { });                                                                // the prompts' own last step
        using var cache = Model.CreateCache(rows, 2 * (PromptLength + Goes));
        cache.Advance(PromptLength + Goes);                                                       // what a row has in the middle of its decoding

        var seconds = MachineLimits.InTurn(Goes, [.. reading.Ways, Steps, Products(rows), Attention(cache), Choice(rows)]);
        var bandwidth = MemoryReading.Bytes / seconds[..reading.Ways.Count].Min();
        var (step, parts) = (seconds[reading.Ways.Count] / StepsAGo, seconds[(reading.Ways.Count + 1)..]);
        var streamed = bandwidth / Model.Parameters.Values.Sum(weight => weight.numel() * weight.element_size());
        // One row has no matrix product to be limited by: every weight is read for two operations.
        var multiplied = rows == 1 ? double.PositiveInfinity : 1 / MachineLimits.MatrixProducts(rows, Shapes());

        var name = rows == 1 ? "1 row" : $"{rows} rows";
        return
        [
            new($"memory, reading, beside {name}", bandwidth / 1e9, "GB/s"),
            new($"decode, {name}", rows / step, "tokens/s",
                rows * Math.Min(streamed, multiplied), streamed < multiplied ? "weights' bytes at the speed of memory" : "libtorch's matrix products alone"),
            // What is left is norms, activations and the calls themselves.
            new($"– its matrix products, {name}", 1000 * parts[0], "ms", 1000 * step, "a step"),
            new($"– its attention, {name}", 1000 * parts[1], "ms", 1000 * step, "a step"),
            new($"– its choice of tokens, {name}", 1000 * parts[2], "ms", 1000 * step, "a step"),
        ];

        void Steps()
        {
            for (var i = 0; i < StepsAGo; i++)
                batch.Step((_, _) => { });
        }
    }

    private Action Products(int rows)
    {
        var products = Matrices().Select(weight => (Weight: weight, X: rand(rows, weight.shape[1]))).ToList();
        return () => products.ForEach(product => Projection.Linear(product.X, product.Weight).Dispose());
    }

    private Action Attention(KeyValueCache cache)
    {
        var one = rand(cache.Rows, Model.KeyValueHeads, 1, Model.HeadWidth);
        return () =>
        {
            for (var layer = 0; layer < Model.Layers; layer++)
                OneTokenAttention.Of(one, one, one, cache, layer).Dispose();
        };
    }

    private Action Choice(int rows)
    {
        var logits = new float[Model.VocabularySize];
        var random = new Random(1);
        for (var i = 0; i < logits.Length; i++)
            logits[i] = (float)random.NextDouble();
        return () => Crew.Share(rows, _ => NextToken.Choose(logits, new(), 0.5));
    }

    private double FirstTokens(int responses)
    {
        var best = double.PositiveInfinity;
        for (var go = 0; go < 5; go++)
        {
            using var batch = new SamplingBatch(Model);
            var prompt = Prompt(go, 200);
            var begun = Stopwatch.GetTimestamp();
            var first = 0;
            batch.Add([.. Enumerable.Range(0, responses).Select(i => new ResponseInProgress(prompt, i, new() { MaxTokens = 1 }, null, []))]);
            batch.Step((_, _) => first++);
            best = Math.Min(best, Stopwatch.GetElapsedTime(begun).TotalSeconds);
            ArgumentOutOfRangeException.ThrowIfNotEqual(first, responses);
        }

        return best;
    }

    /// <summary>
    /// Requests for 16 to 256 new tokens: rows that become free are taken at once; or, as without continuous batching,
    /// only once all are free, and each is computed until the longest of its batch is done.
    /// </summary>
    private double Requests(bool padded)
    {
        const int Rows = 32;
        var random = new Random(1);
        var lengths = Enumerable.Range(0, 64).Select(_ => random.Next(16, 257)).ToList();
        if (padded)
            lengths = [.. lengths.Chunk(Rows).SelectMany(group => group.Select(_ => group.Max()))];
        var waiting = new Queue<ResponseInProgress>(lengths.Select((length, i) => Response(i, PromptLength, length)));
        using var batch = new SamplingBatch(Model);
        var begun = Stopwatch.GetTimestamp();
        while (waiting.Count > 0 || batch.Rows > 0)
        {
            var joining = new List<ResponseInProgress>();
            while ((!padded || batch.Rows == 0) && batch.Rows + joining.Count < Rows && waiting.TryDequeue(out var next))
                joining.Add(next);
            batch.Add(joining);
            batch.Step((_, _) => { });
        }

        return Stopwatch.GetElapsedTime(begun).TotalSeconds;
    }

    private (double Before, double After) Growth(int tokens)
    {
        using var batch = new SamplingBatch(Model);
        var (made, before) = (0, 0.0);
        for (var i = 0; made < tokens;)
        {
            while (batch.Rows < 32)
                batch.Add([Response(i++, PromptLength, NewTokens)]);
            batch.Step((_, _) => made++);
            if (before == 0 && made > 2 * 32 * NewTokens)                                         // the cache's own growth is over
                before = MemoryInUse();
        }

        return (before, MemoryInUse());
    }

    private static double MemoryInUse()
    {
        UnusedMemory.GiveBack();
        return Environment.WorkingSet;
    }

    private ResponseInProgress Response(int seed, int promptLength, int tokens) =>
        new(Prompt(seed, promptLength), 0, new() { MaxTokens = tokens, Seed = seed }, tokenizer: null, []);

    private int[] Prompt(int seed, int length)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, length).Select(_ => random.Next(Model.VocabularySize))];
    }

    private IReadOnlyList<(long In, long Out)> Shapes() => [.. Matrices().Select(weight => (weight.shape[1], weight.shape[0]))];

    /// <summary>All weights that a step multiplies with, [out, in].</summary>
    private IEnumerable<Tensor> Matrices() => Model.Parameters
        .Where(parameter => parameter.Value.dim() == 2 && parameter.Key != "transformer.wpe.weight")
        .Select(parameter => parameter.Key == "transformer.wte.weight" ? parameter.Value : parameter.Value.t());
}

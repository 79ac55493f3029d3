using System.Diagnostics;
using System.Text.Json.Nodes;
using Annotator.Model.LanguageModels;
using Annotator.Model.Preferences;
using Annotator.Model.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace Annotator.Model.Benchmarks;

/// <summary>
/// One DPO update of four pairs at the shape of GPT-2 124M with random weights, F32, beside the reference algorithm's: both
/// sequences whole in one concatenated batch, logits of every token, the reference model run in every step
/// (eric-mitchell/direct-preference-optimization, <c>trainers.py</c>). Both are given the same model code and memory settings.
/// </summary>
public static class DpoBenchmark
{
    private const int Pairs = 4;
    private const double Beta = 0.1, LearningRate = 1e-6, MaxGradNorm = 10;

    /// <summary>Prompt, completion, and what the project asks of itself: times faster, share of the memory.</summary>
    private static readonly (int Prompt, int Completion, double Faster, double Memory)[] Shapes = [(256, 64, 2.6, 0.5), (128, 128, 1.9, 0.6)];

    /// <summary>Steps are repeated for so long, and the best one counts.</summary>
    private static readonly TimeSpan Measuring = TimeSpan.FromSeconds(20);

    /// <summary>All figures, each as soon as it is there.</summary>
    /// <param name="ofPrompt">Only shapes of so many tokens of prompt; null: all.</param>
    public static IEnumerable<Figure> Run(int? ofPrompt)
    {
        foreach (var (prompt, completion, faster, memory) in Shapes.Where(shape => ofPrompt is null || shape.Prompt == ofPrompt))
        {
            var name = $"prompt {prompt} + completions {completion}";
            var comparisons = Comparisons(prompt, completion);
            var limit = MachineLimits.MatrixProduct();
            yield return new($"{name}: matrix product, 2048³", limit / 1e9, "GFLOP/s");
            var data = WithReference(comparisons);
            var reference = MeasureReference(comparisons);
            var ours = MeasureOurs(data, checkpointing: false);
            var tokens = comparisons.Sum(one => one.Completions.Sum(ids => one.Prompt.Length + ids.Length));
            yield return new($"{name}: a step, reference algorithm", reference.Seconds, "s");
            yield return new($"{name}: a step, ours", ours.Seconds, "s");
            yield return new($"{name}: times as fast", reference.Seconds / ours.Seconds, "", faster, "at least");
            yield return new($"{name}: peak memory, reference algorithm", reference.Memory / 1e9, "GB");
            yield return new($"{name}: peak memory, ours", ours.Memory / 1e9, "GB");
            yield return new($"{name}: share of the memory", ours.Memory / reference.Memory, "", memory, "at most");
            yield return new($"{name}: tokens of prompts and completions, reference algorithm", tokens / reference.Seconds, "tokens/s");
            yield return new($"{name}: tokens of prompts and completions, ours", tokens / ours.Seconds, "tokens/s");
            yield return new($"{name}: its own matrix products, reference algorithm", ReferenceProducts(prompt, completion) / reference.Seconds / 1e9, "GFLOP/s", limit / 1e9, "matrix product");
            yield return new($"{name}: its own matrix products, ours", OurProducts(prompt, completion) / ours.Seconds / 1e9, "GFLOP/s", limit / 1e9, "matrix product");
            yield return new($"{name}: gradients apart, relative", GradientDifference(comparisons, data), "", 1e-4, "at most");
            var frugal = MeasureOurs(data, checkpointing: true);
            yield return new($"{name}: a step, ours with activation checkpointing", frugal.Seconds, "s", ours.Seconds, "without");
            yield return new($"{name}: peak memory, ours with activation checkpointing", frugal.Memory / 1e9, "GB", ours.Memory / 1e9, "without");
        }
    }

    private static Measured MeasureReference(IReadOnlyList<TokenComparison> comparisons)
    {
        using var models = NewDisposeScope();
        var before = PeakMemory.Restart();
        using var policy = Model(seed: 1);
        using var reference = Model(seed: 2);
        policy.RequireGradients();
        var averages = policy.Parameters.Values.Select(parameter => zeros_like(parameter, requires_grad: false)).ToList();
        var seconds = Best(() =>
        {
            ReferenceGradient(policy, reference, comparisons);
            ReferenceUpdate([.. policy.Parameters.Values], averages);
        });
        return new(seconds, PeakMemory.Bytes() - before);
    }

    private static Measured MeasureOurs(RoundData data, bool checkpointing)
    {
        using var models = NewDisposeScope();
        var before = PeakMemory.Restart();
        using var policy = Model(seed: 1);
        using var trainer = new DpoTrainer(policy, data, Options with { ActivationCheckpointing = checkpointing });
        var seconds = Best(() => trainer.Next(CancellationToken.None));
        return new(seconds, PeakMemory.Bytes() - before);
    }

    /// <summary>Of one batch at the same weights: ‖ours − reference's‖ / ‖reference's‖ over all parameters.</summary>
    private static double GradientDifference(IReadOnlyList<TokenComparison> comparisons, RoundData data)
    {
        using var scope = NewDisposeScope();
        using var one = Model(seed: 1);
        using (var reference = Model(seed: 2))
        {
            one.RequireGradients();
            ReferenceGradient(one, reference, comparisons);
        }

        using var other = Model(seed: 1);
        using var trainer = new DpoTrainer(other, data, Options with { Optimizer = OptimizerName.Sgd, MaxGradNorm = 0 });
        trainer.Next(CancellationToken.None);
        double apart = 0, whole = 0;
        foreach (var (name, parameter) in one.Parameters)
        {
            apart += Math.Pow((parameter.grad! - other.Parameters[name].grad!).norm().item<float>(), 2);
            whole += Math.Pow(parameter.grad!.norm().item<float>(), 2);
        }

        return Math.Sqrt(apart / whole);
    }

    /// <summary>As <c>concatenated_forward</c> and <c>preference_loss</c> have it: chosen and rejected sequences in one batch, log-softmax over all logits.</summary>
    private static void ReferenceGradient(LanguageModel policy, LanguageModel reference, IReadOnlyList<TokenComparison> comparisons)
    {
        using var scope = NewDisposeScope();
        var rows = new[] { 0, 1 }.SelectMany(side => comparisons.Select(one => one.Prompt.Concat(one.Completions[side]).Select(id => (long)id))).ToList();
        var ids = tensor(rows.SelectMany(row => row).ToArray()).view(rows.Count, -1);             // (2B, T)
        var prompt = comparisons[0].Prompt.Length;
        Tensor referenceLogps;
        using (no_grad())
            referenceLogps = Logps(reference);
        var policyLogps = Logps(policy);                                                          // (2B)
        var (chosen, rejected) = (policyLogps.narrow(0, 0, Pairs), policyLogps.narrow(0, Pairs, Pairs));
        var (referenceChosen, referenceRejected) = (referenceLogps.narrow(0, 0, Pairs), referenceLogps.narrow(0, Pairs, Pairs));
        DpoLoss.Sigmoid(new(chosen, rejected), new(referenceChosen, referenceRejected), Beta).mean().backward();

        Tensor Logps(LanguageModel model)
        {
            var logits = model.Logits(model.Hidden(ids));                                         // (2B, T, V)
            var labels = ids.narrow(1, 1, ids.shape[1] - 1);
            var tokens = logits.narrow(1, 0, ids.shape[1] - 1).log_softmax(-1).gather(2, labels.unsqueeze(2)).squeeze(2);
            return tokens.narrow(1, prompt - 1, tokens.shape[1] - prompt + 1).sum(-1);
        }
    }

    private static RoundData WithReference(IReadOnlyList<TokenComparison> comparisons)
    {
        using var scope = NewDisposeScope();
        using var reference = Model(seed: 2);
        return new(ReferenceLogProbabilities.Fill(reference, comparisons, 0, CancellationToken.None), [], new Dictionary<string, int>());
    }

    private static double Best(Action step)
    {
        step();                                                                                   // the optimiser's state and the allocator's memory are there from here on
        var best = double.PositiveInfinity;
        for (var started = Stopwatch.GetTimestamp(); double.IsInfinity(best) || Stopwatch.GetElapsedTime(started) < Measuring;)
        {
            var begun = Stopwatch.GetTimestamp();
            step();
            best = Math.Min(best, Stopwatch.GetElapsedTime(begun).TotalSeconds);
        }

        return best;
    }

    /// <summary>torch's clip_grad_norm_, RMSprop and zero_grad, operation by operation.</summary>
    private static void ReferenceUpdate(List<Tensor> parameters, List<Tensor> averages)
    {
        using var scope = NewDisposeScope();
        using var noGradients = no_grad();
        var norm = stack(parameters.Select(parameter => parameter.grad!.norm())).norm().item<float>();
        foreach (var (parameter, average) in parameters.Zip(averages))
        {
            var gradient = parameter.grad!;
            if (norm > MaxGradNorm)
                gradient.mul_(MaxGradNorm / norm);
            average.mul_(0.99).addcmul_(gradient, gradient, 0.01);
            parameter.addcdiv_(gradient, average.sqrt().add_(1e-8), -LearningRate);
            parameter.grad = null!;
        }
    }

    /// <summary>Two operations for each weight and token forward, four backward; attention is not counted.</summary>
    private static double ReferenceProducts(int prompt, int completion) =>
        Pairs * 2.0 * (prompt + completion) * (BlockWeights + HeadWeights) * (6 + 2);

    private static double OurProducts(int prompt, int completion) =>
        Pairs * 6 * ((prompt + 2.0 * (completion - 1)) * BlockWeights + 2.0 * completion * HeadWeights);

    private const double BlockWeights = 12 * 12 * 768 * 768, HeadWeights = 50257 * 768;

    private static RoundOptions Options => new()
    {
        Policy = "",
        Reference = "",
        Beta = Beta,
        BatchSize = Pairs,
        MaxSteps = 100,
        LearningRate = LearningRate,
        WarmupSteps = 0,
        MaxGradNorm = MaxGradNorm,
        Optimizer = OptimizerName.Rmsprop,
    };

    private static List<TokenComparison> Comparisons(int prompt, int completion)
    {
        var random = new Random(1);
        return [.. Enumerable.Range(0, Pairs).Select(index => new TokenComparison
        {
            Id = $"pair {index}",
            Prompt = Ids(prompt),
            Completions = [Ids(completion), Ids(completion)],
            Ranking = Ranking.Prefer(0, 1),
            ReferenceLogps = [null, null],
        })];

        int[] Ids(int count) => [.. Enumerable.Range(0, count).Select(_ => random.Next(50257))];
    }

    private static LanguageModel Model(long seed)
    {
        using var scope = NewDisposeScope();
        using var noGradients = no_grad();
        return Architecture.Of(JsonNode.Parse(LoadBenchmark.Config)!.AsObject()).Initialise(seed, CPU);
    }

    private readonly record struct Measured(double Seconds, double Memory);
}

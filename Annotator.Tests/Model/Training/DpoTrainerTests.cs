using System.Text.Json.Nodes;
using Annotator.Model.Checkpoints;
using Annotator.Model.LanguageModels;
using Annotator.Model.Preferences;
using Annotator.Model.Training;
using Annotator.Tests.Fixtures;
using TorchSharp;
using static TorchSharp.torch;

namespace Annotator.Tests.Model.Training;

[Collection(TorchCollection.Name)]
public sealed class DpoTrainerTests
{
    private static readonly RoundOptions Plain = RoundOptions.AppDefaults("policy", "reference") with
    {
        BatchSize = 6,
        WarmupSteps = 0,
        MaxGradNorm = 0,
        MaxSteps = 5,
        Beta = 0.1,
    };

    /// <summary>dpo/trajectory_gpt2.json: the reference implementation's loss on transformers' GPT-2, five updates on a full batch.</summary>
    [Theory]
    [InlineData("sgd")]
    [InlineData("adamw")]
    [InlineData("rmsprop")]
    [InlineData("adamw_wd")]
    [InlineData("sgd_cdpo")]
    [InlineData("sgd_ipo")]
    [InlineData("sft_sgd")]                                                                       // Preferred-FT
    public void Every_metric_of_every_step_is_that_of_the_reference_implementation(string name)
    {
        var oracle = Oracles.Json("dpo/trajectory_gpt2.json");
        var run = oracle["runs"]!.AsArray().Single(one => one!["name"]!.GetValue<string>() == name)!;
        using var policy = PolicyDirectory.Open(Oracles.Find("models/gpt2"));
        using var trainer = new DpoTrainer(policy.Model, Data(oracle["pairs"]!, policy), OptionsOf(run));

        foreach (var expected in run["steps_float64"]!.AsArray())
        {
            var line = JsonNode.Parse(JsonLines.Format(trainer.Next(CancellationToken.None)))!;
            foreach (var (metric, value) in expected!.AsObject().Where(pair => pair.Value is JsonValue))
            {
                if (metric == "rewards/accuracies" && trainer.Step == 1)
                    continue; // All rewards are 0 but for rounding.
                var wanted = value!.GetValue<double>();
                line[metric]!.GetValue<double>().ShouldBe(wanted, 1e-4 * Math.Abs(wanted) + 1e-5, $"{metric} of step {trainer.Step - 1}");
            }

            if (trainer.Step == 1)
                GradientsShouldBe(policy, run["first_step_grad_norm_per_parameter_float64"]!.AsObject());
        }

        trainer.IsDone.ShouldBeTrue();
        using var scope = NewDisposeScope();
        foreach (var (parameter, sums) in run["final_parameters_sum_and_l2_float64"]!.AsObject())
        {
            // The keys' third of this bias has a gradient of zero but for rounding, which RMSprop and Adam blow up.
            if (parameter.EndsWith("c_attn.bias", StringComparison.Ordinal) && !name.StartsWith("sgd", StringComparison.Ordinal))
                continue;
            var value = policy.Model.Parameters[parameter].detach().to(ScalarType.Float64);
            value.norm().item<double>().ShouldBe(sums![1]!.GetValue<double>(), 1e-4, parameter);
        }
    }

    [Theory]
    [InlineData(LossType.Sigmoid)]
    [InlineData(LossType.Ipo)]
    public void Splitting_a_batch_changes_neither_loss_nor_gradient(LossType lossType)
    {
        var whole = FirstUpdates(Plain with { LossType = lossType });

        foreach (var size in (int[])[1, 2, 4])
        {
            var split = FirstUpdates(Plain with { LossType = lossType, MicroBatchSize = size });
            foreach (var (one, other) in split.Zip(whole))
            {
                ShouldBeClose(one.Loss, other.Loss);
                ShouldBeClose(one.RewardsMargins, other.RewardsMargins);
            }
            split[0].GradNorm!.Value.ShouldBe(whole[0].GradNorm!.Value, 1e-5 * whole[0].GradNorm!.Value);
        }

        static void ShouldBeClose(double a, double b) => a.ShouldBe(b, 1e-4 * Math.Abs(b) + 1e-5);
    }

    [Fact]
    public void With_weights_a_comparison_counts_as_often_as_it_weighs()
    {
        var oracle = Oracles.Json("dpo/trajectory_gpt2.json");
        using var policy = PolicyDirectory.Open(Oracles.Find("models/gpt2"));
        using var reference = PolicyDirectory.Open(Oracles.Find("models/gpt2"));
        using (var noGradients = no_grad())
            policy.Model.Parameters["transformer.wte.weight"].mul_(1.1);
        var data = Data(oracle["pairs"]!, reference);
        var twice = data with { Train = [.. data.Train, data.Train[0]] };
        var heavy = data with { Train = [data.Train[0] with { Weight = 2 }, .. data.Train.Skip(1)] };

        using var repeated = new DpoTrainer(policy.Model, twice, Plain with { BatchSize = 7, MaxSteps = 1, LearningRate = 1e-12 });
        using var weighted = new DpoTrainer(policy.Model, heavy, Plain with { MaxSteps = 1, Weights = true, LearningRate = 1e-12 });

        weighted.Next(CancellationToken.None).Loss.ShouldBe(repeated.Next(CancellationToken.None).Loss, 1e-6);
    }

    [Fact]
    public void Rankings_of_more_than_two_are_trained_as_rankings_or_as_all_their_pairs()
    {
        using var policy = PolicyDirectory.Open(Oracles.Find("models/gpt2"));
        var ranked = new TokenComparison
        {
            Id = "ranked",
            Prompt = [5, 6],
            Completions = [[7, 8], [9], [10, 11, 12]],
            Ranking = new Ranking([[2], [0], [1]]),
            ReferenceLogps = [null, null, null],
        };
        var data = new RoundData(ReferenceLogProbabilities.Fill(policy.Model, [ranked], 1, CancellationToken.None), [], new Dictionary<string, int>());

        using var asRanking = new DpoTrainer(policy.Model, data, Plain);
        asRanking.LossAtReference().ShouldBe(Math.Log(3) + Math.Log(2), 1e-6);
        using var asPairs = new DpoTrainer(policy.Model, data, Plain with { Rankings = RankingLoss.Pairs });
        asPairs.LossAtReference().ShouldBe(Math.Log(2), 1e-6);

        var lines = Enumerable.Range(0, 6).Select(_ => asRanking.Next(CancellationToken.None)).ToList();
        lines[^1].Loss.ShouldBeLessThan(lines[0].Loss);
        lines[^1].RewardsAccuracies.ShouldBe(1);
    }

    [Fact]
    public void Training_stops_early_when_the_evaluation_gets_no_better()
    {
        var oracle = Oracles.Json("dpo/trajectory_gpt2.json");
        using var policy = PolicyDirectory.Open(Oracles.Find("models/gpt2"));
        var data = Data(oracle["pairs"]!, policy);
        var opposite = data.Train.Select(one => one with { Ranking = Ranking.Prefer(1, 0) }).ToList();
        using var trainer = new DpoTrainer(policy.Model, data with { Eval = opposite }, Plain with { MaxSteps = 50, EvalSteps = 1, EarlyStoppingPatience = 2 });

        var last = Enumerable.Repeat(0, 50).Select(_ => trainer.Next(CancellationToken.None)).First(_ => trainer.IsDone);

        last.Step.ShouldBe(2);
        last.GradNorm.ShouldBeNull();
        last.EvalRewardsAccuracies.ShouldBe(0);
    }

    [Fact]
    public void Each_line_says_of_how_many_comparisons_it_is_and_an_epochs_last_may_be_of_fewer() =>
        FirstUpdates(Plain with { BatchSize = 4 }).Select(line => line.BatchSize).ShouldBe([4, 2, 4]);

    [Fact]
    public void A_cancelled_step_changes_nothing()
    {
        var oracle = Oracles.Json("dpo/trajectory_gpt2.json");
        using var policy = PolicyDirectory.Open(Oracles.Find("models/gpt2"));
        using var trainer = new DpoTrainer(policy.Model, Data(oracle["pairs"]!, policy), Plain);
        using var cancelled = new CancellationTokenSource();
        cancelled.Cancel();

        Should.Throw<OperationCanceledException>(() => trainer.Next(cancelled.Token));

        trainer.Step.ShouldBe(0);
    }

    [Fact]
    public void A_loss_that_is_no_number_ends_the_training_with_advice()
    {
        var oracle = Oracles.Json("dpo/trajectory_gpt2.json");
        using var policy = PolicyDirectory.Open(Oracles.Find("models/gpt2"));
        using var trainer = new DpoTrainer(policy.Model, Data(oracle["pairs"]!, policy), Plain with { Optimizer = OptimizerName.Sgd, LearningRate = 1e30 });

        Should.Throw<TrainingDivergedException>(() => { while (!trainer.IsDone) trainer.Next(CancellationToken.None); })
            .Message.ShouldContain("lower learning_rate");
    }

    [Fact]
    public void In_bfloat16_the_passes_are_rough_and_the_weights_are_not()
    {
        using var policy = PolicyDirectory.Open(Oracles.Find("models/gpt2"));
        using var copy = policy.Model.CopyAs(ScalarType.BFloat16);
        var pairs = Oracles.Json("dpo/trajectory_gpt2.json")["pairs"]!;
        var options = Plain with { Dtype = TrainingDtype.Bfloat16, Optimizer = OptimizerName.Adamw, LearningRate = 1e-5, MaxSteps = 20 };
        using var trainer = new DpoTrainer(policy.Model, Data(pairs, copy), options);

        var lines = Enumerable.Range(0, 21).Select(_ => trainer.Next(CancellationToken.None)).ToList();

        lines[0].Loss.ShouldBe(Math.Log(2), 1e-6);                                                // policy and reference in one precision
        lines[^1].RewardsMargins.ShouldBeGreaterThan(lines[0].RewardsMargins);
        using var scope = NewDisposeScope();
        using var noGradients = no_grad();
        var weight = policy.Model.Parameters["transformer.h.0.mlp.c_fc.weight"];
        weight.dtype.ShouldBe(ScalarType.Float32);
        using var before = PolicyDirectory.Open(Oracles.Find("models/gpt2"));
        var moved = (weight - before.Model.Parameters["transformer.h.0.mlp.c_fc.weight"]).abs();
        moved.max().item<float>().ShouldBeLessThan(3e-4f);                                        // 20 updates of 1e-5 each
        moved.gt(0).to(ScalarType.Float32).mean().item<float>().ShouldBeGreaterThan(0.9f);        // none of them vanished
    }

    private static void GradientsShouldBe(Policy policy, JsonObject norms)
    {
        using var scope = NewDisposeScope();
        var whole = Math.Sqrt(norms.Sum(norm => Math.Pow(norm.Value!.GetValue<double>(), 2)));
        foreach (var (parameter, norm) in norms)
            policy.Model.Parameters[parameter].grad!.norm().item<float>().ShouldBe((float)norm!.GetValue<double>(), 1e-5 * whole, parameter);
    }

    private static List<RoundMetrics> FirstUpdates(RoundOptions options)
    {
        using var policy = PolicyDirectory.Open(Oracles.Find("models/gpt2"));
        using var trainer = new DpoTrainer(policy.Model, Data(Oracles.Json("dpo/trajectory_gpt2.json")["pairs"]!, policy), options with { Optimizer = OptimizerName.Sgd, LearningRate = 1e-4 });
        return [.. Enumerable.Range(0, 3).Select(_ => trainer.Next(CancellationToken.None))];
    }

    private static RoundData Data(JsonNode pairs, Policy reference) => Data(pairs, reference.Model);

    private static RoundData Data(JsonNode pairs, LanguageModel reference) => new(
        ReferenceLogProbabilities.Fill(
            reference,
            [.. pairs.AsArray().Select((pair, index) => new TokenComparison
            {
                Id = $"pair {index}",
                Prompt = Ids(pair!["prompt"]!),
                Completions = [Ids(pair["chosen"]!), Ids(pair["rejected"]!)],
                Ranking = Ranking.Prefer(0, 1),
                ReferenceLogps = [null, null],
            })],
            6,
            CancellationToken.None),
        [],
        new Dictionary<string, int>());

    private static int[] Ids(JsonNode ids) => [.. ids.AsArray().Select(id => id!.GetValue<int>())];

    private static RoundOptions OptionsOf(JsonNode run)
    {
        var optimizer = run["optimizer"]!;
        return Plain with
        {
            LossType = run["loss"]!.GetValue<string>() switch
            {
                "ipo" => LossType.Ipo,
                "sft" => LossType.Unlikelihood,
                _ => LossType.Sigmoid,
            },
            IpoAverage = false, // The reference implementation sums.
            UnlikelihoodAlpha = 0,
            Beta = run["loss_args"]!["beta"]?.GetValue<double>() ?? 0.1,
            LabelSmoothing = run["loss_args"]!["label_smoothing"]?.GetValue<double>() ?? 0,
            Optimizer = Enum.Parse<OptimizerName>(optimizer["name"]!.GetValue<string>(), ignoreCase: true),
            LearningRate = optimizer["lr"]!.GetValue<double>(),
            AdamBeta2 = optimizer["betas"]?[1]!.GetValue<double>() ?? 0.999,
            WeightDecay = optimizer["weight_decay"]?.GetValue<double>() ?? 0,
        };
    }
}

using Annotator.Model.Checkpoints;
using Annotator.Model.Training;
using Annotator.Tests.Fixtures;
using TorchSharp;
using static TorchSharp.torch;

namespace Annotator.Tests.Model.Training;

[Collection(TorchCollection.Name)]
public sealed class SftOptimizerTests
{
    [Theory]
    [InlineData(8, 8)]
    [InlineData(6, 24)]
    [InlineData(24, 6)]
    public void Orthogonalising_brings_all_singular_values_near_one(long rows, long columns)
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(5);
        var matrix = randn([rows, columns], generator: generator);

        var singular = linalg.svdvals(SftOptimizer.Orthogonalised(matrix)).data<float>().ToArray();

        singular.ShouldAllBe(value => value > 0.3f && value < 1.3f);                              // Jordan's coefficients overshoot on purpose
    }

    [Theory]
    [InlineData("transformer.wpe.weight", 0.1)]                                                   // a matrix decays
    [InlineData("transformer.ln_f.bias", 0)]                                                      // a vector doesn't
    public void AdamW_moves_as_its_paper_says(string name, double decay)
    {
        using var scope = NewDisposeScope();
        using var policy = PolicyDirectory.Open(Oracles.Find("models/gpt2"));
        policy.Model.RequireGradients();
        using var optimizer = new SftOptimizer(policy.Model, new SftOptions { LearningRate = 0.01, WeightDecay = 0.1, MaxGradNorm = 0 });
        var parameter = policy.Model.Parameters[name];
        var ids = arange(12, ScalarType.Int64).view(1, 12);
        double weight = First(parameter), average = 0, square = 0;

        for (var step = 1; step <= 3; step++)
        {
            policy.Model.Logits(policy.Model.Hidden(ids)).log_softmax(-1).select(-1, 3).sum().backward();
            double gradient = First(parameter.grad!);
            optimizer.Step(step - 1, factor: 1);

            // Loshchilov and Hutter (2019), algorithm 2.
            average = 0.9 * average + 0.1 * gradient;
            square = 0.95 * square + 0.05 * gradient * gradient;
            weight -= 0.01 * (average / (1 - Math.Pow(0.9, step)) / (Math.Sqrt(square / (1 - Math.Pow(0.95, step))) + 1e-8) + decay * weight);
            ((double)First(parameter)).ShouldBe(weight, 1e-6);
            parameter.grad.ShouldBeNull();
        }
    }

    [Fact]
    public void Gradients_are_scaled_down_to_the_greatest_norm()
    {
        using var scope = NewDisposeScope();
        using var policy = PolicyDirectory.Open(Oracles.Find("models/gpt2"));
        policy.Model.RequireGradients();
        using var optimizer = new SftOptimizer(policy.Model, new SftOptions { MaxGradNorm = 0.5 });
        policy.Model.Logits(policy.Model.Hidden(arange(12, ScalarType.Int64).view(1, 12))).square().sum().backward();

        var norm = optimizer.Step(0, factor: 1);

        norm.ShouldBeGreaterThan(0.5);
        var averages = optimizer.State.Where(moment => moment.Key.EndsWith("exp_avg", StringComparison.Ordinal));
        (averages.Sum(moment => Math.Pow(moment.Value.norm().item<float>(), 2)) / (0.1 * 0.1)).ShouldBe(0.25, 1e-3);
    }

    [Theory]
    [InlineData(SftSchedule.Cosine, 0.5, 0.5)]
    [InlineData(SftSchedule.Cosine, 1, 0)]
    [InlineData(SftSchedule.Linear, 0.25, 0.75)]
    [InlineData(SftSchedule.ConstantWithWarmup, 1, 1)]
    [InlineData(SftSchedule.Wsd, 0.8, 1)]
    [InlineData(SftSchedule.Wsd, 0.9, 0.5)]
    public void The_learning_rate_follows_its_schedule(SftSchedule schedule, double progress, double expected)
    {
        var options = new SftOptions { Schedule = schedule, WarmupSteps = 10, LeastRateRatio = 0, DecayRatio = 0.2 };

        SftLearningRate.Factor(options, step: 1_000, progress).ShouldBe(expected, 1e-12);
        SftLearningRate.Factor(options, step: 4, progress).ShouldBe(expected / 2, 1e-12);         // still warming up
    }

    private static float First(Tensor tensor) => tensor.detach().view(-1)[0].item<float>();
}

using Annotator.Model.Checkpoints;
using Annotator.Model.Preferences;
using Annotator.Model.Sampling;
using Annotator.Model.Training;
using Annotator.Tests.Fixtures;
using TorchSharp;
using static TorchSharp.torch;

namespace Annotator.Tests.Model;

/// <summary>The same numbers on a GPU. On a machine with one: <c>dotnet test -p:TorchDevice=cuda</c>.</summary>
[Collection(TorchCollection.Name)]
public sealed class CudaTests
{
    // Products of F32 on a GPU are summed in another order; TF32 is off.
    private const double Tolerance = 5e-5;

    [Fact]
    public void Each_family_gives_the_log_probabilities_of_transformers_on_a_GPU()
    {
        RequireCuda();
        foreach (var name in Oracles.Models)
        {
            using var scope = NewDisposeScope();
            using var _ = no_grad();
            using var policy = PolicyDirectory.Open(Oracles.Find($"models/{name}"), CUDA);
            foreach (var sequence in Oracles.ExpectedOfModel(name)["sequences"]!.AsArray())
            {
                int[] ids = [.. sequence!["input_ids"]!.Longs().Select(id => (int)id)];
                var expected = sequence["token_logprobs"]!.Floats();

                var logps = SequenceLogProbability.Of(policy.Model, [new TokenSequence(ids[..1], ids[1..])]);

                logps.Tokens.device_type.ShouldBe(DeviceType.CUDA);
                logps.Tokens.ShouldBeCloseTo(expected, Tolerance);
            }
        }
    }

    [Fact]
    public void Greedy_sampling_on_a_GPU_gives_the_ids_of_transformers_to_prompts_that_share_a_batch()
    {
        RequireCuda();
        foreach (var name in Oracles.Models)
        {
            using var policy = PolicyDirectory.OpenForSampling(Oracles.Find($"models/{name}"), CUDA);
            var sequences = Oracles.ExpectedOfModel(name)["sequences"]!.AsArray();
            var prompts = sequences.Select(s => (IReadOnlyList<int>)[.. s!["input_ids"]!.Longs().Select(id => (int)id)]).ToList();

            var responses = Sampler.Sample(policy, prompts, n: 1, new() { Temperature = 0, MaxTokens = 16 }, TestContext.Current.CancellationToken);

            responses.Select(r => string.Join(' ', r.TokenIds)).ShouldBe(sequences.Select(s => string.Join(' ', s!["greedy_new_ids"]!.Longs())), name);
        }
    }

    [Theory]
    [InlineData(OptimizerName.Sgd)]
    [InlineData(OptimizerName.Rmsprop)]
    [InlineData(OptimizerName.Adamw)]
    public async Task A_round_on_a_GPU_learns_what_one_on_the_CPU_learns(OptimizerName optimizer)
    {
        RequireCuda();
        var options = RoundFolder.Options with { Optimizer = optimizer, LearningRate = optimizer == OptimizerName.Sgd ? 1e-2 : 1e-4 };
        using var onCpu = RoundFolder.Create(options with { Device = TrainingDevice.Cpu });
        using var onGpu = RoundFolder.Create(options with { Device = TrainingDevice.Cuda });

        foreach (var round in new[] { onCpu, onGpu })
        {
            var (exitCode, _, errors) = await ModelVerb.Run("dpo", "--round", round.Files.Root);
            exitCode.ShouldBe(0, errors);
        }

        onGpu.Result.Host["device"].ShouldStartWith("cuda");
        onGpu.Result.Step0Loss!.Value.ShouldBe(Math.Log(2), 1e-6);
        foreach (var (cpu, gpu) in onCpu.Metrics.Zip(onGpu.Metrics))
        {
            gpu.Loss.ShouldBe(cpu.Loss, 1e-5);
            gpu.RewardsMargins.ShouldBe(cpu.RewardsMargins, 1e-4);
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_round_with_dropout_on_a_GPU_drops_the_same_when_it_is_repeated_or_killed_and_resumed(bool activationCheckpointing)
    {
        RequireCuda();
        var options = RoundFolder.Options with
        {
            Device = TrainingDevice.Cuda, MaxSteps = 12, Dropout = 0.1, Optimizer = OptimizerName.Sgd, LearningRate = 1e-3, ActivationCheckpointing = activationCheckpointing,
        };
        using var quiet = RoundFolder.Create(options);
        using var killed = RoundFolder.Create(options);
        (await ModelVerb.Run("dpo", "--round", quiet.Files.Root)).ExitCode.ShouldBe(0);
        using (var verb = ModelVerb.Start("dpo", "--round", killed.Files.Root, "--json"))
        {
            await verb.WaitForLine(line => line.StartsWith("{\"step\":5,", StringComparison.Ordinal));
            verb.Kill();
            await verb.End();
        }

        (await ModelVerb.Run("dpo", "--round", killed.Files.Root, "--resume")).ExitCode.ShouldBe(0);

        killed.Metrics.Count.ShouldBe(13);
        foreach (var (one, other) in quiet.Metrics.Zip(killed.Metrics))
        {
            other.Loss.ShouldBe(one.Loss, 1e-5);                                                  // not to the bit: sums have no order there
        }
    }

    private static void RequireCuda() => Assert.SkipUnless(cuda.is_available(), "There is no CUDA here, or this build has none.");
}

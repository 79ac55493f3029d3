using Annotator.Model.Checkpoints;
using Annotator.Model.Preferences;
using Annotator.Model.Training;
using Annotator.Tests.Fixtures;
using TorchSharp;

namespace Annotator.Tests.Model.Training;

[Collection(TorchCollection.Name)]
public sealed class SftTrainerTests : IDisposable
{
    private static readonly TrainingText[] Lines =
    [
        .. Enumerable.Range(0, 24).Select(i => new TrainingText { Text = $"The {(i % 2 == 0 ? "cat" : "dog")} sat on mat {i}." }),
        .. Enumerable.Range(0, 8).Select(i => new TrainingText { Prompt = $"Film {i}", Completion = i % 2 == 0 ? " was good." : " was bad, really." }),
    ];

    private readonly TemporaryDirectory _directory = new();
    private readonly int _threads = torch.get_num_threads();

    public SftTrainerTests() => torch.set_num_threads(1);

    public void Dispose()
    {
        torch.set_num_threads(_threads);
        _directory.Dispose();
    }

    [Theory]
    [InlineData(SftOptimizerName.Adamw, 0.01)]
    [InlineData(SftOptimizerName.Muon, 0.02)]
    public void A_model_learns_its_texts(SftOptimizerName optimizer, double learningRate)
    {
        var options = Options(optimizer) with { Steps = 120, LearningRate = learningRate, AdamwLearningRate = 0.01, EvalSteps = 0 };

        var metrics = Train("run", options);

        metrics.First(line => line.EvalLoss is not null).EvalLoss!.Value.ShouldBeInRange(Math.Log(257) * 0.9, Math.Log(257) * 1.1);
        metrics.Last(line => line.EvalLoss is not null).EvalLoss!.Value.ShouldBeLessThan(1.2);
        metrics.Last(line => line.EvalLoss is not null).EvalBitsPerByte!.Value.ShouldBeLessThan(1.2 * 1.5);
        metrics.Select(line => line.Step).ShouldBe(metrics.Select(line => line.Step).Order());
    }

    [Theory]
    [InlineData(SftOptimizerName.Adamw)]
    [InlineData(SftOptimizerName.Muon)]
    public void A_run_cut_off_and_resumed_ends_with_the_same_bytes(SftOptimizerName optimizer)
    {
        var options = Options(optimizer) with { Steps = 14, Dropout = 0.1 };                      // several epochs: the order changes on the way
        var whole = Train("whole", options);

        Should.Throw<OperationCanceledException>(() => Train("resumed", options, cancelAt: 9));
        var resumed = Train("resumed", options, resume: true);

        File.ReadAllBytes(_directory["resumed/model.safetensors"]).ShouldBe(File.ReadAllBytes(_directory["whole/model.safetensors"]));
        resumed.Select(line => (line.Step, line.Loss, line.EvalLoss)).ShouldBe(whole.Select(line => (line.Step, line.Loss, line.EvalLoss)));
    }

    [Fact]
    public void A_checkpoint_of_other_data_is_refused()
    {
        Should.Throw<OperationCanceledException>(() => Train("run", Options() with { Steps = 14 }, cancelAt: 3));

        Should.Throw<PolicyException>(() => Train("run", Options() with { Steps = 14, BatchSize = 5 }, resume: true))
            .Message.ShouldContain("--batch-size");
        Should.Throw<PolicyException>(() => Train("nowhere", Options(), resume: true))
            .Message.ShouldContain("no checkpoint");
    }

    [Fact]
    public void Time_ends_a_run_that_has_no_other_limit()
    {
        var options = Options() with { TimeLimit = TimeSpan.FromMilliseconds(200) };

        var metrics = Train("run", options);

        metrics[^1].Step.ShouldBeGreaterThan(0);
        metrics.Last(line => line.LearningRate is not null).LearningRate!.Value.ShouldBeLessThan(options.LearningRate);
    }

    [Fact]
    public void A_learning_rate_that_blows_up_is_named()
    {
        var options = Options() with { Steps = 50, LearningRate = 1e30, MaxGradNorm = 0 };

        Should.Throw<ArithmeticException>(() => Train("run", options)).Message.ShouldContain("learning rate is probably too high");
    }

    private static SftOptions Options(SftOptimizerName optimizer = SftOptimizerName.Adamw) => new()
    {
        BatchSize = 6,
        LearningRate = 0.01,
        Optimizer = optimizer,
        WarmupSteps = 3,
        LoggingSteps = 1,
        EvalSteps = 5,
        Seed = 7,
    };

    private List<SftMetrics> Train(string name, SftOptions options, int? cancelAt = null, bool resume = false)
    {
        using var cancellation = new CancellationTokenSource();
        var run = new SftRun(_directory[name]);
        using var policy = resume
            ? PolicyDirectory.Open(run.RequireCheckpoint())
            : PolicyDirectory.Initialise(Path.Combine(TinyPolicy.WriteRandom(_directory["start"]), "config.json"), _directory["start"], options.Seed);
        var data = TokenExamples.From(Lines, policy.RequireTokenizer(), 24, options.Seed, null, CancellationToken.None);
        var heldOut = TokenExamples.From(Lines[..8], policy.RequireTokenizer(), 24, null, null, CancellationToken.None);
        using var trainer = new SftTrainer(policy, data, heldOut, options);
        if (resume)
        {
            run.Resume(trainer, data, options);
        }
        else
        {
            run.Begin();
        }

        trainer.Train(
            metrics =>
            {
                run.Append(metrics);
                if (metrics.Step == cancelAt)
                {
                    cancellation.Cancel();
                }
            },
            () => run.WriteCheckpoint(policy, trainer, data, options),
            cancellation.Token);
        PolicyDirectory.Save(policy, run.Directory);
        return [.. JsonLines.Read<SftMetrics>(Path.Combine(run.Directory, "metrics.jsonl"))];
    }
}

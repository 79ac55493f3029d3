using Annotator.Model.Checkpoints;
using Annotator.Model.Training;
using Annotator.Tests.Benchmarks;
using Annotator.Tests.Fixtures;
using TorchSharp;

namespace Annotator.Tests.Model.Training;

[Collection(TorchCollection.Name)]
public sealed class PpoTrainerTests : IDisposable
{
    private static readonly PpoOptions Options = new()
    {
        MaxSteps = 25,
        BatchSize = 32,
        MaxTokens = 8,
        Beta = 0.05,
        LearningRate = 3e-3,
        ValueLearningRate = 3e-3,
    };

    /// <summary>How many a's a response has.</summary>
    private static readonly ResponseScorer LettersA = responses => [.. responses.Select(response => (double)response.ResponseIds.Count(id => id == 'a'))];

    private readonly TemporaryDirectory _directory = new();
    private readonly int _threads = torch.get_num_threads();

    public void Dispose()
    {
        torch.set_num_threads(_threads);
        _directory.Dispose();
    }

    [Fact]
    public void A_policy_learns_to_write_what_is_rewarded()
    {
        var lines = Train(Options);

        lines[0].ObjectiveKl.ShouldBe(0, 1e-5);                                                   // policy = reference
        lines[0].ObjectiveRlhfReward.ShouldBe(lines[0].ObjectiveScores, 1e-5);
        lines[^1].ObjectiveScores.ShouldBeGreaterThan(lines[0].ObjectiveScores + 3);
        lines[^1].ObjectiveKl.ShouldBeGreaterThan(1);
        lines.ShouldAllBe(line => line.MeanLength > 0 && line.PolicyClipFraction >= 0 && line.PolicyClipFraction <= 1);
    }

    [Fact]
    public void A_greater_beta_keeps_the_policy_nearer_to_its_reference()
    {
        var (near, far) = (Train(Options with { Beta = 5 })[^1], Train(Options)[^1]);             // nothing else differs

        near.ObjectiveKl.ShouldBeLessThan(far.ObjectiveKl / 5);
        near.ObjectiveScores.ShouldBeLessThan(far.ObjectiveScores);
    }

    [Fact]
    public void The_same_seed_gives_the_same_training_and_another_one_another()
    {
        torch.set_num_threads(1);
        var first = Train(Options with { MaxSteps = 3 });

        Measures(Train(Options with { MaxSteps = 3 })).ShouldBe(Measures(first));
        Measures(Train(Options with { MaxSteps = 3, Seed = 1 })).ShouldNotBe(Measures(first));

        static IEnumerable<(double, double, double)> Measures(List<PpoMetrics> lines) => lines.Select(line => (line.ObjectiveScores, line.PolicyLoss, line.GradNorm));
    }

    [Fact]
    public void With_a_target_the_KL_is_steered_to_it_by_beta()
    {
        var lines = Train(Options with { TargetKl = 100, MaxSteps = 3 });                         // far above what three updates reach

        lines.Select(line => line.Beta).ShouldBe([0.05, 0.05 * 0.98, 0.05 * 0.98 * 0.98], 1e-12);
    }

    [Fact]
    public void The_embedded_policy_learns_to_write_positive_words_in_seconds()
    {
        var lines = Train(
            new() { MaxSteps = 6, BatchSize = 32, MaxTokens = 16, NumPpoEpochs = 2, Beta = 0.02, LearningRate = 3e-4, ValueLearningRate = 1e-3 },
            Repository.EmbeddedPolicy,
            ["This film was", "I thought the story", "The acting is", "My friends and I"],
            ResponseScorers.ByText(text => PositiveWords.Count(text)));

        lines[^1].ObjectiveScores.ShouldBeGreaterThan(lines[0].ObjectiveScores * 1.5 + 0.2);
    }

    private List<PpoMetrics> Train(PpoOptions options) => Train(options, TinyPolicy.WriteRandom(_directory["policy"]), ["A", "Be", "Cat"], LettersA);

    private static List<PpoMetrics> Train(PpoOptions options, string directory, string[] prompts, ResponseScorer scorer)
    {
        using var policy = PolicyDirectory.Open(directory);
        using var reference = PolicyDirectory.Open(directory);
        using var value = PolicyDirectory.OpenWithScore(directory);
        using var trainer = new PpoTrainer(policy, reference.Model, value.Model, [.. prompts.Select(prompt => policy.RequireTokenizer().EncodePrompt(prompt))], scorer, options);
        var lines = new List<PpoMetrics>();
        while (!trainer.IsDone)
            lines.Add(trainer.Next(TestContext.Current.CancellationToken));
        return lines;
    }
}

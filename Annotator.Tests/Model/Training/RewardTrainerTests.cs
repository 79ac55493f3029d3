using Annotator.Model.Preferences;
using Annotator.Model.Training;
using Annotator.Tests.Fixtures;

namespace Annotator.Tests.Model.Training;

[Collection(TorchCollection.Name)]
public sealed class RewardTrainerTests : IDisposable
{
    private static readonly RewardOptions Options = new() { BatchSize = 16, MaxSteps = 40, LearningRate = 3e-3, WarmupSteps = 2 };

    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void A_reward_model_learns_what_people_prefer_and_has_mean_zero_over_prompts()
    {
        using var model = RewardModel.FromPolicy(TinyPolicy.WriteRandom(_directory["policy"]));
        var data = Preferences(200);

        var lines = Train(model, data, Options);

        lines[0].Loss.ShouldBe(Math.Log(2), 1e-6);                                                // all rewards are 0
        lines[0].EvalAccuracy.ShouldBe(0);
        lines[^1].Step.ShouldBe(40);
        lines[^1].GradNorm.ShouldBeNull();
        lines[^1].EvalAccuracy!.Value.ShouldBeGreaterThan(0.9);
        lines[^1].EvalLoss!.Value.ShouldBeLessThan(0.4);
        lines[^1].EvalCalibrationError!.Value.ShouldBeInRange(0, 0.25);
        data.Train.GroupBy(one => one.Prompt[0])
            .Average(prompt => model.Score([.. prompt.SelectMany(one => one.Sequences)]).Average()).ShouldBe(0, 1e-4);
    }

    [Fact]
    public void Splitting_a_batch_changes_neither_loss_nor_gradient_and_equal_runs_are_equal()
    {
        var whole = Train(NewModel(), Preferences(40), Options with { MaxSteps = 3 });

        var again = Train(NewModel(), Preferences(40), Options with { MaxSteps = 3 });
        var split = Train(NewModel(), Preferences(40), Options with { MaxSteps = 3, MicroBatchSize = 5 });

        again.Select(line => line.Loss).ShouldBe(whole.Select(line => line.Loss));
        foreach (var (one, other) in split.Zip(whole))
            one.Loss.ShouldBe(other.Loss, 1e-4);
        split[0].GradNorm!.Value.ShouldBe(whole[0].GradNorm!.Value, 1e-4 * whole[0].GradNorm!.Value);
    }

    [Fact]
    public void A_ranking_is_learned_as_a_whole_or_as_all_its_pairs()
    {
        var ranked = new TokenComparison
        {
            Id = "ranked",
            Prompt = [5],
            Completions = [[7, 8], [9], [10, 11]],
            Ranking = new Ranking([[2], [0], [1]]),
            ReferenceLogps = [null, null, null],
        };
        var data = new RoundData([ranked], [], new Dictionary<string, int>());

        var asRanking = Train(NewModel(), data, Options);
        var asPairs = Train(NewModel(), data, Options with { Rankings = RankingLoss.Pairs });

        asRanking[0].Loss.ShouldBe(Math.Log(3) + Math.Log(2), 1e-6);
        asPairs[0].Loss.ShouldBe(Math.Log(2), 1e-6);
        asRanking[^1].Accuracy.ShouldBe(1);
        asPairs[^1].Accuracy.ShouldBe(1);
    }

    [Fact]
    public void A_cancelled_step_changes_nothing()
    {
        using var model = NewModel();
        using var trainer = new RewardTrainer(model, Preferences(20), Options);
        using var cancelled = new CancellationTokenSource();
        cancelled.Cancel();

        Should.Throw<OperationCanceledException>(() => trainer.Next(cancelled.Token));

        trainer.Step.ShouldBe(0);
    }

    private RewardModel NewModel() => RewardModel.FromPolicy(TinyPolicy.WriteRandom(_directory["policy"]));

    private static List<RewardMetrics> Train(RewardModel model, RoundData data, RewardOptions options)
    {
        using var trainer = new RewardTrainer(model, data, options);
        var lines = new List<RewardMetrics>();
        while (!trainer.IsDone)
            lines.Add(trainer.Next(TestContext.Current.CancellationToken));
        return lines;
    }

    /// <summary>Of two runs of letters after one of ten prompts, the one with more a's is preferred.</summary>
    private static RoundData Preferences(int count)
    {
        var random = new Random(1);
        var comparisons = Enumerable.Range(0, count).Select(index =>
        {
            int[] better = [.. Letters().Concat(Enumerable.Repeat((int)'a', 3))], worse = [.. Letters()];
            return new TokenComparison
            {
                Id = $"{index}",
                Prompt = ['A' + index % 10],
                Completions = [better, worse],
                Ranking = Ranking.Prefer(0, 1),
                ReferenceLogps = [null, null],
            };
        });
        return new RoundData([.. comparisons], [], new Dictionary<string, int>()).HoldOut(0.2, seed: 1);

        IEnumerable<int> Letters() => Enumerable.Range(0, random.Next(3, 8)).Select(_ => random.Next('b', 'z')).ToList();
    }
}

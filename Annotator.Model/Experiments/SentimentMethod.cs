using Annotator.Model.Checkpoints;
using Annotator.Model.Preferences;
using Annotator.Model.Training;

namespace Annotator.Model.Experiments;

/// <summary>A way to learn from what was said of the samples.</summary>
/// <param name="Name">In files and options.</param>
/// <param name="Label">In pictures and tables.</param>
/// <param name="Setting">What it was run with, in a few words.</param>
/// <param name="Begin">Makes ready to train a policy in place; each call of what it gives makes one update.</param>
public sealed record SentimentMethod(string Name, string Label, string Setting, Func<SentimentTask, Policy, CancellationToken, Learner> Begin)
{
    private const double LearningRate = 5e-5;

    private static readonly PpoOptions PpoOptions = new() { BatchSize = 64, MiniBatchSize = 32, NumPpoEpochs = 2, Beta = 0.05, LearningRate = 1e-4, ValueLearningRate = 2e-4 };

    /// <summary>The method that the others are compared with: the paper's default β.</summary>
    public const string Yardstick = "dpo-0.1";

    /// <summary>Every method that trains, in the order in which it is run and listed.</summary>
    public static IReadOnlyList<SentimentMethod> All { get; } =
    [
        Dpo(0.05), Dpo(0.1), Dpo(1), Dpo(5),
        OfRankings("dpo-noiseless", "DPO, judged without noise", "β 0.1", options => options with { Beta = 0.1 }, noiseless: true),
        OfRankings("dpo-pl", "DPO-PL", "β 0.1", options => options with { Beta = 0.1, Rankings = RankingLoss.PlackettLuce }),
        OfRankings("preferred-ft", "Preferred-FT", "α 0", options => options with { LossType = LossType.Unlikelihood, UnlikelihoodAlpha = 0 }),
        OfRankings("unlikelihood", "Unlikelihood", "α 0.1", options => options with { LossType = LossType.Unlikelihood, UnlikelihoodAlpha = 0.1 }),
        new("ppo", "PPO", DescribePpo("a reward model from the same judgments"), (task, policy, cancellation) => Ppo(task, policy, LearnedReward(task, policy, cancellation))),
        new("ppo-gt", "PPO-GT, true reward", DescribePpo("the scorer"), (task, policy, _) => Ppo(task, policy, new(ResponseScorers.ByText(task.Scorer.Score), Model: null))),
    ];

    private static SentimentMethod Dpo(double beta) => OfRankings(
        FormattableString.Invariant($"dpo-{beta}"), FormattableString.Invariant($"DPO, β = {beta}"), FormattableString.Invariant($"β {beta}"), options => options with { Beta = beta });

    /// <summary>Trained by the trainer of a round: on all six pairs of each prompt's samples, or on their ranking.</summary>
    private static SentimentMethod OfRankings(string name, string label, string setting, Func<RoundOptions, RoundOptions> set, bool noiseless = false) =>
        new(name, label, FormattableString.Invariant($"{setting}, RMSprop {LearningRate:0.######}"), (task, policy, _) =>
        {
            var data = new RoundData(task.Rankings(noiseless), [], new Dictionary<string, int>());
            var trainer = new DpoTrainer(policy.Model, data, set(RoundOptions.AppDefaults(policy.Directory, policy.Directory) with
            {
                Rankings = RankingLoss.Pairs,
                LearningRate = LearningRate,
                WarmupSteps = 10,
                BatchSize = Math.Max(1, task.Sizes.ResponsesPerUpdate / task.Sizes.SamplesPerPrompt),
                MaxSteps = task.Sizes.Steps,
                Seed = task.Seed,
            }));
            return new(cancellation => trainer.Next(cancellation), UpdatesPerCall: 1, task.Sizes.Steps, [trainer]);
        });

    private static string DescribePpo(string reward) => FormattableString.Invariant(
        $"{reward}; β {PpoOptions.Beta}, AdamW {PpoOptions.LearningRate:0.######}, batches of {PpoOptions.BatchSize}, {PpoOptions.NumPpoEpochs} epochs of {PpoOptions.BatchSize / PpoOptions.MiniBatchSize} updates");

    /// <summary>The classical way's first half: a reward model from the same judgments, in two passes over them.</summary>
    private static OpenScorer LearnedReward(SentimentTask task, Policy policy, CancellationToken cancellation)
    {
        var model = RewardModel.FromPolicy(policy.Directory);
        using var trainer = new RewardTrainer(model, new RoundData(task.Rankings(), [], new Dictionary<string, int>()), new() { Rankings = RankingLoss.Pairs, Seed = task.Seed });
        while (!trainer.IsDone)
            trainer.Next(cancellation);
        return OpenScorer.ByRewardModel(model, policy, cancellation);
    }

    private static Learner Ppo(SentimentTask task, Policy policy, OpenScorer reward)
    {
        var updates = PpoOptions.NumPpoEpochs * PpoOptions.BatchSize / PpoOptions.MiniBatchSize;
        var value = PolicyDirectory.OpenWithScore(policy.Directory);
        var trainer = new PpoTrainer(policy, task.Reference.Model, value.Model, [.. task.Openings.Train.Select(opening => opening.TokenIds)], reward.Score, PpoOptions with
        {
            MaxSteps = task.Sizes.PpoSteps / updates,
            MaxTokens = task.Sizes.MaxTokens,
            Seed = task.Seed,
        });
        return new(token => trainer.Next(token), updates, task.Sizes.PpoSteps, [trainer, value, reward]);
    }
}

/// <summary>A training under way.</summary>
/// <param name="Update">Makes some updates.</param>
/// <param name="UpdatesPerCall">How many: PPO makes several on each batch that it samples.</param>
/// <param name="Steps">Updates in all.</param>
/// <param name="Parts">Disposed with it.</param>
public sealed record Learner(Action<CancellationToken> Update, int UpdatesPerCall, int Steps, IReadOnlyList<IDisposable> Parts) : IDisposable
{
    public void Dispose()
    {
        foreach (var part in Parts)
            part.Dispose();
    }
}

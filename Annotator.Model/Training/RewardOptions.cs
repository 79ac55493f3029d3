using Annotator.Model.Preferences;

namespace Annotator.Model.Training;

/// <summary>How a reward model is trained; what shares its name with a round's option means the same.</summary>
public sealed record RewardOptions
{
    /// <summary>What a ranking of more than two is trained as.</summary>
    public RankingLoss Rankings { get; init; } = RankingLoss.PlackettLuce;

    /// <summary>The assumed share of flipped labels, [0, 0.5).</summary>
    public double LabelSmoothing { get; init; }

    /// <summary>Weighs (r(x, y_w) + r(x, y_l))², which draws the rewards of each prompt to mean zero (Eisenstein et al. 2023; TRL's name).</summary>
    public double CenterRewardsCoefficient { get; init; } = 0.01;

    /// <summary>Weight each comparison's loss by its line's <c>weight</c>.</summary>
    public bool Weights { get; init; }

    /// <summary>
    /// AdamW's peak. With the passes: of 1e-4, 3e-4 and 1e-3 for one to three of them what was right on most held-out judgments of the
    /// embedded policy's samples (<c>experiment sentiment</c>): 54 % of them, where the true reward itself is on 68 %.
    /// </summary>
    public double LearningRate { get; init; } = 3e-4;

    public LearningRateSchedule LrSchedulerType { get; init; } = LearningRateSchedule.Linear;

    public int WarmupSteps { get; init; } = 10;

    public double WeightDecay { get; init; }

    /// <summary>Comparisons an update.</summary>
    public int BatchSize { get; init; } = 16;

    /// <summary>Comparisons in memory at once, 0 = the whole batch: never the loss or the gradient.</summary>
    public int MicroBatchSize { get; init; }

    /// <summary>Passes over the data; <see cref="MaxSteps"/> > 0 overrides it.</summary>
    public double NumTrainEpochs { get; init; } = 2;

    public int MaxSteps { get; init; }

    /// <summary>The gradient's L2 norm is cut to this; 0 = off.</summary>
    public double MaxGradNorm { get; init; } = 1;

    /// <summary>Updates between measurements on the held-out comparisons; 0 = before the first and after the last.</summary>
    public int EvalSteps { get; init; }

    /// <summary>Of the order of the data.</summary>
    public int Seed { get; init; }

    /// <summary>Prompt and completion together, in tokens; the completion's end is cut. Null = the model's context.</summary>
    public int? MaxLength { get; init; }

    /// <summary>In tokens; a comparison with a longer prompt is left out. Null = half of <see cref="MaxLength"/>.</summary>
    public int? MaxPromptLength { get; init; }

    /// <summary>As a round's.</summary>
    public string? ChatTemplate { get; init; }

    /// <summary>What is wrong, a sentence each.</summary>
    public IReadOnlyList<string> Problems() =>
    [
        .. AsRound.Problems().Select(FormattableString.Invariant),
        .. CenterRewardsCoefficient >= 0 ? [] : (string[])[$"center_rewards_coefficient must be ≥ 0; it is {CenterRewardsCoefficient}"],
    ];

    /// <summary>
    /// Eq. 2 is eq. 7 with r(x, y) in place of β·(log πθ − log πref): the round with β = 1 and a reference of 0. Its data,
    /// loss, optimiser and schedule serve here as they are.
    /// </summary>
    internal RoundOptions AsRound => RoundOptions.AppDefaults("-", "-") with
    {
        LossType = LossType.Sigmoid,
        Beta = 1,
        Rankings = Rankings,
        LabelSmoothing = LabelSmoothing,
        Weights = Weights,
        Optimizer = OptimizerName.Adamw,
        LearningRate = LearningRate,
        LrSchedulerType = LrSchedulerType,
        WarmupSteps = WarmupSteps,
        WeightDecay = WeightDecay,
        BatchSize = BatchSize,
        MicroBatchSize = MicroBatchSize,
        NumTrainEpochs = NumTrainEpochs,
        MaxSteps = MaxSteps,
        MaxGradNorm = MaxGradNorm,
        EvalSteps = EvalSteps,
        Seed = Seed,
        MaxLength = MaxLength,
        MaxPromptLength = MaxPromptLength,
        ChatTemplate = ChatTemplate,
    };
}

using Annotator.Model.Preferences;

namespace Annotator.Model.Training;

/// <summary>How PPO trains. Defaults suit a small policy; names are TRL's where it has one.</summary>
public sealed record PpoOptions
{
    /// <summary>Updates: batches sampled and learned from.</summary>
    public int MaxSteps { get; init; } = 100;

    /// <summary>Prompts sampled an update, one response each.</summary>
    public int BatchSize { get; init; } = 64;

    /// <summary>Responses an optimiser's step learns from.</summary>
    public int MiniBatchSize { get; init; } = 16;

    /// <summary>Passes over each batch.</summary>
    public int NumPpoEpochs { get; init; } = 4;

    /// <summary>Most tokens of a response.</summary>
    public int MaxTokens { get; init; } = 32;

    /// <summary>β of the KL term; changes over the training where <see cref="TargetKl"/> is set.</summary>
    public double Beta { get; init; } = 0.1;

    /// <summary>Adapt β so that the KL to the reference stays near this, in nats a response; null keeps β.</summary>
    public double? TargetKl { get; init; }

    /// <summary>γ.</summary>
    public double Gamma { get; init; } = 1;

    /// <summary>λ of generalised advantage estimation.</summary>
    public double Lambda { get; init; } = 0.95;

    /// <summary>ε of the policy's clipped objective.</summary>
    public double ClipRange { get; init; } = 0.2;

    /// <summary>ε of the values', in units of reward.</summary>
    public double ClipRangeValue { get; init; } = 0.2;

    /// <summary>AdamW's peak for the policy.</summary>
    public double LearningRate { get; init; } = 1e-4;

    /// <summary>AdamW's peak for the value model, which has parameters of its own.</summary>
    public double ValueLearningRate { get; init; } = 1e-4;

    /// <summary>How both rates move over <see cref="MaxSteps"/>.</summary>
    public LearningRateSchedule LrSchedulerType { get; init; } = LearningRateSchedule.ConstantWithWarmup;

    /// <summary>Updates over which the rates rise.</summary>
    public int WarmupSteps { get; init; }

    /// <summary>Each model's gradient is cut to this L2 norm; 0 = off.</summary>
    public double MaxGradNorm { get; init; } = 1;

    /// <summary>Of the order of the prompts, the responses and the mini-batches.</summary>
    public int Seed { get; init; }

    /// <summary>What is wrong, a sentence each.</summary>
    public IReadOnlyList<string> Problems()
    {
        var problems = new List<string>();
        Require(MaxSteps >= 1, $"steps must be ≥ 1; it is {MaxSteps}");
        Require(BatchSize >= 1, $"batch_size must be ≥ 1; it is {BatchSize}");
        Require(MiniBatchSize >= 1, $"mini_batch_size must be ≥ 1; it is {MiniBatchSize}");
        Require(NumPpoEpochs >= 1, $"num_ppo_epochs must be ≥ 1; it is {NumPpoEpochs}");
        Require(MaxTokens >= 1, $"max_tokens must be ≥ 1; it is {MaxTokens}");
        Require(Beta > 0 && double.IsFinite(Beta), $"beta must be > 0; it is {Beta}");
        Require(TargetKl is null or > 0, $"target_kl must be > 0; it is {TargetKl}");
        Require(Gamma is > 0 and <= 1, $"gamma must be in (0, 1]; it is {Gamma}");
        Require(Lambda is >= 0 and <= 1, $"lambda must be in [0, 1]; it is {Lambda}");
        Require(ClipRange is > 0 and < 1, $"clip_range must be in (0, 1); it is {ClipRange}");
        Require(ClipRangeValue > 0, $"clip_range_value must be > 0; it is {ClipRangeValue}");
        Require(LearningRate > 0, $"learning_rate must be > 0; it is {LearningRate}");
        Require(ValueLearningRate > 0, $"value_learning_rate must be > 0; it is {ValueLearningRate}");
        Require(WarmupSteps >= 0, $"warmup_steps must be ≥ 0; it is {WarmupSteps}");
        Require(MaxGradNorm >= 0, $"max_grad_norm must be ≥ 0; it is {MaxGradNorm}");
        return problems;

        void Require(bool holds, string message)
        {
            if (!holds)
                problems.Add(message);
        }
    }
}

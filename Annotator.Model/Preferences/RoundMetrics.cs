using System.Text.Json.Serialization;

namespace Annotator.Model.Preferences;

/// <summary>
/// One line of <c>metrics.jsonl</c>, spelled as the field spells it. The line of step k is measured before update
/// k+1 on that update's batch; the last line, after the last update, has no <see cref="GradNorm"/>.
/// Log-probabilities and rewards are in nats, summed over completion tokens, averaged over the batch's pairs.
/// </summary>
public sealed record RoundMetrics
{
    /// <summary>Updates made before this line was measured.</summary>
    public required int Step { get; init; }

    /// <summary>Updates the round will make in all.</summary>
    public required int MaxSteps { get; init; }

    /// <summary>Passes over the training comparisons so far.</summary>
    public double Epoch { get; init; }

    /// <summary>Comparisons in the batch that the line was measured on, fewer at an epoch's end; null in rounds of older versions.</summary>
    public int? BatchSize { get; init; }

    public double Loss { get; init; }

    [JsonPropertyName("rewards/chosen")]
    public double RewardsChosen { get; init; }

    [JsonPropertyName("rewards/rejected")]
    public double RewardsRejected { get; init; }

    /// <summary>Share of pairs whose chosen reward is above the rejected one, 0–1.</summary>
    [JsonPropertyName("rewards/accuracies")]
    public double RewardsAccuracies { get; init; }

    [JsonPropertyName("rewards/margins")]
    public double RewardsMargins { get; init; }

    [JsonPropertyName("logps/chosen")]
    public double LogpsChosen { get; init; }

    [JsonPropertyName("logps/rejected")]
    public double LogpsRejected { get; init; }

    /// <summary>L2 norm of the gradient over all parameters before clipping; null on the last line.</summary>
    public double? GradNorm { get; init; }

    /// <summary>The learning rate of the update that follows; null on the last line.</summary>
    public double? LearningRate { get; init; }

    /// <summary>Tokens (prompts and completions) trained on before this line.</summary>
    public long NumTokens { get; init; }

    /// <summary>Comparisons trained on per second since the round (or its resumption) began; null before the first update.</summary>
    public double? ExamplesPerSecond { get; init; }

    [JsonPropertyName("eval_loss")]
    public double? EvalLoss { get; init; }

    [JsonPropertyName("eval_rewards/chosen")]
    public double? EvalRewardsChosen { get; init; }

    [JsonPropertyName("eval_rewards/rejected")]
    public double? EvalRewardsRejected { get; init; }

    [JsonPropertyName("eval_rewards/accuracies")]
    public double? EvalRewardsAccuracies { get; init; }

    [JsonPropertyName("eval_rewards/margins")]
    public double? EvalRewardsMargins { get; init; }

    [JsonPropertyName("eval_logps/chosen")]
    public double? EvalLogpsChosen { get; init; }

    [JsonPropertyName("eval_logps/rejected")]
    public double? EvalLogpsRejected { get; init; }
}

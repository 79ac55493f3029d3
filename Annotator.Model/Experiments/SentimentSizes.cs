namespace Annotator.Model.Experiments;

/// <summary>How large controlled sentiment is. All runs that are compared share one.</summary>
public sealed record SentimentSizes
{
    /// <summary>Openings with samples to learn from.</summary>
    public int Prompts { get; init; } = 640;

    /// <summary>Responses to each, as in the paper: six pairs.</summary>
    public int SamplesPerPrompt { get; init; } = 4;

    /// <summary>Most tokens of a response.</summary>
    public int MaxTokens { get; init; } = 20;

    /// <summary>Updates of every method but PPO.</summary>
    public int Steps { get; init; } = 80;

    /// <summary>Updates of PPO, which has nothing to begin with but its own samples.</summary>
    public int PpoSteps { get; init; } = 120;

    /// <summary>Updates between two measurements.</summary>
    public int EvaluationSteps { get; init; } = 20;

    /// <summary>Fresh samples a measurement, one for each held-out opening.</summary>
    public int FreshSamples { get; init; } = 256;

    /// <summary>Responses an update learns from (of PPO a mini-batch).</summary>
    public int ResponsesPerUpdate { get; init; } = 32;

    /// <summary>Best-of-N's largest N, a power of two.</summary>
    public int BestOf { get; init; } = 64;

    /// <summary>Held-out openings on which Best-of-N is measured.</summary>
    public int BestOfPrompts { get; init; } = 64;

    public static SentimentSizes Full { get; } = new();

    /// <summary>For a look: under ten minutes on two cores.</summary>
    public static SentimentSizes Quick { get; } = new() { Prompts = 320, Steps = 40, PpoSteps = 60, FreshSamples = 128, BestOf = 16, BestOfPrompts = 32 };
}

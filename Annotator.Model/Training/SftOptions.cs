namespace Annotator.Model.Training;

/// <summary>How the learning rate moves over a run, after its warm-up.</summary>
public enum SftSchedule
{
    /// <summary>Half a cosine down to the least rate.</summary>
    Cosine,

    /// <summary>A straight line down to the least rate.</summary>
    Linear,

    /// <summary>No change.</summary>
    ConstantWithWarmup,

    /// <summary>Warm-up, stable, decay: no change, then a straight line down over the last <see cref="SftOptions.DecayRatio"/> of the run.</summary>
    Wsd,
}

/// <summary>Who makes the steps.</summary>
public enum SftOptimizerName
{
    /// <summary>AdamW on all parameters.</summary>
    Adamw,

    /// <summary>Muon on the blocks' matrices, AdamW on embeddings, norms and biases.</summary>
    Muon,
}

/// <summary>Options of supervised fine-tuning and of training from scratch, which is the same thing from other weights.</summary>
public sealed record SftOptions
{
    /// <summary>Passes over the data; may be a part of one. The run ends with the first of the four limits.</summary>
    public double? Epochs { get; init; }

    /// <summary>Updates.</summary>
    public long? Steps { get; init; }

    /// <summary>Tokens whose loss is trained on.</summary>
    public long? MaxTokens { get; init; }

    /// <summary>Time to train; with it the learning rate follows the clock, so that the schedule fits the time.</summary>
    public TimeSpan? TimeLimit { get; init; }

    /// <summary>Windows or examples an update.</summary>
    public int BatchSize { get; init; } = 32;

    /// <summary>Tokens of one window of packed text; longer examples are cut. 0: the model's context.</summary>
    public int Window { get; init; }

    /// <summary>Peak learning rate; of Muon's matrices where it is the optimiser.</summary>
    public double LearningRate { get; init; } = 1e-3;

    /// <summary>Peak learning rate of AdamW beside Muon.</summary>
    public double AdamwLearningRate { get; init; } = 2e-3;

    public SftSchedule Schedule { get; init; } = SftSchedule.Cosine;

    /// <summary>Updates over which the learning rate rises from 0.</summary>
    public int WarmupSteps { get; init; } = 100;

    /// <summary>The last part of the run in which <see cref="SftSchedule.Wsd"/> decays.</summary>
    public double DecayRatio { get; init; } = 0.2;

    /// <summary>The learning rate at the end, as a part of the peak.</summary>
    public double LeastRateRatio { get; init; } = 0.05;

    public SftOptimizerName Optimizer { get; init; } = SftOptimizerName.Adamw;

    public double AdamBeta1 { get; init; } = 0.9;

    public double AdamBeta2 { get; init; } = 0.95;

    public double AdamEpsilon { get; init; } = 1e-8;

    /// <summary>Decoupled; on matrices, not on norms and biases.</summary>
    public double WeightDecay { get; init; } = 0.1;

    /// <summary>Gradients are scaled down to this norm; 0 leaves them.</summary>
    public double MaxGradNorm { get; init; } = 1;

    public double Dropout { get; init; }

    /// <summary>Of the order of the data, of dropout, and of the weights when training from scratch.</summary>
    public int Seed { get; init; }

    /// <summary>Updates between lines of metrics.</summary>
    public int LoggingSteps { get; init; } = 50;

    /// <summary>Updates between evaluations; 0 evaluates at the end only.</summary>
    public int EvalSteps { get; init; } = 500;

    /// <summary>Updates between checkpoints; 0 writes none.</summary>
    public int CheckpointSteps { get; init; } = 500;

    /// <summary>What makes no sense, in a sentence; null if nothing.</summary>
    public string? Problem() =>
        BatchSize < 1 ? $"--batch-size must be at least 1; it is {BatchSize}"
        : Window < 0 ? $"--window must be positive; it is {Window}"
        : LearningRate <= 0 ? $"--learning-rate must be positive; it is {LearningRate}"
        : AdamwLearningRate <= 0 ? $"--adamw-learning-rate must be positive; it is {AdamwLearningRate}"
        : DecayRatio is < 0 or > 1 ? $"--decay-ratio must be in [0, 1]; it is {DecayRatio}"
        : LeastRateRatio is < 0 or > 1 ? $"--least-rate-ratio must be in [0, 1]; it is {LeastRateRatio}"
        : Dropout is < 0 or >= 1 ? $"--dropout must be in [0, 1); it is {Dropout}"
        : WeightDecay < 0 ? $"--weight-decay must not be negative; it is {WeightDecay}"
        : Epochs <= 0 || Steps <= 0 || MaxTokens <= 0 || TimeLimit <= TimeSpan.Zero ? "--epochs, --steps, --max-tokens-trained and --time-limit must be positive"
        : LoggingSteps < 1 ? $"--logging-steps must be at least 1; it is {LoggingSteps}"
        : null;
}

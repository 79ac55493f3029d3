using System.Diagnostics.CodeAnalysis;
using System.Text.Json;

namespace Annotator.Model.Preferences;

/// <summary>The loss on a pair. u = β(h_w − h_l), h = log πθ − log πref.</summary>
public enum LossType
{
    Sigmoid,
    Robust,
    Ipo,
    Hinge,

    /// <summary>The baseline without a reference: −log πθ(y_w) + α·log πθ(y_l); with α = 0 it is Preferred-FT.</summary>
    Unlikelihood,
}

/// <summary>What a ranking of more than two completions is trained as.</summary>
public enum RankingLoss
{
    PlackettLuce,
    Pairs,
}

public enum OptimizerName
{
    Rmsprop,
    Adamw,
    Sgd,
}

public enum LearningRateSchedule
{
    ConstantWithWarmup,
    Cosine,
    Linear,
}

public enum TrainingDtype
{
    [SuppressMessage("Naming", "CA1720", Justification = "The name that torch and TRL give it.")]
    Float32,
    Bfloat16,
}

public enum TrainingDevice
{
    Auto,
    Cpu,
    Cuda,
}

/// <summary>
/// A round's <c>options.json</c>, spelled as TRL spells it. What a file leaves out takes the app's default, which
/// is what stands here. The record is plain data: <see cref="Problems"/> says what is wrong with it.
/// </summary>
public sealed record RoundOptions
{
    /// <summary>The policy to start from: a Hugging Face directory, absolute or relative to the round directory.</summary>
    public required string Policy { get; init; }

    /// <summary>πref, likewise.</summary>
    public required string Reference { get; init; }

    public LossType LossType { get; init; } = LossType.Sigmoid;

    public RankingLoss Rankings { get; init; } = RankingLoss.PlackettLuce;

    /// <summary>β: how strongly the policy is held to the reference; > 0.</summary>
    public double Beta { get; init; } = 0.1;

    /// <summary>ε of cDPO and robust DPO: the assumed share of flipped labels, [0, 0.5).</summary>
    public double LabelSmoothing { get; init; }

    /// <summary>IPO on log-probabilities averaged over tokens; false sums them, as the reference implementation does.</summary>
    public bool IpoAverage { get; init; } = true;

    /// <summary>α of unlikelihood, [0, 1]; 0 learns the chosen completions only, which is Preferred-FT.</summary>
    public double UnlikelihoodAlpha { get; init; } = 0.05;

    public OptimizerName Optimizer { get; init; } = OptimizerName.Rmsprop;

    public double RmspropAlpha { get; init; } = 0.99;

    public double RmspropEpsilon { get; init; } = 1e-8;

    public double AdamBeta1 { get; init; } = 0.9;

    public double AdamBeta2 { get; init; } = 0.999;

    public double AdamEpsilon { get; init; } = 1e-8;

    /// <summary>AdamW's decoupled weight decay, on all parameters.</summary>
    public double WeightDecay { get; init; }

    public double LearningRate { get; init; } = 2e-5;

    public LearningRateSchedule LrSchedulerType { get; init; } = LearningRateSchedule.ConstantWithWarmup;

    /// <summary>Updates over which the learning rate rises linearly from 0.</summary>
    public int WarmupSteps { get; init; } = 10;

    /// <summary>Comparisons per update.</summary>
    public int BatchSize { get; init; } = 16;

    /// <summary>Comparisons per forward pass, 0 = as many as have some 2,048 tokens together: memory, never the loss or the gradient.</summary>
    public int MicroBatchSize { get; init; }

    /// <summary>Passes over the data; <see cref="MaxSteps"/> > 0 overrides it.</summary>
    public double NumTrainEpochs { get; init; } = 2;

    /// <summary>Updates in all; 0 = by epochs.</summary>
    public int MaxSteps { get; init; }

    /// <summary>Evaluations without a lower eval_loss after which training stops; 0 = off.</summary>
    public int EarlyStoppingPatience { get; init; }

    /// <summary>The gradient's L2 norm is cut to this; 0 = off.</summary>
    public double MaxGradNorm { get; init; } = 10;

    /// <summary>Updates between lines of metrics.jsonl.</summary>
    public int LoggingSteps { get; init; } = 1;

    /// <summary>Updates between measurements on the eval split; 0 = only before the first update and after the last.</summary>
    public int EvalSteps { get; init; }

    /// <summary>Updates between checkpoints; 0 = only when cancelled.</summary>
    public int CheckpointSteps { get; init; } = 50;

    /// <summary>Seeds the order of the data (and dropout).</summary>
    public int Seed { get; init; }

    /// <summary>Prompt and completion together, in tokens; the completion's end is cut. Null = the model's context.</summary>
    public int? MaxLength { get; init; }

    /// <summary>In tokens; a comparison with a longer prompt is left out and counted. Null = half of max_length.</summary>
    public int? MaxPromptLength { get; init; }

    /// <summary>How a chat becomes a prompt: <c>plain</c>, <c>chatml</c>, <c>llama-3</c> or <c>zephyr</c>. Null = as the policy's own files say.</summary>
    public string? ChatTemplate { get; init; }

    public double Dropout { get; init; }

    /// <summary>Weight each comparison's loss by its line's <c>weight</c>.</summary>
    public bool Weights { get; init; }

    /// <summary>Keep each block's input alone, and compute the rest anew for the gradient: less memory, a third more work, the same gradient.</summary>
    public bool ActivationCheckpointing { get; init; }

    /// <summary>r of low-rank adapters, which are then all that is trained, and are merged into the weights at the end; 0 = train all weights.</summary>
    public int LoraRank { get; init; }

    /// <summary>α of the adapters, whose product is scaled by α/r.</summary>
    public double LoraAlpha { get; init; } = 16;

    /// <summary>Projections by the last part of their names, or <c>all-linear</c>. Null = the usual ones of the family: c_attn, query_key_value, or q_proj and v_proj.</summary>
    public IReadOnlyList<string>? LoraTargetModules { get; init; }

    /// <summary>
    /// What the passes compute in, policy and reference alike; weights, averages and the result stay in float32. bfloat16 halves
    /// the activations; on a CPU without instructions for it it is slower.
    /// </summary>
    public TrainingDtype Dtype { get; init; } = TrainingDtype.Float32;

    public TrainingDevice Device { get; init; } = TrainingDevice.Auto;

    /// <summary>Processor threads; 0 = all. Byte-identical results need the same number.</summary>
    public int Threads { get; init; }

    /// <summary>What the app offers: tuned on the embedded policy for some two hundred preferences.</summary>
    public static RoundOptions AppDefaults(string policy, string reference) => new() { Policy = policy, Reference = reference };

    /// <summary>The paper's setting (its appendix B, and the lengths of the reference implementation): for tens of thousands of preferences.</summary>
    public static RoundOptions Paper(string policy, string reference) => new()
    {
        Policy = policy,
        Reference = reference,
        Beta = 0.1,
        Optimizer = OptimizerName.Rmsprop,
        LearningRate = 1e-6,
        LrSchedulerType = LearningRateSchedule.ConstantWithWarmup,
        WarmupSteps = 150,
        BatchSize = 64,
        NumTrainEpochs = 1,
        MaxGradNorm = 10,
        MaxLength = 512,
        MaxPromptLength = 256,
    };

    /// <summary>
    /// What is wrong, a sentence each without its full stop, in the order of the keys; empty when the options can be trained with.
    /// Each still knows its values apart from its words, which a page may say in another language.
    /// </summary>
    public IReadOnlyList<FormattableString> Problems()
    {
        var problems = new List<FormattableString>();
        Require(Policy.Length > 0, $"policy must name a directory; it is empty");
        Require(Reference.Length > 0, $"reference must name a directory; it is empty");
        Above0("beta", Beta);
        Require(LabelSmoothing is >= 0 and < 0.5, $"label_smoothing must be in [0, 0.5); it is {LabelSmoothing}");
        Require(UnlikelihoodAlpha is >= 0 and <= 1, $"unlikelihood_alpha must be in [0, 1]; it is {UnlikelihoodAlpha}");
        Require(RmspropAlpha is >= 0 and < 1, $"rmsprop_alpha must be in [0, 1); it is {RmspropAlpha}");
        Above0("rmsprop_epsilon", RmspropEpsilon);
        Require(AdamBeta1 is >= 0 and < 1, $"adam_beta1 must be in [0, 1); it is {AdamBeta1}");
        Require(AdamBeta2 is >= 0 and < 1, $"adam_beta2 must be in [0, 1); it is {AdamBeta2}");
        Above0("adam_epsilon", AdamEpsilon);
        AtLeast0("weight_decay", WeightDecay);
        Require(WeightDecay == 0 || Optimizer == OptimizerName.Adamw, $"weight_decay is AdamW's: with another optimizer it must be 0; it is {WeightDecay}");
        Above0("learning_rate", LearningRate);
        AtLeast0("warmup_steps", WarmupSteps);
        AtLeast1("batch_size", BatchSize);
        AtLeast0("micro_batch_size", MicroBatchSize);
        AtLeast0("max_steps", MaxSteps);
        Require(MaxSteps > 0 || (NumTrainEpochs > 0 && double.IsFinite(NumTrainEpochs)), $"num_train_epochs must be > 0 where max_steps is 0; it is {NumTrainEpochs}");
        AtLeast0("early_stopping_patience", EarlyStoppingPatience);
        Require(EarlyStoppingPatience == 0 || EvalSteps > 0, $"early_stopping_patience needs eval_steps > 0; eval_steps is 0");
        AtLeast0("max_grad_norm", MaxGradNorm);
        AtLeast1("logging_steps", LoggingSteps);
        AtLeast0("eval_steps", EvalSteps);
        AtLeast0("checkpoint_steps", CheckpointSteps);
        Require(MaxLength is null or >= 2, $"max_length must be at least 2; it is {MaxLength}");
        Require(MaxPromptLength is null or >= 1, $"max_prompt_length must be at least 1; it is {MaxPromptLength}");
        Require(MaxPromptLength is null || MaxLength is null || MaxPromptLength < MaxLength, $"max_prompt_length must be below max_length ({MaxLength}); it is {MaxPromptLength}");
        Require(Dropout is >= 0 and < 1, $"dropout must be in [0, 1); it is {Dropout}");
        AtLeast0("lora_rank", LoraRank);
        Above0("lora_alpha", LoraAlpha);
        Require(LoraTargetModules is null or { Count: > 0 }, $"lora_target_modules must name a module, or be left out; it is empty");
        Require(Dtype == TrainingDtype.Float32 || LoraRank == 0, $"dtype must be float32 with low-rank adapters (lora_rank is {LoraRank})");
        AtLeast0("threads", Threads);
        return problems;

        void Require(bool holds, FormattableString message)
        {
            if (!holds)
                problems.Add(message);
        }

        void Above0(string name, double value) => Require(value > 0 && double.IsFinite(value), $"{name} must be > 0; it is {value}");
        void AtLeast0(string name, double value) => Require(value >= 0 && double.IsFinite(value), $"{name} must be ≥ 0; it is {value}");
        void AtLeast1(string name, int value) => Require(value >= 1, $"{name} must be ≥ 1; it is {value}");
    }

    /// <exception cref="FormatException">Not JSON, a key that is no option, a missing required key, or a value of the wrong kind.</exception>
    public static RoundOptions Read(string path) => Parse(File.ReadAllText(path), path);

    /// <inheritdoc cref="Read" />
    public static RoundOptions Parse(string json, string file = "options.json")
    {
        try
        {
            using var document = JsonDocument.Parse(json, new JsonDocumentOptions { AllowDuplicateProperties = false });
            if (document.RootElement.ValueKind != JsonValueKind.Object)
                throw new FormatException($"{file} must hold a JSON object; it holds a {document.RootElement.ValueKind}.");
            var unknown = document.RootElement.EnumerateObject().Select(key => key.Name).Where(name => !Keys.Contains(name)).ToList();
            if (unknown.Count > 0)
                throw new FormatException($"{file} has {(unknown.Count == 1 ? "a key that is no option" : "keys that are no options")}: {string.Join(", ", unknown)}. Options are {string.Join(", ", Keys)}.");
            return document.RootElement.Deserialize<RoundOptions>(JsonLines.Spelling)!;
        }
        catch (JsonException refused)
        {
            throw new FormatException($"{file}: {JsonLines.Reason(refused)}", refused);
        }
    }

    /// <summary>Every key, so that a round's file says all it was trained with.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, JsonLines.IndentedSpelling) + "\n";

    public void Write(string path) => File.WriteAllText(path, ToJson());

    private static readonly IReadOnlyList<string> Keys =
        [.. JsonLines.Spelling.GetTypeInfo(typeof(RoundOptions)).Properties.Select(property => property.Name)];
}

using System.CommandLine;
using System.Globalization;
using Annotator.Model.Checkpoints;
using Annotator.Model.Native;
using Annotator.Model.Preferences;
using Annotator.Model.Training;

namespace Annotator.Model.Commands;

/// <summary>The verb <c>ppo</c>: trains a policy against a reward model, the classical way, or against the truth where it is known (PPO-GT).</summary>
public static class PpoCommand
{
    private static readonly PpoOptions Default = new();

    private static readonly Option<DirectoryInfo> PolicyOption = new("--policy") { Description = "The policy to begin from; usually the SFT policy.", Required = true };
    private static readonly Option<DirectoryInfo?> Reference = new("--reference") { Description = "πref of the KL term; the policy itself unless given." };
    private static readonly ScorerOptions Scores = new("What is learnt from");
    private static readonly Option<FileInfo> Prompts = new("--prompts") { Description = "JSONL of {\"prompt\"}, {\"text\"} or {\"prompt_ids\"}.", Required = true };
    private static readonly Option<DirectoryInfo> Out = new("--out") { Description = "The directory for the policy and metrics.jsonl.", Required = true };
    private static readonly Option<int> Steps = new("--steps") { Description = "Updates: batches sampled and learned from.", DefaultValueFactory = _ => Default.MaxSteps };
    private static readonly Option<int> BatchSize = new("--batch-size") { Description = "Prompts an update, one response each.", DefaultValueFactory = _ => Default.BatchSize };
    private static readonly Option<int> MiniBatchSize = new("--mini-batch-size") { Description = "Responses a step of the optimiser.", DefaultValueFactory = _ => Default.MiniBatchSize };
    private static readonly Option<int> PpoEpochs = new("--num-ppo-epochs") { Description = "Passes over each batch.", DefaultValueFactory = _ => Default.NumPpoEpochs };
    private static readonly Option<int> MaxTokens = new("--max-tokens") { Description = "Most tokens of a response.", DefaultValueFactory = _ => Default.MaxTokens };
    private static readonly Option<double> Beta = new("--beta") { Description = "β: the weight of the KL to the reference.", DefaultValueFactory = _ => Default.Beta };
    private static readonly Option<double?> TargetKl = new("--target-kl") { Description = "Adapt β so that the KL stays near this, in nats a response." };
    private static readonly Option<double> Gamma = new("--gamma") { Description = "γ: the discount.", DefaultValueFactory = _ => Default.Gamma };
    private static readonly Option<double> Lambda = new("--lambda") { Description = "λ of generalised advantage estimation.", DefaultValueFactory = _ => Default.Lambda };
    private static readonly Option<double> ClipRange = new("--clip-range") { Description = "ε of the policy's clipped objective.", DefaultValueFactory = _ => Default.ClipRange };
    private static readonly Option<double> ClipRangeValue = new("--clip-range-value") { Description = "ε of the values', in units of reward.", DefaultValueFactory = _ => Default.ClipRangeValue };
    private static readonly Option<double> LearningRate = new("--learning-rate") { Description = "AdamW's, of the policy.", DefaultValueFactory = _ => Default.LearningRate };
    private static readonly Option<double> ValueLearningRate = new("--value-learning-rate") { Description = "AdamW's, of the value model.", DefaultValueFactory = _ => Default.ValueLearningRate };
    private static readonly Option<string> Schedule = new("--lr-scheduler-type") { Description = "After the warm-up: constant_with_warmup, linear or cosine.", DefaultValueFactory = _ => "constant_with_warmup" };
    private static readonly Option<int> WarmupSteps = new("--warmup-steps") { Description = "Updates over which the learning rates rise.", DefaultValueFactory = _ => 0 };
    private static readonly Option<double> MaxGradNorm = new("--max-grad-norm") { Description = "Gradients are scaled down to this norm; 0 leaves them.", DefaultValueFactory = _ => Default.MaxGradNorm };
    private static readonly Option<int> Seed = new("--seed") { Description = "Of prompts, responses and mini-batches.", DefaultValueFactory = _ => 0 };
    private static readonly Option<int> Threads = new("--threads") { Description = "0 for all cores.", DefaultValueFactory = _ => 0 };

    public static Command Create()
    {
        var command = new Command("ppo", "Trains a policy by proximal policy optimisation against a reward model or a given scorer, with a KL term to the reference (eq. 3).")
        {
            PolicyOption, Reference, Scores.Reward, Scores.Scorer, Prompts, Out, Steps, BatchSize, MiniBatchSize, PpoEpochs, MaxTokens, Beta, TargetKl, Gamma, Lambda,
            ClipRange, ClipRangeValue, LearningRate, ValueLearningRate, Schedule, WarmupSteps, MaxGradNorm, Seed, Threads,
        };
        Schedule.AcceptOnlyFromAmong("constant_with_warmup", "linear", "cosine");
        command.Validators.Add(Scores.NotBoth);
        command.Validators.Add(result =>
        {
            if (result.GetResult(Scores.Reward) is null && result.GetResult(Scores.Scorer) is null)
                result.AddError("Give --reward (a reward model) or --scorer (a table that is taken for the truth).");
        });
        command.Run(Train);
        return command;
    }

    private static void Train(ParseResult arguments, JobConsole console, CancellationToken cancellation)
    {
        var options = OptionsOf(arguments);
        LibTorch.Load(arguments.GetValue(Threads));

        var device = LibTorch.PreferredDevice();
        var start = arguments.GetRequiredValue(PolicyOption).FullName;
        using var policy = PolicyDirectory.Open(start, device);
        using var reference = PolicyDirectory.Open(arguments.GetValue(Reference)?.FullName ?? start, device);
        using var scorer = Scores.Open(arguments, policy, cancellation)!;
        using var value = PolicyDirectory.OpenWithScore(scorer.Model?.Directory ?? start, device);           // as others do: from the reward model where there is one
        var prompts = PromptLine.Read(arguments.GetRequiredValue(Prompts).FullName).Select(prompt => prompt.Encode(policy, options.MaxTokens)).ToList();
        if (prompts.Count == 0)
            throw new UsageException("There is no prompt in the file of --prompts.");

        var directory = arguments.GetRequiredValue(Out).FullName;
        Directory.CreateDirectory(directory);
        using var metrics = new StreamWriter(Path.Combine(directory, "metrics.jsonl"), append: false) { AutoFlush = true, NewLine = "\n" };
        using var trainer = new PpoTrainer(policy, reference.Model, value.Model, prompts, scorer.Score, options);
        console.WithProgress("Training", progress =>
        {
            while (!trainer.IsDone)
            {
                var line = trainer.Next(cancellation);
                metrics.WriteLine(JsonLines.Format(line));
                if (console.Json)
                    console.Result(line, "");
                else
                    console.Log(Describe(line));
                progress((double)trainer.Step / options.MaxSteps);
            }
        });

        PolicyDirectory.Save(policy, directory);
        console.Log($"Saved to {directory}.");
    }

    private static PpoOptions OptionsOf(ParseResult arguments)
    {
        var options = new PpoOptions
        {
            MaxSteps = arguments.GetValue(Steps),
            BatchSize = arguments.GetValue(BatchSize),
            MiniBatchSize = arguments.GetValue(MiniBatchSize),
            NumPpoEpochs = arguments.GetValue(PpoEpochs),
            MaxTokens = arguments.GetValue(MaxTokens),
            Beta = arguments.GetValue(Beta),
            TargetKl = arguments.GetValue(TargetKl),
            Gamma = arguments.GetValue(Gamma),
            Lambda = arguments.GetValue(Lambda),
            ClipRange = arguments.GetValue(ClipRange),
            ClipRangeValue = arguments.GetValue(ClipRangeValue),
            LearningRate = arguments.GetValue(LearningRate),
            ValueLearningRate = arguments.GetValue(ValueLearningRate),
            LrSchedulerType = arguments.GetValue(Schedule) switch
            {
                "linear" => LearningRateSchedule.Linear,
                "cosine" => LearningRateSchedule.Cosine,
                _ => LearningRateSchedule.ConstantWithWarmup,
            },
            WarmupSteps = arguments.GetValue(WarmupSteps),
            MaxGradNorm = arguments.GetValue(MaxGradNorm),
            Seed = arguments.GetValue(Seed),
        };
        return options.Problems() is { Count: > 0 } problems ? throw new UsageException(string.Join("; ", problems) + ".") : options;
    }

    private static string Describe(PpoMetrics line) => string.Create(
        CultureInfo.InvariantCulture,
        $"step {line.Step} of {line.MaxSteps}  score {line.ObjectiveScores:F3}  KL {line.ObjectiveKl:F2}  length {line.MeanLength:F1}  policy loss {line.PolicyLoss:F4}  value loss {line.ValueLoss:F4}  {line.StepSeconds:F1} s");
}

using System.CommandLine;
using System.Globalization;
using Annotator.Model.Checkpoints;
using Annotator.Model.Native;
using Annotator.Model.Preferences;
using Annotator.Model.Training;

namespace Annotator.Model.Commands;

/// <summary>The verb <c>reward</c>: trains a reward model on preferences.</summary>
public static class RewardCommand
{
    private static readonly RewardOptions Default = new();

    private static readonly Option<DirectoryInfo> PolicyOption = new("--policy") { Description = "The language model whose trunk it begins from; usually the SFT policy.", Required = true };
    private static readonly Option<FileSystemInfo> Data = new("--data") { Description = "A round directory, its preferences.jsonl, or a trl dataset (JSONL of prompt, chosen, rejected).", Required = true };
    private static readonly Option<DirectoryInfo> Out = new("--out") { Description = "The directory for the reward model and metrics.jsonl.", Required = true };
    private static readonly Option<double> HeldOutShare = new("--held-out-share") { Description = "Where no line has the split eval: measure on this share of the prompts, and don't train on them.", DefaultValueFactory = _ => 0.1 };
    private static readonly Option<double> Epochs = new("--epochs") { Description = "Passes over the data.", DefaultValueFactory = _ => Default.NumTrainEpochs };
    private static readonly Option<int> Steps = new("--steps") { Description = "Updates; 0 goes by the epochs.", DefaultValueFactory = _ => 0 };
    private static readonly Option<int> BatchSize = new("--batch-size") { Description = "Comparisons an update.", DefaultValueFactory = _ => Default.BatchSize };
    private static readonly Option<int> MicroBatchSize = new("--micro-batch-size") { Description = "Comparisons in memory at once; 0 for the whole batch. Changes neither loss nor gradient.", DefaultValueFactory = _ => 0 };
    private static readonly Option<double> LearningRate = new("--learning-rate") { Description = "AdamW's peak.", DefaultValueFactory = _ => Default.LearningRate };
    private static readonly Option<string> Schedule = new("--lr-scheduler-type") { Description = "After the warm-up: linear, cosine or constant_with_warmup.", DefaultValueFactory = _ => "linear" };
    private static readonly Option<int> WarmupSteps = new("--warmup-steps") { Description = "Updates over which the learning rate rises.", DefaultValueFactory = _ => Default.WarmupSteps };
    private static readonly Option<double> WeightDecay = new("--weight-decay") { Description = "Decoupled.", DefaultValueFactory = _ => 0 };
    private static readonly Option<double> MaxGradNorm = new("--max-grad-norm") { Description = "Gradients are scaled down to this norm; 0 leaves them.", DefaultValueFactory = _ => Default.MaxGradNorm };
    private static readonly Option<string> Rankings = new("--rankings") { Description = "Rankings of more than two: plackett_luce, or pairs (all implied ones).", DefaultValueFactory = _ => "plackett_luce" };
    private static readonly Option<double> LabelSmoothing = new("--label-smoothing") { Description = "The assumed share of flipped labels.", DefaultValueFactory = _ => 0 };
    private static readonly Option<double> Centre = new("--center-rewards-coefficient") { Description = "Weight of (r_w + r_l)², which draws the rewards of each prompt to mean zero.", DefaultValueFactory = _ => Default.CenterRewardsCoefficient };
    private static readonly Option<bool> Weights = new("--weights") { Description = "Weight each comparison by its line's weight." };
    private static readonly Option<int> EvalSteps = new("--eval-steps") { Description = "Updates between measurements on what is held out; 0 for the start and the end only.", DefaultValueFactory = _ => 0 };
    private static readonly Option<int> LoggingSteps = new("--logging-steps") { Description = "Updates between lines of metrics.", DefaultValueFactory = _ => 1 };
    private static readonly Option<int?> MaxLength = new("--max-length") { Description = "Tokens of prompt and completion; the model's context unless given." };
    private static readonly Option<int?> MaxPromptLength = new("--max-prompt-length") { Description = "Tokens of a prompt; half of --max-length unless given." };
    private static readonly Option<string?> Chat = new("--chat-template") { Description = "How chats are written, where the policy's own chat_template is not known here." };
    private static readonly Option<int> Seed = new("--seed") { Description = "Of the order of the data and the choice of what is held out.", DefaultValueFactory = _ => 0 };
    private static readonly Option<int> Threads = new("--threads") { Description = "0 for all cores.", DefaultValueFactory = _ => 0 };

    /// <summary>The last line of --json.</summary>
    private sealed record Summary(
        int Steps, int TrainComparisons, int EvalComparisons, IReadOnlyDictionary<string, int> Dropped, double RewardMean, double? EvalAccuracy, double? EvalExpectedCalibrationError);

    public static Command Create()
    {
        var command = new Command("reward", "Trains a reward model (eq. 2: trunk, scalar head on the last token) on preferences; saved as a Hugging Face sequence classifier.")
        {
            PolicyOption, Data, Out, HeldOutShare, Epochs, Steps, BatchSize, MicroBatchSize, LearningRate, Schedule, WarmupSteps, WeightDecay, MaxGradNorm,
            Rankings, LabelSmoothing, Centre, Weights, EvalSteps, LoggingSteps, MaxLength, MaxPromptLength, Chat, Seed, Threads,
        };
        Schedule.AcceptOnlyFromAmong("linear", "cosine", "constant_with_warmup");
        Rankings.AcceptOnlyFromAmong("plackett_luce", "pairs");
        command.Run(Train);
        return command;
    }

    private static void Train(ParseResult arguments, JobConsole console, CancellationToken cancellation)
    {
        var options = OptionsOf(arguments);
        var share = arguments.GetValue(HeldOutShare);
        if (share is not (>= 0 and < 1))
            throw new UsageException($"--held-out-share must be in [0, 1); it is {share}.");
        LibTorch.Load(arguments.GetValue(Threads));

        using var model = RewardModel.FromPolicy(arguments.GetRequiredValue(PolicyOption).FullName, LibTorch.PreferredDevice());
        var preferences = RoundDirectory.PreferencesOf(arguments.GetRequiredValue(Data).FullName);
        var data = RoundData.Read(preferences, model.AsPolicy, options.AsRound).HoldOut(share, options.Seed);
        console.Log($"{data.Train.Count} comparisons to train on, {data.Eval.Count} to measure on, {data.Dropped.Values.Sum()} left out");
        if (data.Train.Count == 0)
            throw new InvalidDataException($"No comparison is left to train on in {preferences}.");

        var directory = arguments.GetRequiredValue(Out).FullName;
        Directory.CreateDirectory(directory);
        using var metrics = new StreamWriter(Path.Combine(directory, "metrics.jsonl"), append: false) { AutoFlush = true, NewLine = "\n" };
        using var trainer = new RewardTrainer(model, data, options);
        RewardMetrics? line = null;
        console.WithProgress("Training", progress =>
        {
            while (!trainer.IsDone)
            {
                line = trainer.Next(cancellation);
                if (trainer.IsDone || line.EvalLoss is not null || line.Step % arguments.GetValue(LoggingSteps) == 0)
                {
                    metrics.WriteLine(JsonLines.Format(line));
                    if (console.Json)
                        console.Result(line, "");
                    else
                        console.Log(Describe(line));
                }

                progress((double)line.Step / line.MaxSteps);
            }
        });

        model.Save(directory);
        console.Result(
            new Summary(trainer.Step, data.Train.Count, data.Eval.Count, data.Dropped, model.Mean, line!.EvalAccuracy, line.EvalCalibrationError),
            $"{trainer.Step} updates{Describe(line.EvalAccuracy, line.EvalCalibrationError, data.Eval.Count)}. Saved to {directory}.");
    }

    private static RewardOptions OptionsOf(ParseResult arguments)
    {
        var options = new RewardOptions
        {
            NumTrainEpochs = arguments.GetValue(Epochs),
            MaxSteps = arguments.GetValue(Steps),
            BatchSize = arguments.GetValue(BatchSize),
            MicroBatchSize = arguments.GetValue(MicroBatchSize),
            LearningRate = arguments.GetValue(LearningRate),
            LrSchedulerType = arguments.GetValue(Schedule) switch
            {
                "cosine" => LearningRateSchedule.Cosine,
                "constant_with_warmup" => LearningRateSchedule.ConstantWithWarmup,
                _ => LearningRateSchedule.Linear,
            },
            WarmupSteps = arguments.GetValue(WarmupSteps),
            WeightDecay = arguments.GetValue(WeightDecay),
            MaxGradNorm = arguments.GetValue(MaxGradNorm),
            Rankings = arguments.GetValue(Rankings) == "pairs" ? RankingLoss.Pairs : RankingLoss.PlackettLuce,
            LabelSmoothing = arguments.GetValue(LabelSmoothing),
            CenterRewardsCoefficient = arguments.GetValue(Centre),
            Weights = arguments.GetValue(Weights),
            EvalSteps = arguments.GetValue(EvalSteps),
            Seed = arguments.GetValue(Seed),
            MaxLength = arguments.GetValue(MaxLength),
            MaxPromptLength = arguments.GetValue(MaxPromptLength),
            ChatTemplate = arguments.GetValue(Chat),
        };
        if (arguments.GetValue(LoggingSteps) < 1)
            throw new UsageException($"--logging-steps must be at least 1; it is {arguments.GetValue(LoggingSteps)}.");
        return options.Problems() is { Count: > 0 } problems ? throw new UsageException(string.Join("; ", problems) + ".") : options;
    }

    private static string Describe(RewardMetrics line) => string.Create(
        CultureInfo.InvariantCulture,
        $"step {line.Step} of {line.MaxSteps}  loss {line.Loss:F4}  accuracy {line.Accuracy:P0}  margin {line.Margin:F3}")
        + (line.EvalLoss is { } loss ? string.Create(CultureInfo.InvariantCulture, $"  eval loss {loss:F4}  eval accuracy {line.EvalAccuracy:P1}  calibration error {line.EvalCalibrationError:F3}") : "");

    private static string Describe(double? accuracy, double? calibration, int count) => accuracy is null ? "" : string.Create(
        CultureInfo.InvariantCulture, $"; held-out accuracy {accuracy:P1}, expected calibration error {calibration:F3} on {count} comparisons");
}

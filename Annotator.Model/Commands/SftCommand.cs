using System.CommandLine;
using System.Globalization;
using Annotator.Model.Checkpoints;
using Annotator.Model.Native;
using Annotator.Model.Preferences;
using Annotator.Model.Tokenization;
using Annotator.Model.Training;
using TorchSharp;

namespace Annotator.Model.Commands;

/// <summary>The verb <c>sft</c>: fine-tunes a policy, or trains one from scratch.</summary>
public static class SftCommand
{
    private static readonly Option<FileInfo[]> Data = new("--data") { Description = "JSONL files (also .gz) of {\"text\"}, {\"prompt\",\"completion\"}, {\"messages\"}, or {\"prompt\",\"chosen\"}: a trl dataset, for Preferred-FT.", Required = true, AllowMultipleArgumentsPerToken = true };
    private static readonly Option<DirectoryInfo> Out = new("--out") { Description = "The directory for the policy, metrics.jsonl and checkpoint/.", Required = true };
    private static readonly Option<DirectoryInfo?> PolicyOption = new("--policy") { Description = "The policy to start from." };
    private static readonly Option<FileInfo?> Config = new("--config") { Description = "A Hugging Face config.json to train from scratch." };
    private static readonly Option<DirectoryInfo?> Tokenizer = new("--tokenizer") { Description = "With --config: where tokenizer.json, or vocab.json and merges.txt, are; by default beside the config." };
    private static readonly Option<string?> Chat = new("--chat-template") { Description = "How {\"messages\"} are written, where the policy's own chat_template is not known here." };
    private static readonly Option<FileInfo[]> HeldOut = new("--held-out") { Description = "Files to evaluate on, never trained on.", AllowMultipleArgumentsPerToken = true };
    private static readonly Option<int> HeldOutLimit = new("--held-out-limit") { Description = "Lines of each held-out file to use, from its start; 0 for all.", DefaultValueFactory = _ => 400 };
    private static readonly Option<double?> Epochs = new("--epochs") { Description = "Passes over the data (1 if no limit is given)." };
    private static readonly Option<long?> Steps = new("--steps") { Description = "Updates." };
    private static readonly Option<long?> MaxTokens = new("--max-tokens-trained") { Description = "Tokens whose loss is trained on." };
    private static readonly Option<double?> TimeLimit = new("--time-limit") { Description = "Minutes to train; the learning rate then follows the clock." };
    private static readonly Option<int> BatchSize = new("--batch-size") { Description = "Windows or examples an update.", DefaultValueFactory = _ => 32 };
    private static readonly Option<int> Window = new("--window") { Description = "Tokens of a window of packed text, and most of an example; 0 for the model's context.", DefaultValueFactory = _ => 0 };
    private static readonly Option<SftOptimizerName> OptimizerOption = new("--optimizer") { Description = "adamw, or muon on the blocks' matrices with adamw beside it.", DefaultValueFactory = _ => SftOptimizerName.Adamw };
    private static readonly Option<double?> LearningRateOption = new("--learning-rate") { Description = "Peak; by default 0.02 for muon, else 2e-3 from scratch and 2e-4 from a policy." };
    private static readonly Option<double> AdamwLearningRate = new("--adamw-learning-rate") { Description = "Peak of adamw beside muon.", DefaultValueFactory = _ => 2e-3 };
    private static readonly Option<string> Schedule = new("--lr-scheduler-type") { Description = "After the warm-up: cosine, linear, constant_with_warmup or wsd (stable, then decay).", DefaultValueFactory = _ => "cosine" };
    private static readonly Option<int> WarmupSteps = new("--warmup-steps") { Description = "Updates over which the learning rate rises.", DefaultValueFactory = _ => 100 };
    private static readonly Option<double> DecayRatio = new("--decay-ratio") { Description = "Of wsd: the last part of the run, in which it decays.", DefaultValueFactory = _ => 0.2 };
    private static readonly Option<double> LeastRateRatio = new("--least-rate-ratio") { Description = "The learning rate at the end, as a part of the peak.", DefaultValueFactory = _ => 0.05 };
    private static readonly Option<double> WeightDecay = new("--weight-decay") { Description = "Decoupled, on matrices.", DefaultValueFactory = _ => 0.1 };
    private static readonly Option<double> MaxGradNorm = new("--max-grad-norm") { Description = "Gradients are scaled down to this norm; 0 leaves them.", DefaultValueFactory = _ => 1 };
    private static readonly Option<double> Dropout = new("--dropout") { Description = "While training.", DefaultValueFactory = _ => 0 };
    private static readonly Option<int> Seed = new("--seed") { Description = "Of the order of the data, dropout and starting weights.", DefaultValueFactory = _ => 0 };
    private static readonly Option<int> LoggingSteps = new("--logging-steps") { Description = "Updates between lines of metrics.", DefaultValueFactory = _ => 50 };
    private static readonly Option<int> EvalSteps = new("--eval-steps") { Description = "Updates between evaluations; 0 for the start and the end only.", DefaultValueFactory = _ => 500 };
    private static readonly Option<int> CheckpointSteps = new("--checkpoint-steps") { Description = "Updates between checkpoints; 0 for none.", DefaultValueFactory = _ => 500 };
    private static readonly Option<bool> Resume = new("--resume") { Description = "Go on from the checkpoint in --out." };
    private static readonly Option<torch.ScalarType> Dtype = new("--dtype") { Description = "Of the saved weights: float32, float16 or bfloat16.", DefaultValueFactory = _ => torch.ScalarType.Float32 };
    private static readonly Option<int> Threads = new("--threads") { Description = "0 for all cores.", DefaultValueFactory = _ => 0 };

    public static Command Create()
    {
        var command = new Command("sft", "Fine-tunes a policy on texts or on prompts with completions, or trains one from scratch.")
        {
            Data, Out, PolicyOption, Config, Tokenizer, Chat, HeldOut, HeldOutLimit, Epochs, Steps, MaxTokens, TimeLimit, BatchSize, Window,
            OptimizerOption, LearningRateOption, AdamwLearningRate, Schedule, WarmupSteps, DecayRatio, LeastRateRatio, WeightDecay,
            MaxGradNorm, Dropout, Seed, LoggingSteps, EvalSteps, CheckpointSteps, Resume, Dtype, Threads,
        };
        Schedule.AcceptOnlyFromAmong("cosine", "linear", "constant_with_warmup", "wsd");
        Chat.AcceptOnlyFromAmong([.. ChatTemplate.Names]);
        Dtype.AcceptOnlyFromAmong("float32", "float16", "bfloat16");
        command.Validators.Add(result =>
        {
            if (result.GetResult(PolicyOption) is null == result.GetResult(Config) is null)
            {
                result.AddError("Give either --policy (to fine-tune) or --config (to train from scratch).");
            }
        });
        command.Run(Train);
        return command;
    }

    private static void Train(ParseResult arguments, JobConsole console, CancellationToken cancellation)
    {
        var options = OptionsOf(arguments);
        var run = new SftRun(arguments.GetRequiredValue(Out).FullName);
        LibTorch.Load(arguments.GetValue(Threads));

        using var policy = OpenPolicy(arguments, run, options);
        var window = options.Window == 0 ? policy.Model.ContextLength : Math.Min(options.Window, policy.Model.ContextLength);
        var chat = arguments.GetValue(Chat) is { } named ? ChatTemplate.Named(named) : ChatTemplate.Of(policy.Directory);
        var data = Tokenise(arguments.GetRequiredValue(Data), policy, chat, window, options.Seed, 0, cancellation);
        var heldOut = Tokenise(arguments.GetValue(HeldOut) ?? [], policy, chat, Math.Min(SftRun.HeldOutWindow, policy.Model.ContextLength), null, arguments.GetValue(HeldOutLimit), cancellation);
        console.Log($"{data.Targets:N0} tokens in {data.Count:N0} examples to train on, {heldOut.Targets:N0} held out; {policy.Model.Parameters.Values.Sum(parameter => parameter.numel()):N0} parameters.");
        if (data.Count == 0)
        {
            throw new UsageException("There is nothing to train on in the files of --data.");
        }

        if (data.Cut > 0)
        {
            console.Log($"{data.Cut:N0} examples were longer than {window} tokens and lost their end.");
        }

        using var trainer = new SftTrainer(policy, data, heldOut, options);
        if (arguments.GetValue(Resume))
        {
            run.Resume(trainer, data, options);
        }
        else
        {
            run.Begin();
        }

        console.WithProgress("Training", progress => trainer.Train(
            metrics =>
            {
                run.Append(metrics);
                if (console.Json)
                {
                    console.Result(metrics, "");
                }
                else
                {
                    console.Log(Describe(metrics));
                }

                progress(trainer.Fraction);
            },
            () => run.WriteCheckpoint(policy, trainer, data, options),
            cancellation));

        PolicyDirectory.Save(policy, run.Directory, arguments.GetValue(Dtype));
        run.RemoveCheckpoint();
        console.Log($"Saved to {run.Directory}.");
    }

    private static SftOptions OptionsOf(ParseResult arguments)
    {
        var optimizer = arguments.GetValue(OptimizerOption);
        var limited = arguments.GetValue(Steps) is not null || arguments.GetValue(MaxTokens) is not null || arguments.GetValue(TimeLimit) is not null;
        var options = new SftOptions
        {
            Epochs = arguments.GetValue(Epochs) ?? (limited ? null : 1),
            Steps = arguments.GetValue(Steps),
            MaxTokens = arguments.GetValue(MaxTokens),
            TimeLimit = arguments.GetValue(TimeLimit) is { } minutes ? TimeSpan.FromMinutes(minutes) : null,
            BatchSize = arguments.GetValue(BatchSize),
            Window = arguments.GetValue(Window),
            Optimizer = optimizer,
            LearningRate = arguments.GetValue(LearningRateOption)
                ?? (optimizer == SftOptimizerName.Muon ? 0.02 : arguments.GetValue(Config) is null ? 2e-4 : 2e-3),
            AdamwLearningRate = arguments.GetValue(AdamwLearningRate),
            Schedule = arguments.GetValue(Schedule) switch
            {
                "linear" => SftSchedule.Linear,
                "constant_with_warmup" => SftSchedule.ConstantWithWarmup,
                "wsd" => SftSchedule.Wsd,
                _ => SftSchedule.Cosine,
            },
            WarmupSteps = arguments.GetValue(WarmupSteps),
            DecayRatio = arguments.GetValue(DecayRatio),
            LeastRateRatio = arguments.GetValue(LeastRateRatio),
            WeightDecay = arguments.GetValue(WeightDecay),
            MaxGradNorm = arguments.GetValue(MaxGradNorm),
            Dropout = arguments.GetValue(Dropout),
            Seed = arguments.GetValue(Seed),
            LoggingSteps = arguments.GetValue(LoggingSteps),
            EvalSteps = arguments.GetValue(EvalSteps),
            CheckpointSteps = arguments.GetValue(CheckpointSteps),
        };
        return options.Problem() is { } problem ? throw new UsageException(problem + ".") : options;
    }

    private static Policy OpenPolicy(ParseResult arguments, SftRun run, SftOptions options)
    {
        var device = LibTorch.PreferredDevice();
        if (arguments.GetValue(Resume))
        {
            return PolicyDirectory.Open(run.RequireCheckpoint(), device);
        }

        return arguments.GetValue(Config) is { } config
            ? PolicyDirectory.Initialise(config.FullName, arguments.GetValue(Tokenizer)?.FullName ?? config.DirectoryName!, options.Seed, device)
            : PolicyDirectory.Open(arguments.GetValue(PolicyOption)!.FullName, device);
    }

    private static TokenExamples Tokenise(FileInfo[] files, Policy policy, ChatTemplate? chat, int window, int? seed, int limit, CancellationToken cancellation)
    {
        var lines = files.SelectMany(file => limit > 0 ? TrainingText.Read(file.FullName).Take(limit) : TrainingText.Read(file.FullName));
        return TokenExamples.From(lines, policy.RequireTokenizer(), window, seed, chat, cancellation);
    }

    private static string Describe(SftMetrics metrics) => metrics.EvalLoss is null
        ? string.Create(CultureInfo.InvariantCulture, $"step {metrics.Step}  epoch {metrics.Epoch:F2}  tokens {metrics.NumTokens:N0}  loss {metrics.Loss:F4}  grad norm {metrics.GradNorm:F2}  learning rate {metrics.LearningRate:E2}  {metrics.TokensPerSecond:F0} tokens/s")
        : string.Create(CultureInfo.InvariantCulture, $"step {metrics.Step}  held-out loss {metrics.EvalLoss:F4} nats/token  {metrics.EvalBitsPerByte:F4} bits/byte");
}

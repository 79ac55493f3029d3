using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using Annotator.Model.Checkpoints;
using Annotator.Model.Evaluation;
using Annotator.Model.Native;
using Annotator.Model.Preferences;
using Annotator.Model.Training;

namespace Annotator.Model.Commands;

/// <summary>The verb <c>evaluate</c>: a policy against its reference, on held-out preferences and on fresh samples.</summary>
public static class EvaluateCommand
{
    private static readonly Option<DirectoryInfo> PolicyOption = new("--policy") { Description = "The policy to measure.", Required = true };
    private static readonly Option<DirectoryInfo> Reference = new("--reference") { Description = "πref; usually the SFT policy.", Required = true };
    private static readonly Option<FileSystemInfo?> Data = new("--data") { Description = "Preferences to measure loss and accuracy on: a round directory, its preferences.jsonl or a trl dataset. Lines of the split eval where there are some, else all." };
    private static readonly Option<double> Beta = new("--beta") { Description = "β of loss and rewards.", DefaultValueFactory = _ => 0.1 };
    private static readonly Option<FileInfo?> Prompts = new("--prompts") { Description = "JSONL of {\"prompt\"}, {\"text\"} or {\"prompt_ids\"}: measure KL, length and variety of fresh samples." };
    private static readonly Option<int> N = new("--n") { Description = "Samples for each prompt, at temperature 1.", DefaultValueFactory = _ => 4 };
    private static readonly Option<int> MaxTokens = new("--max-tokens") { Description = "Most tokens of a sample.", DefaultValueFactory = _ => 64 };
    private static readonly ScorerOptions Scores = new("What scores the samples");
    private static readonly Option<int> Seed = new("--seed") { Description = "Of the samples.", DefaultValueFactory = _ => 1 };
    private static readonly Option<int> Threads = new("--threads") { Description = "0 for all cores.", DefaultValueFactory = _ => 0 };

    public static Command Create()
    {
        var command = new Command("evaluate", "Measures a policy against its reference: held-out loss and accuracy (--data), KL, length and variety of fresh samples (--prompts).")
        {
            PolicyOption, Reference, Data, Beta, Prompts, N, MaxTokens, Scores.Reward, Scores.Scorer, Seed, Threads,
        };
        command.Validators.Add(Scores.NotBoth);
        command.Validators.Add(result =>
        {
            if (result.GetResult(Data) is null && result.GetResult(Prompts) is null)
                result.AddError("Give --data (preferences), --prompts (to sample from), or both.");
        });
        command.Run(Evaluate);
        return command;
    }

    private static void Evaluate(ParseResult arguments, JobConsole console, CancellationToken cancellation)
    {
        var options = RoundOptions.AppDefaults("-", "-") with { Beta = arguments.GetValue(Beta) };
        if (options.Problems() is { Count: > 0 } problems)
            throw new UsageException(string.Join("; ", problems.Select(FormattableString.Invariant)) + ".");
        if (arguments.GetValue(N) < 1)
            throw new UsageException($"--n must be at least 1; it is {arguments.GetValue(N)}.");
        LibTorch.Load(arguments.GetValue(Threads));

        var device = LibTorch.PreferredDevice();
        using var policy = PolicyDirectory.Open(arguments.GetRequiredValue(PolicyOption).FullName, device);
        using var reference = PolicyDirectory.Open(arguments.GetRequiredValue(Reference).FullName, device);
        if (reference.Model.VocabularySize != policy.Model.VocabularySize)
            throw new InvalidDataException($"The reference {reference.Directory} has a vocabulary of {reference.Model.VocabularySize} tokens, the policy one of {policy.Model.VocabularySize}: they must be of one family.");

        var measured = new JsonObject();
        if (arguments.GetValue(Data) is { } data)
            Add(measured, OnPreferences(data, policy, reference, options, cancellation));
        if (arguments.GetValue(Prompts) is { } prompts)
        {
            using var scorer = Scores.Open(arguments, policy, cancellation);
            var maxTokens = arguments.GetValue(MaxTokens);
            var ids = PromptLine.Read(prompts.FullName).Select(prompt => prompt.Encode(policy, maxTokens)).ToList();
            if (ids.Count == 0)
                throw new UsageException("There is no prompt in the file of --prompts.");
            Add(measured, PolicyEvaluation.Sample(policy, reference.Model, ids, arguments.GetValue(N), maxTokens, arguments.GetValue(Seed), scorer?.Score, cancellation));
        }

        console.Result(measured, Table(measured));
    }

    private static JsonObject OnPreferences(FileSystemInfo file, Policy policy, Policy reference, RoundOptions options, CancellationToken cancellation)
    {
        var path = RoundDirectory.PreferencesOf(file.FullName);
        var data = RoundData.Read(path, policy, options);
        var comparisons = data.Eval.Count > 0 ? data.Eval : data.Train;
        if (comparisons.Count == 0)
            throw new InvalidDataException($"There is no comparison to measure on in {path}.");
        var measures = PolicyEvaluation.Preferences(policy.Model, reference.Model, comparisons, options, cancellation);
        return new()
        {
            ["eval_comparisons"] = comparisons.Count,
            ["eval_dropped"] = data.Dropped.Values.Sum(),
            ["eval_loss"] = measures.Loss,
            ["eval_rewards/accuracies"] = measures.RewardsAccuracies,
            ["eval_rewards/margins"] = measures.RewardsMargins,
            ["eval_rewards/chosen"] = measures.RewardsChosen,
            ["eval_rewards/rejected"] = measures.RewardsRejected,
            ["eval_logps/chosen"] = measures.LogpsChosen,
            ["eval_logps/rejected"] = measures.LogpsRejected,
        };
    }

    private static void Add<T>(JsonObject measured, T more)
    {
        foreach (var (name, value) in JsonNode.Parse(JsonLines.Format(more))!.AsObject())
            measured[name] = value?.DeepClone();
    }

    private static string Table(JsonObject measured)
    {
        var width = measured.Max(one => one.Key.Length);
        return string.Join('\n', measured.Select(one => string.Create(CultureInfo.InvariantCulture, $"{one.Key.PadRight(width)}  {one.Value!.GetValue<double>():0.####}")));
    }
}

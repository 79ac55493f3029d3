using System.CommandLine;
using System.Globalization;
using Annotator.Model.Checkpoints;
using Annotator.Model.Native;
using Annotator.Model.Preferences;
using Annotator.Model.Sampling;
using Annotator.Model.Training;

namespace Annotator.Model.Commands;

/// <summary>The verb <c>sample</c>: responses of a policy to one prompt, or to each of a file.</summary>
public static class SampleCommand
{
    private static readonly Option<DirectoryInfo> PolicyOption = new("--policy") { Description = "The policy's directory.", Required = true };
    private static readonly Option<string?> Prompt = new("--prompt") { Description = "A text to continue." };
    private static readonly Option<string?> PromptIds = new("--prompt-ids") { Description = "Token ids to continue, divided by commas." };
    private static readonly Option<FileInfo?> Input = new("--input") { Description = "JSONL of {\"prompt\":\"…\"}, {\"text\":\"…\"} or {\"prompt_ids\":[…]}; each result then names its prompt_index, from 0." };
    private static readonly Option<int> N = new("--n") { Description = "Responses for each prompt.", DefaultValueFactory = _ => 4 };
    private static readonly Option<int> BestOf = new("--best-of") { Description = "Sample this many for each response and give the one that --reward or --scorer likes best: ln N − (N−1)/N nats of KL away from the policy, at N times the cost.", DefaultValueFactory = _ => 1 };
    private static readonly ScorerOptions Scores = new("With --best-of, who chooses");
    private static readonly Option<int> MaxTokens = new("--max-tokens") { Description = "Most tokens of a response.", DefaultValueFactory = _ => 64 };
    private static readonly Option<double> Temperature = new("--temperature") { Description = "0 takes the most probable token each time.", DefaultValueFactory = _ => 1 };
    private static readonly Option<int> TopK = new("--top-k") { Description = "Keep this many most probable tokens; 0 for all.", DefaultValueFactory = _ => 0 };
    private static readonly Option<double> TopP = new("--top-p") { Description = "Keep the most probable tokens up to this mass.", DefaultValueFactory = _ => 1 };
    private static readonly Option<double> MinP = new("--min-p") { Description = "Keep tokens at least this many times as probable as the most probable one.", DefaultValueFactory = _ => 0 };
    private static readonly Option<double> RepetitionPenalty = new("--repetition-penalty") { Description = "Above 1 makes tokens that prompt and response hold already less probable.", DefaultValueFactory = _ => 1 };
    private static readonly Option<long> Seed = new("--seed") { Description = "The same seed gives the same responses.", DefaultValueFactory = _ => 1 };
    private static readonly Option<string[]> Stop = new("--stop") { Description = "End a response before this text; may be given several times." };
    private static readonly Option<int> Threads = new("--threads") { Description = "0 for all cores.", DefaultValueFactory = _ => 0 };

    public static Command Create()
    {
        var command = new Command("sample", "Samples responses from a policy.")
        {
            PolicyOption, Prompt, PromptIds, Input, N, BestOf, Scores.Reward, Scores.Scorer, MaxTokens, Temperature, TopK, TopP, MinP, RepetitionPenalty, Seed, Stop, Threads,
        };
        command.Validators.Add(Scores.NotBoth);
        command.Validators.Add(result =>
        {
            if (new Option[] { Prompt, PromptIds, Input }.Count(option => result.GetResult(option) is not null) != 1)
                result.AddError("Give one of --prompt, --prompt-ids and --input.");
        });
        command.Run(Sample);
        return command;
    }

    private static void Sample(ParseResult arguments, JobConsole console, CancellationToken cancellation)
    {
        var options = new SamplingOptions
        {
            MaxTokens = arguments.GetValue(MaxTokens),
            Temperature = arguments.GetValue(Temperature),
            TopK = arguments.GetValue(TopK),
            TopP = arguments.GetValue(TopP),
            MinP = arguments.GetValue(MinP),
            RepetitionPenalty = arguments.GetValue(RepetitionPenalty),
            Seed = arguments.GetValue(Seed),
            Stop = arguments.GetValue(Stop) ?? [],
        };
        if (options.Fault() is { } fault)
            throw new UsageException($"--{fault.Name.Replace('_', '-')}: {fault.Message}");
        var n = arguments.GetValue(N);
        if (n < 1)
            throw new UsageException($"--n must be at least 1; it is {n}.");
        var bestOf = arguments.GetValue(BestOf);
        if (bestOf < 1)
            throw new UsageException($"--best-of must be at least 1; it is {bestOf}.");
        if (bestOf > 1 != (arguments.GetValue(Scores.Reward) is not null || arguments.GetValue(Scores.Scorer) is not null))
            throw new UsageException("--best-of (above 1) goes with --reward or --scorer, which say what is best.");
        var prompts = Prompts(arguments);

        LibTorch.Load(arguments.GetValue(Threads));
        using var policy = PolicyDirectory.OpenForSampling(arguments.GetRequiredValue(PolicyOption).FullName, LibTorch.PreferredDevice());
        if (options.Stop.Count > 0)
            policy.RequireTokenizer();
        var ids = prompts.Select(prompt => prompt.Encode(policy, options.MaxTokens)).ToList();

        var fromFile = arguments.GetValue(Input) is not null;
        try
        {
            foreach (var (response, score) in Responses(arguments, policy, ids, n, options, cancellation))
                Write(console, response, score, n, fromFile ? prompts.Count : null);
        }
        catch (NotFiniteNumberException e)
        {
            throw new PolicyException($"The policy {policy.Directory} can't be sampled from. {e.Message}", e);
        }
    }

    private static IEnumerable<(SampledResponse Response, double? Score)> Responses(
        ParseResult arguments, Policy policy, List<IReadOnlyList<int>> prompts, int n, SamplingOptions options, CancellationToken cancellation)
    {
        using var scorer = Scores.Open(arguments, policy, cancellation);
        if (scorer is null)
        {
            foreach (var response in Sampler.Sample(policy, prompts, n, options, cancellation))
                yield return (response, null);
            yield break;
        }

        foreach (var best in BestOfN.Sample(policy, prompts, n, arguments.GetValue(BestOf), options, scorer.Score, cancellation))
            yield return (best.Response, best.Score);
    }

    private static IReadOnlyList<PromptLine> Prompts(ParseResult arguments)
    {
        if (arguments.GetValue(Input) is { } file)
            return PromptLine.Read(file.FullName);
        if (arguments.GetValue(Prompt) is { } text)
            return [new PromptLine { Prompt = text }];
        var ids = arguments.GetValue(PromptIds)!.Split(',', StringSplitOptions.TrimEntries);
        return
        [
            new PromptLine
            {
                PromptIds = [.. ids.Select(id => int.TryParse(id, CultureInfo.InvariantCulture, out var parsed)
                    ? parsed
                    : throw new UsageException($"--prompt-ids needs token ids divided by commas; \"{id}\" is none."))],
            },
        ];
    }

    private static void Write(JobConsole console, SampledResponse response, double? score, int n, int? prompts)
    {
        var line = new ResponseLine(
            prompts is null ? null : response.PromptIndex, response.Index, response.Text, response.TokenIds, response.FinishReason, response.LogProbability, score);
        var which = prompts is null ? "" : $"prompt {response.PromptIndex + 1} of {prompts}, ";
        console.Result(line, string.Create(CultureInfo.InvariantCulture,
            $"--- {which}response {response.Index + 1} of {n} ({response.FinishReason}, {response.TokenIds.Count} tokens, log p {response.LogProbability:F2}{(score is { } reward ? $", score {reward:F2}" : "")})\n{(response.Text.Length > 0 ? response.Text : string.Join(',', response.TokenIds))}\n"));
    }

    /// <summary>What --json writes.</summary>
    private sealed record ResponseLine(
        int? PromptIndex, int Index, string Text, IReadOnlyList<int> TokenIds, string FinishReason, double Logprob, double? Score);
}

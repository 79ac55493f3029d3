using System.CommandLine;
using System.Globalization;
using Annotator.Model.Checkpoints;
using Annotator.Model.Native;
using Annotator.Model.Preferences;
using Annotator.Model.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace Annotator.Model.Commands;

/// <summary>The verb <c>logprobs</c>: how probable a policy finds given completions, token by token.</summary>
public static class LogprobsCommand
{
    /// <summary>A line in: token ids, or text.</summary>
    private sealed record Input : ICheckedLine
    {
        public IReadOnlyList<int>? PromptIds { get; init; }

        public IReadOnlyList<int>? CompletionIds { get; init; }

        public string? Prompt { get; init; }

        public string? Completion { get; init; }

        /// <summary>Of text: the end-of-text token is scored too.</summary>
        public bool AppendEos { get; init; }

        public string? Problem() => (PromptIds, CompletionIds, Prompt, Completion) switch
        {
            (not null, not null, null, null) when AppendEos => "\"append_eos\" goes with text; with ids the end token is among them.",
            (not null, not null, null, null) or (null, null, not null, not null) => null,
            _ => "it must have \"prompt_ids\" and \"completion_ids\", or \"prompt\" and \"completion\".",
        };
    }

    /// <summary>A line out, in nats; completion tokens only.</summary>
    private sealed record Output(IReadOnlyList<double> TokenLogprobs, double CompletionLogprob, int NumTokens);

    private static readonly Option<DirectoryInfo> PolicyOption = new("--policy") { Description = "A Hugging Face directory.", Required = true };
    private static readonly Option<FileInfo> InputOption = new("--input") { Description = "JSONL of {\"prompt_ids\",\"completion_ids\"} or {\"prompt\",\"completion\",\"append_eos\"}.", Required = true };
    private static readonly Option<int> BatchSize = new("--batch-size") { Description = "Lines scored at once.", DefaultValueFactory = _ => 8 };

    public static Command Create()
    {
        var command = new Command("logprobs", "Log-probabilities of completions under a policy, a line out for each line in.") { PolicyOption, InputOption, BatchSize };
        BatchSize.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int>() < 1)
            {
                result.AddError("--batch-size must be at least 1.");
            }
        });
        command.Run(Score);
        return command;
    }

    private static void Score(ParseResult arguments, JobConsole console, CancellationToken cancellation)
    {
        var input = arguments.GetRequiredValue(InputOption).FullName;
        LibTorch.Load();
        using var policy = PolicyDirectory.Open(arguments.GetRequiredValue(PolicyOption).FullName, LibTorch.PreferredDevice());
        using var _ = no_grad();
        foreach (var batch in JsonLines.Read<Input>(input).Index().Chunk(arguments.GetValue(BatchSize)))
        {
            cancellation.ThrowIfCancellationRequested();
            using var scope = NewDisposeScope();
            var scored = SequenceLogProbability.Of(policy.Model, [.. batch.Select(line => SequenceOf(line.Item, line.Index, input, policy))]);
            var tokens = scored.Tokens.to(ScalarType.Float64).cpu().data<double>().ToArray();
            if (!tokens.All(double.IsFinite))
            {
                throw new PolicyException($"The log-probabilities of the policy {policy.Directory} are not finite numbers (NaN or infinity): its weights are damaged or its training diverged.");
            }

            var at = 0;
            foreach (var length in scored.Lengths)
            {
                var ofLine = tokens[at..(at + length)];
                at += length;
                console.Result(
                    new Output(ofLine, ofLine.Sum(), length),
                    string.Create(CultureInfo.InvariantCulture, $"{ofLine.Sum():F4} nats over {length} tokens"));
            }
        }
    }

    private static TokenSequence SequenceOf(Input line, int index, string file, Policy policy)
    {
        var sequence = line.PromptIds is not null
            ? new TokenSequence(line.PromptIds, line.CompletionIds!)
            : new TokenSequence(policy.RequireTokenizer().EncodePrompt(line.Prompt), [.. policy.RequireTokenizer().EncodeContinuation(line.Completion), .. EndOf(line, policy)]);
        return sequence.Problem(policy.Model) is { } problem
            ? throw new InvalidDataException($"{file}, entry {index + 1}: {problem}")
            : sequence;
    }

    private static IEnumerable<int> EndOf(Input line, Policy policy) => !line.AppendEos ? []
        : [policy.EndOfTextId ?? throw new PolicyException($"The policy {policy.Directory} names no end-of-text token, which \"append_eos\" asks for.")];
}

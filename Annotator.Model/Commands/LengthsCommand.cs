using System.CommandLine;
using Annotator.Model.Checkpoints;
using Annotator.Model.Native;
using Annotator.Model.Preferences;
using Annotator.Model.Tokenization;
using Annotator.Model.Training;

namespace Annotator.Model.Commands;

/// <summary>The verb <c>lengths</c>: how many tokens prompts and completions are to a policy, and whether a round would take them whole.</summary>
public static class LengthsCommand
{
    /// <summary>A line in: of <c>preferences.jsonl</c>, whatever else it has; or a prompt alone.</summary>
    private sealed record Input
    {
        public required TextOrMessages Prompt { get; init; }

        public IReadOnlyList<PreferenceCompletion> Completions { get; init; } = [];
    }

    /// <summary>A line out.</summary>
    /// <param name="PromptTokens">The prompt as the policy is given it.</param>
    /// <param name="LongestTokens">The prompt with the longest completion and its end token.</param>
    /// <param name="Fits">By the limits of a round that names none: the prompt half the context at most, all of it the context.</param>
    private sealed record Output(int PromptTokens, int LongestTokens, bool Fits);

    private static readonly Option<DirectoryInfo> PolicyOption = new("--policy") { Description = "A Hugging Face directory.", Required = true };
    private static readonly Option<FileInfo> InputOption = new("--input") { Description = "JSONL of {\"prompt\",\"completions\":[{\"text\"}]}.", Required = true };

    private static readonly Option<bool> EndWithParent = new(ParentPipe.OptionName) { Description = ParentPipe.OptionDescription };

    public static Command Create()
    {
        var command = new Command("lengths", "Tokens of prompts and completions to a policy, a line out for each line in.") { PolicyOption, InputOption, EndWithParent };
        command.Run(Measure);
        return command;
    }

    private static void Measure(ParseResult arguments, JobConsole console, CancellationToken cancellation)
    {
        var parentGone = arguments.GetValue(EndWithParent) ? ParentPipe.WatchStandardInput() : CancellationToken.None;
        LibTorch.Load();
        using var policy = PolicyDirectory.Open(arguments.GetRequiredValue(PolicyOption).FullName);
        var (tokenizer, limits) = (policy.RequireTokenizer(), TokenLimits.Of(RoundOptions.AppDefaults("", ""), policy.Model.ContextLength));
        // As the desk would ask: a policy that names no template is spoken to plainly.
        var chat = new Lazy<ChatTemplate>(() => policy.ChatTemplate ?? ChatTemplate.Plain);
        foreach (var line in JsonLines.Read<Input>(arguments.GetRequiredValue(InputOption).FullName))
        {
            cancellation.ThrowIfCancellationRequested();
            parentGone.ThrowIfCancellationRequested();
            var prompt = line.Prompt.Text is { } text ? tokenizer.EncodePrompt(text).Count : chat.Value.Prompt(line.Prompt.Messages!, tokenizer).TokenIds.Count;
            var longest = prompt + line.Completions.Select(completion => line.Prompt.Text is not null
                ? tokenizer.EncodeContinuation(completion.Text).Count + 1
                : chat.Value.Answer(completion.Text, tokenizer).Count).DefaultIfEmpty().Max();
            var output = new Output(prompt, longest, prompt <= limits.Prompt && longest <= limits.Whole);
            console.Result(output, $"{output.PromptTokens} + {output.LongestTokens - output.PromptTokens} tokens{(output.Fits ? "" : ", too long")}");
        }
    }
}

using Annotator.Model.Checkpoints;
using Annotator.Model.Preferences;
using Annotator.Model.Sampling;

namespace Annotator.Model.Commands;

/// <summary>A prompt of a JSONL file: <c>{"prompt"}</c> or <c>{"text"}</c>, to be tokenised, or <c>{"prompt_ids"}</c>.</summary>
internal sealed record PromptLine : ICheckedLine
{
    public string? Prompt { get; init; }

    public string? Text { get; init; }

    public IReadOnlyList<int>? PromptIds { get; init; }

    public string? Problem() => new object?[] { Prompt, Text, PromptIds }.Count(given => given is not null) == 1
        ? null
        : "a prompt line needs either \"prompt\", \"text\" or \"prompt_ids\".";

    /// <summary>Where it stands, for the sentence about its fault.</summary>
    private string Place { get; init; } = "";

    /// <summary>Reads a file.</summary>
    /// <exception cref="JsonLineException">A line is no prompt.</exception>
    public static IReadOnlyList<PromptLine> Read(string path) =>
        [.. JsonLines.Read<PromptLine>(path).Select((line, index) => line with { Place = $"prompt {index} of {Path.GetFileName(path)}: " })];

    /// <summary>Its token ids.</summary>
    /// <exception cref="InvalidDataException">The policy can't continue it.</exception>
    public IReadOnlyList<int> Encode(Policy policy, int maxTokens)
    {
        var ids = PromptIds ?? policy.RequireTokenizer().EncodePrompt(Prompt ?? Text);
        return Sampler.FaultOf(ids, policy, maxTokens) is { } fault ? throw new InvalidDataException(Place + fault.Message) : ids;
    }
}

using Annotator.Model.Preferences;
using Annotator.Model.Preferences.Datasets;
using Annotator.Web.Data;

namespace Annotator.Web.Studies;

/// <summary>One prompt of a starter file.</summary>
public sealed record PromptLine(string Text, PromptSplit Split)
{
    /// <summary>The turns of a chat, whose plain rendering is <see cref="Text"/>; null for a text.</summary>
    public IReadOnlyList<ChatMessage>? Messages { get; init; }

    /// <summary>As <see cref="Prompt.Priority"/>.</summary>
    public int Priority { get; init; }
}

/// <summary>
/// The file of prompts that the first study begins with: as <see cref="PromptRecords"/> takes them, JSONL, CSV, Parquet or plain
/// lines by the name's ending; and all of them, or the app does not start.
/// </summary>
public static class PromptFile
{
    /// <summary>All prompts, in the file's order; empty lines are passed over.</summary>
    /// <exception cref="StartupException">The file is missing or empty, or names the first line that is not a new prompt.</exception>
    public static async Task<IReadOnlyList<PromptLine>> ReadAsync(string path, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(path);
        var prompts = new List<PromptLine>();
        var seen = new HashSet<string>(StringComparer.Ordinal);
        try
        {
            await using var file = File.OpenRead(path);
            await foreach (var reading in PromptRecords.ReadAsync(file, Records.KindOf(path), cancellation))
            {
                if (reading.Prompt is not { } prompt)
                {
                    throw new StartupException($"Line {reading.Line} of the prompt file {path} is not a prompt: {reading.Refusal}");
                }

                var text = prompt.Text?.Trim() ?? Prompt.Rendered(prompt.Messages!);
                if (!seen.Add(text))
                {
                    throw new StartupException($"Line {reading.Line} of the prompt file {path} repeats an earlier prompt: remove one of the two.");
                }

                prompts.Add(new(text, reading.IsHeldOut == true ? PromptSplit.Heldout : PromptSplit.Train) { Messages = prompt.Messages, Priority = reading.Priority ?? 0 });
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or DatasetFileException)
        {
            throw new StartupException($"The prompt file {path} can't be read: {e.Message}", e);
        }

        return prompts.Count > 0 ? prompts : throw new StartupException($"The prompt file {path} is empty: it needs at least one line like {{\"text\": \"This film was\"}}.");
    }
}

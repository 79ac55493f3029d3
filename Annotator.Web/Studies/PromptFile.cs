using System.Text.Json;
using System.Text.Json.Serialization;
using Annotator.Model.Preferences;
using Annotator.Web.Data;

namespace Annotator.Web.Studies;

/// <summary>
/// One prompt of a file: <c>{"text": "…"}</c>, or a chat <c>{"messages": [{"role": "user", "content": "…"}]}</c>; also with
/// <c>"split": "heldout"</c> or <c>"priority": 1</c>.
/// </summary>
public sealed record PromptLine(string Text, PromptSplit Split)
{
    /// <summary>The turns of a chat, whose plain rendering is <see cref="Text"/>; null for a text.</summary>
    public IReadOnlyList<ChatMessage>? Messages { get; init; }

    /// <summary>As <see cref="Prompt.Priority"/>.</summary>
    public int Priority { get; init; }
}

/// <summary>Prompts as JSON lines.</summary>
public static class PromptFile
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web) { UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow };

    /// <summary>All prompts, in the file's order; empty lines are passed over.</summary>
    /// <exception cref="StartupException">The file is missing or empty, or names the first line that is not a new prompt.</exception>
    public static IReadOnlyList<PromptLine> Read(string path)
    {
        var prompts = new List<PromptLine>();
        var seen = new HashSet<string>(StringComparer.Ordinal);
        try
        {
            foreach (var (index, line) in File.ReadLines(path).Index().Where(l => !string.IsNullOrWhiteSpace(l.Item)))
            {
                var prompt = Parse(line) ?? throw new StartupException(
                    $"Line {index + 1} of the prompt file {path} is not a prompt: it must be {{\"text\": \"…\"}}, or {{\"messages\": [{{\"role\": \"user\", \"content\": \"…\"}}]}} with the user's turn last; with \"split\": \"heldout\" if it is held out.");
                if (!seen.Add(prompt.Text))
                {
                    throw new StartupException($"Line {index + 1} of the prompt file {path} repeats an earlier prompt: remove one of the two.");
                }

                prompts.Add(prompt);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new StartupException($"The prompt file {path} can't be read: {e.Message}", e);
        }

        return prompts.Count > 0 ? prompts : throw new StartupException($"The prompt file {path} is empty: it needs at least one line like {{\"text\": \"This film was\"}}.");
    }

    private static PromptLine? Parse(string line)
    {
        try
        {
            return JsonSerializer.Deserialize<Raw>(line, Json) is { Split: null or "train" or "heldout" } raw && TextOf(raw) is { } text
                ? new(text, raw.Split == "heldout" ? PromptSplit.Heldout : PromptSplit.Train) { Messages = raw.Messages, Priority = raw.Priority }
                : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>Null if it is neither a text nor a chat that waits for an answer.</summary>
    private static string? TextOf(Raw raw) => raw switch
    {
        { Text: { } text, Messages: null } when !string.IsNullOrWhiteSpace(text) => text.Trim(),
        { Text: null, Messages: { Count: > 0 } messages } when messages[^1]?.Role == "user" && messages.All(m => !string.IsNullOrWhiteSpace(m?.Role) && !string.IsNullOrWhiteSpace(m.Content)) =>
            Prompt.Rendered(messages),
        _ => null,
    };

    private sealed record Raw(string? Text, IReadOnlyList<ChatMessage>? Messages, string? Split, int Priority);
}

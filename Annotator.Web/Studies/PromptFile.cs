using System.Text.Json;
using System.Text.Json.Serialization;
using Annotator.Web.Data;

namespace Annotator.Web.Studies;

/// <summary>One prompt of a file: <c>{"text": "…"}</c>, or with <c>"split": "heldout"</c>.</summary>
public sealed record PromptLine(string Text, PromptSplit Split);

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
                    $"Line {index + 1} of the prompt file {path} is not a prompt: it must be {{\"text\": \"…\"}}, with \"split\": \"heldout\" if it is held out.");
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
            return JsonSerializer.Deserialize<Raw>(line, Json) switch
            {
                { Text: { } text, Split: null or "train" } when !string.IsNullOrWhiteSpace(text) => new(text.Trim(), PromptSplit.Train),
                { Text: { } text, Split: "heldout" } when !string.IsNullOrWhiteSpace(text) => new(text.Trim(), PromptSplit.Heldout),
                _ => null,
            };
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private sealed record Raw(string? Text, string? Split);
}

using System.Runtime.CompilerServices;

namespace Annotator.Model.Preferences.Datasets;

/// <summary>A prompt of a file, or why its record is refused; exactly one of the two is not null.</summary>
/// <param name="Line">From 1.</param>
/// <param name="IsHeldOut">What the file says of its split; null if nothing.</param>
/// <param name="Priority">What the file says of it, −1,000 to 1,000; null if nothing.</param>
public readonly record struct PromptReading(int Line, TextOrMessages? Prompt, bool? IsHeldOut, int? Priority, string? Refusal);

/// <summary>
/// Reads prompts: <c>{"prompt"}</c> (a text or a chat), <c>{"text"}</c>, or <c>{"messages"}</c>, a chat whose last answer is left
/// out; so every dataset that has prompts will do. <c>"split"</c> may say <c>train</c>, or <c>heldout</c>, <c>validation</c>,
/// <c>eval</c> or <c>test</c>; <c>"priority"</c> a whole number.
/// </summary>
public static class PromptRecords
{
    /// <exception cref="DatasetFileException">The file as a whole can't be read.</exception>
    public static async IAsyncEnumerable<PromptReading> ReadAsync(Stream file, RecordKind kind, [EnumeratorCancellation] CancellationToken cancellation = default)
    {
        await foreach (var record in Records.ReadAsync(file, kind, cancellation))
            yield return record.Refusal is { } refusal ? new(record.Line, null, null, null, refusal) : Read(record.Line, record.Json!);
    }

    internal static PromptReading Read(int line, string json)
    {
        var record = JsonRecord.Parse(json);
        var prompt = Prompt(record);
        var heldOut = HeldOut(record);
        int? priority = record.Has("priority") ? record.Whole("priority") : null;
        if (priority is < -1000 or > 1000)
            record.Blame("\"priority\" must be from -1000 to 1000.");
        return record.Fault is { } fault ? new(line, null, null, null, fault) : new(line, prompt, heldOut, priority, null);
    }

    private static TextOrMessages Prompt(JsonRecord record)
    {
        if (record.Has("messages") || record.IsList("prompt"))
        {
            var messages = record.Messages(record.Has("messages") ? "messages" : "prompt");
            var asked = messages is [.., { Role: "assistant" }] ? messages.SkipLast(1).ToList() : messages;
            if (asked.Count == 0)
                record.Blame("The chat has nothing but an answer.");
            return TextOrMessages.FromMessages(asked);
        }
        if (!record.Has("prompt") && !record.Has("text"))
            record.Blame("It has no \"prompt\", \"text\" or \"messages\".");
        var text = record.Text(record.Has("prompt") ? "prompt" : "text");
        if (string.IsNullOrWhiteSpace(text))
            record.Blame("The prompt is empty.");
        return text;
    }

    private static bool? HeldOut(JsonRecord record)
    {
        switch (record.OptionalText("split"))
        {
            case null:
                return null;
            case "train":
                return false;
            case "heldout" or "validation" or "eval" or "test":
                return true;
            default:
                record.Blame("\"split\" must be train, or one of heldout, validation, eval, test.");
                return null;
        }
    }
}

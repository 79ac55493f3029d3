using System.Globalization;
using Annotator.Model.Preferences;

namespace Annotator.Web.Data;

/// <summary>A text or a chat to be continued (x).</summary>
public sealed class Prompt
{
    public long Id { get; set; }
    public long StudyId { get; set; }
    public Study? Study { get; set; }

    /// <summary>The text; for a chat its plain rendering (<see cref="Rendered"/>), which is searched and shown in lists.</summary>
    public required string Text { get; set; }

    /// <summary>The turns of a chat, JSON <c>[{"role","content"}]</c>; null for plain text.</summary>
    public IReadOnlyList<ChatMessage>? Messages { get; set; }

    /// <summary>Higher ones are sampled and judged first. A comparison carries it in its <see cref="Comparison.QueueOrder"/>.</summary>
    public int Priority { get; set; }
    public PromptSplit Split { get; set; }

    /// <summary>Nothing is sampled for it: it came with imported judgments, or an admin rests it.</summary>
    public bool IsPaused { get; set; }

    /// <summary>The import that brought it.</summary>
    public long? ImportId { get; set; }
    public required DateTime CreatedAt { get; set; }

    /// <summary>A chat as plain text: each turn headed by its role, with an empty line between turns.</summary>
    public static string Rendered(IEnumerable<ChatMessage> messages) => string.Join("\n\n", messages.Select(message =>
        $"{CultureInfo.InvariantCulture.TextInfo.ToTitleCase(message.Role)}: {message.Content}"));
}

/// <summary>Held-out prompts are never trained on; they serve evaluation.</summary>
public enum PromptSplit
{
    Train = 0,
    Heldout = 1,
}

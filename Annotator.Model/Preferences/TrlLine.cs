namespace Annotator.Model.Preferences;

/// <summary>
/// One line of the <c>trl</c> dataset format: a prompt with one chosen and one rejected completion. In a chat,
/// each is a list of messages and the completions hold the assistant's turn only.
/// Source: TRL's "explicit prompt preference" dataset type.
/// </summary>
public sealed record TrlLine : ICheckedLine
{
    public required TextOrMessages Prompt { get; init; }

    public required TextOrMessages Chosen { get; init; }

    public required TextOrMessages Rejected { get; init; }

    /// <summary>How much better, from a graded strength; reward trainers read it. Null where no strength was given.</summary>
    public double? Margin { get; init; }

    /// <summary>Who wrote <see cref="Chosen"/> where no policy did; else null.</summary>
    public TextAuthor? ChosenAuthor { get; init; }

    /// <summary>Who wrote <see cref="Rejected"/> where no policy did; else null.</summary>
    public TextAuthor? RejectedAuthor { get; init; }

    /// <inheritdoc />
    public string? Problem()
    {
        if (Chosen.Equals(Rejected))
            return "chosen and rejected are the same text.";
        return IsEmpty(Chosen) ? "chosen is empty." : IsEmpty(Rejected) ? "rejected is empty." : null;
    }

    private static bool IsEmpty(TextOrMessages side) => side.Text is { } text ? text.Length == 0 : side.Messages!.Count == 0;
}

namespace Annotator.Model.Preferences.Datasets;

/// <summary>
/// One judgment on one comparison, as any dataset format can say it: the prompt, its completions, and their order. What a
/// format has no place for is null.
/// </summary>
public sealed record DatasetRow
{
    public required TextOrMessages Prompt { get; init; }

    /// <summary>The prompt as it was fed to the policy, or null where only the text is known.</summary>
    public IReadOnlyList<int>? PromptTokenIds { get; init; }

    /// <summary>At least two. In a chat each text is the assistant's turn.</summary>
    public required IReadOnlyList<PreferenceCompletion> Completions { get; init; }

    /// <summary>Tiers of indices into <see cref="Completions"/>, best first; null where none of them is acceptable.</summary>
    public required Ranking? Ranking { get; init; }

    /// <summary>The row's id in its file.</summary>
    public string? Id { get; init; }

    /// <summary>How much better the chosen one is than the rejected one, in the file's own units.</summary>
    public double? Margin { get; init; }

    /// <summary>The row's weight in a loss; > 0.</summary>
    public double Weight { get; init; } = 1;

    /// <summary>The part of a round's data that the file puts it in.</summary>
    public PreferenceSplit? Split { get; init; }

    /// <summary>A pseudonym of who judged.</summary>
    public string? Annotator { get; init; }

    /// <summary>When (UTC).</summary>
    public DateTime? At { get; init; }

    /// <summary>What the annotator wrote about it.</summary>
    public string? Comment { get; init; }

    /// <summary>The prompt's id in its file.</summary>
    public string? PromptId { get; init; }

    /// <summary>Why nothing can be learnt from the row, in one sentence; null if something can.</summary>
    public string? Problem()
    {
        if (Prompt.Text is { Length: 0 } || Prompt.Messages is { Count: 0 })
            return "The prompt is empty.";
        if (Completions.Count < 2)
            return $"There must be at least two completions to compare; there are {Completions.Count}.";
        if (Completions.Any(completion => string.IsNullOrWhiteSpace(completion.Text)))
            return "A completion is empty.";
        if (Ranking?.Tiers.SelectMany(tier => tier).Max() >= Completions.Count)
            return "The ranking names a completion that is not there; they are counted from 0.";
        if (!(Weight > 0 && double.IsFinite(Weight)))
            return "The weight must be a number > 0.";
        if (Margin is { } margin && !double.IsFinite(margin))
            return "The margin must be a finite number.";
        return Ranking?.Pairs().Any(pair => Completions[pair.Better].Text == Completions[pair.Worse].Text) == true
            ? "A completion is preferred to one of the same text."
            : null;
    }
}

namespace Annotator.Model.Preferences;

/// <summary>Which part of a round's snapshot a line belongs to: trained on, or only measured.</summary>
public enum PreferenceSplit
{
    Train,
    Eval,
}

/// <summary>
/// One line of a round's <c>preferences.jsonl</c>: a prompt, its completions, and how an annotator ranked them.
/// Where token ids are given they are trained on exactly as they are; text is tokenised, prompt and completion apart.
/// </summary>
public sealed record PreferenceLine : ICheckedLine
{
    /// <summary>The comparison's id: names the line in messages.</summary>
    public required string Id { get; init; }

    public required TextOrMessages Prompt { get; init; }

    /// <summary>The prompt as it was fed to the policy, or null where only the text is known.</summary>
    public IReadOnlyList<int>? PromptTokenIds { get; init; }

    public required IReadOnlyList<PreferenceCompletion> Completions { get; init; }

    /// <summary>Tiers of indices into <see cref="Completions"/>, best first.</summary>
    public required Ranking Ranking { get; init; }

    /// <summary>The line's weight in the loss where the option <c>weights</c> is on; > 0.</summary>
    public double Weight { get; init; } = 1;

    public PreferenceSplit Split { get; init; }

    /// <inheritdoc />
    public string? Problem()
    {
        if (Completions.Count < 2)
            return $"{Id} has {Completions.Count} completions; a comparison needs at least two.";
        if (Ranking.Tiers.SelectMany(tier => tier).Max() is var largest && largest >= Completions.Count)
            return $"the ranking of {Id} names completion {largest}, but there are only {Completions.Count} (counted from 0).";
        if (!(Weight > 0 && double.IsFinite(Weight)))
            return $"the weight of {Id} must be > 0; it is {Weight}.";
        return null;
    }
}

/// <summary>One completion of a <see cref="PreferenceLine"/>.</summary>
public sealed record PreferenceCompletion
{
    public required string Text { get; init; }

    /// <summary>The sampled token ids, the end token among them if it was sampled; null where only the text is known.</summary>
    public IReadOnlyList<int>? TokenIds { get; init; }

    /// <summary>
    /// log πref(y|x) in nats, summed over these token ids, where it is already known for the round's reference; else null.
    /// </summary>
    public double? ReferenceLogp { get; init; }

    /// <summary>The content hash of the policy that wrote it; null for a person's or an unknown author's text.</summary>
    public string? Policy { get; init; }

    /// <summary>Who wrote it where no policy did; else null.</summary>
    public TextAuthor? Author { get; init; }
}

/// <summary>Who wrote a completion that no policy wrote.</summary>
public enum TextAuthor
{
    /// <summary>An annotator, who edited a policy's completion into a better one.</summary>
    Person,
}

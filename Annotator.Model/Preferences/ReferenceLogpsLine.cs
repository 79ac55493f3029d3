namespace Annotator.Model.Preferences;

/// <summary>
/// One line of a round's <c>reference_logps.jsonl</c>: log πref of a comparison's completions, under the reference whose hash
/// stands in result.json.
/// </summary>
public sealed record ReferenceLogpsLine
{
    /// <summary>That of the line of preferences.jsonl.</summary>
    public required string Id { get; init; }

    /// <summary>
    /// In the order of its completions, in nats; null where it is not that of the given token ids after the given prompt
    /// ids: text that was tokenised, a completion that was cut or that nobody ranked.
    /// </summary>
    public required IReadOnlyList<double?> ReferenceLogps { get; init; }
}

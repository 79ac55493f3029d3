using System.Text.Json.Serialization;
using Annotator.Model.Preferences;
using Annotator.Web.Data;

namespace Annotator.Web.Annotating;

/// <summary>
/// A comparison as it stands before one annotator. It knows nothing of policies, gold answers or repeats: the desk is blind.
/// </summary>
/// <param name="Prompt">The text that all responses continue; of a chat its plain rendering.</param>
/// <param name="Sides">The positions of the responses from left to right; stored with the judgment.</param>
/// <param name="Texts">The responses' texts from left to right.</param>
public sealed record ShownComparison(long Id, string Prompt, IReadOnlyList<int> Sides, IReadOnlyList<string> Texts)
{
    /// <summary>The turns of a chat prompt; null for plain text.</summary>
    public IReadOnlyList<ChatMessage>? Messages { get; init; }

    /// <summary>The responses' ids from left to right: a text never changes under its id, so what is made of it can be kept by it.</summary>
    public IReadOnlyList<long> ResponseIds { get; init; } = [];

    /// <summary>What the annotator had begun on it, or had given before taking it back; null if nothing.</summary>
    public DeskDraft? Draft { get; init; }

    public string Left => Texts[0];
    public string Right => Texts[1];

    /// <summary>The text of the response at a position.</summary>
    public string TextAt(int position) => Texts[Sides.Index().First(side => side.Item == position).Index];

    /// <summary>Two are answered as a pair, more as a ranking, whatever the study asks by now.</summary>
    public bool IsPair => Texts.Count == 2;
}

/// <summary>A response edited into a better one.</summary>
/// <param name="Position">Of the response it was made from.</param>
public sealed record ResponseEdit(int Position, string Text)
{
    /// <summary>What is empty or as it was is no edit.</summary>
    public bool IsOf(ShownComparison comparison) => !string.IsNullOrWhiteSpace(Text) && Text != comparison.TextAt(Position);
}

/// <summary>What was begun on a comparison and survives a reload, a lost connection and a restart of the server.</summary>
public sealed record DeskDraft
{
    public string? Comment { get; init; }
    public ResponseEdit? Edit { get; init; }

    /// <summary>The slots of a ranking so far: positions, best first, ties together. A position in no slot is still in the tray.</summary>
    public IReadOnlyList<IReadOnlyList<int>>? Tiers { get; init; }

    /// <summary>Reasons chosen so far, in the study's words.</summary>
    public IReadOnlyList<string>? Reasons { get; init; }

    /// <summary>What is wrong with single responses, by position.</summary>
    public IReadOnlyDictionary<int, ResponseFaults>? Flags { get; init; }

    [JsonIgnore]
    public bool IsEmpty => string.IsNullOrEmpty(Comment) && Edit is null
        && Tiers is null && (Reasons?.Count ?? 0) == 0 && !(Flags?.Values.Any(fault => fault != ResponseFaults.None) ?? false);
}

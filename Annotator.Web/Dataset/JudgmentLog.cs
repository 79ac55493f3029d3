using Annotator.Model.Preferences;
using Annotator.Web.Data;

namespace Annotator.Web.Dataset;

/// <summary>
/// One line of the <c>log</c> format: a judgment as it was made, with all that is known of what it was about. Lossless;
/// people appear by their pseudonyms. Null values are left out of the line.
/// </summary>
public sealed record JudgmentLogLine
{
    public required long Id { get; init; }
    public required long Comparison { get; init; }
    public required ComparisonPurpose Purpose { get; init; }

    /// <summary>The pseudonym.</summary>
    public required string Annotator { get; init; }
    public required DateTime CreatedAt { get; init; }

    /// <summary><c>queue</c>, <c>repeat</c> (asked the same annotator once more), or <c>edit</c> (a response was edited into a better one).</summary>
    public required JudgmentOrigin Origin { get; init; }

    /// <summary>Of an edit: the judgment that it was given with.</summary>
    public long? GivenWith { get; init; }
    public required Verdict Verdict { get; init; }

    /// <summary>Tiers of response positions, best first; only where the verdict is <c>ranked</c>.</summary>
    public int[][]? Ranking { get; init; }
    public int? Strength { get; init; }
    public SkipReason? SkipReason { get; init; }
    public string? Comment { get; init; }

    /// <summary>The study's reasons that were chosen.</summary>
    public required IReadOnlyList<string> Reasons { get; init; }

    /// <summary>What was flagged of each response, by position: <c>unsafe</c>, <c>broken</c>, both or nothing. Null if nothing was of any.</summary>
    public IReadOnlyList<IReadOnlyList<ResponseFaults>>? Flags { get; init; }

    /// <summary>True if a ranking was given as the responses stood.</summary>
    public bool? OrderUntouched { get; init; }

    /// <summary>The right answer of a gold comparison: tiers of positions, best first.</summary>
    public int[][]? GoldRanking { get; init; }

    /// <summary>Whether it agrees with <see cref="GoldRanking"/>.</summary>
    public bool? GoldCorrect { get; init; }

    /// <summary>The positions as they stood on screen, from left to right.</summary>
    public required int[] SidesShown { get; init; }
    public required double Seconds { get; init; }
    public required int GuidelinesVersion { get; init; }

    /// <summary>The earlier judgment that this one replaces or withdraws.</summary>
    public long? Supersedes { get; init; }

    /// <summary>The later judgment that replaces or withdraws this one.</summary>
    public long? SupersededBy { get; init; }
    public required LogPrompt Prompt { get; init; }

    /// <summary>By position, from 0.</summary>
    public required IReadOnlyList<LogResponse> Responses { get; init; }

    /// <summary>The line with the ids that it had in the log it was imported from.</summary>
    internal JudgmentLogLine WithIds(LogIds ids) => this with
    {
        Id = ids.Id,
        Comparison = ids.Comparison,
        GivenWith = ids.GivenWith,
        Supersedes = ids.Supersedes,
        SupersededBy = ids.SupersededBy,
        Prompt = Prompt with { Id = ids.Prompt },
        Responses = [.. Responses.Select((response, i) => response with { Id = ids.Responses[i], EditedFrom = ids.EditedFrom?[i] })],
    };

    /// <summary>One word for each fault.</summary>
    internal static IReadOnlyList<IReadOnlyList<ResponseFaults>>? InWords(ResponseFaults[]? flags) =>
        flags?.Select(flag => (IReadOnlyList<ResponseFaults>)[.. Enum.GetValues<ResponseFaults>().Where(fault => fault != ResponseFaults.None && flag.HasFlag(fault))]).ToList();
}

/// <summary>The prompt of a <see cref="JudgmentLogLine"/>.</summary>
/// <param name="Messages">The turns of a chat, whose plain rendering is <paramref name="Text"/>; null for plain text.</param>
public sealed record LogPrompt(long Id, string Text, PromptSplit Split, IReadOnlyList<ChatMessage>? Messages = null);

/// <summary>A response with everything that is needed to sample it again.</summary>
public sealed record LogResponse
{
    public required int Position { get; init; }
    public required long Id { get; init; }
    public required string Text { get; init; }
    public int[]? TokenIds { get; init; }
    public int[]? PromptTokenIds { get; init; }

    /// <summary>Summed over the response's tokens at temperature 1, in nats.</summary>
    public double? LogProbability { get; init; }

    /// <summary>The policy's content hash; null for a text that a person wrote.</summary>
    public string? Policy { get; init; }
    public int? PolicyNumber { get; init; }
    public required double Temperature { get; init; }
    public required double TopP { get; init; }
    public required int TopK { get; init; }
    public required int MaxTokens { get; init; }
    public required long Seed { get; init; }
    public required string FinishReason { get; init; }
    public required DateTime CreatedAt { get; init; }

    /// <summary>The pseudonym of the annotator who wrote it; null for a policy's. A person's has no policy and no seed.</summary>
    public string? Author { get; init; }

    /// <summary>The response that a person edited into this one.</summary>
    public long? EditedFrom { get; init; }
}

using System.Globalization;
using Annotator.Web.Data;

namespace Annotator.Web.Dataset.Browsing;

/// <summary>Which judged comparisons of a study are wanted, and in which order.</summary>
public sealed record DatasetFilter
{
    public required long StudyId { get; init; }

    /// <summary>Comparisons of this policy, by its number.</summary>
    public int? Policy { get; init; }

    /// <summary>Comparisons that this person has judged, by pseudonym.</summary>
    public string? Annotator { get; init; }
    public ComparisonAgreement? Agreement { get; init; }

    /// <summary>In the prompt or a response; upper and lower case are the same for the Latin alphabet.</summary>
    public string? Text { get; init; }

    /// <summary>With a judgment on this day or later (UTC).</summary>
    public DateOnly? From { get; init; }

    /// <summary>With a judgment on this day or earlier (UTC).</summary>
    public DateOnly? To { get; init; }

    /// <summary>Those that are contested come first; the newest judgment first within each part.</summary>
    public bool ContestedFirst { get; init; }
}

/// <summary>A place in the list: what comes after it was judged before <paramref name="LastJudgmentId"/>.</summary>
/// <param name="AmongContested">Of a list with the contested ones first: still among these.</param>
public sealed record ComparisonMark(long LastJudgmentId, bool AmongContested)
{
    /// <summary>As it stands in an address: <c>c1234</c> or <c>1234</c>.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{(AmongContested ? "c" : "")}{LastJudgmentId}");

    /// <summary>Null if the text is none.</summary>
    public static ComparisonMark? Parse(string? text) =>
        text is not null && long.TryParse(text.AsSpan(text.StartsWith('c') ? 1 : 0), NumberStyles.None, CultureInfo.InvariantCulture, out var id) ? new(id, text.StartsWith('c')) : null;
}

/// <summary>A comparison in the list.</summary>
public sealed record ComparisonRow
{
    public required long Id { get; init; }
    public required ComparisonPurpose Purpose { get; init; }

    /// <summary>Its beginning.</summary>
    public required string Prompt { get; init; }

    /// <summary>The beginnings, by position.</summary>
    public required IReadOnlyList<string> Responses { get; init; }

    /// <summary>The policy's number.</summary>
    public required int Policy { get; init; }
    public required ComparisonAgreement Agreement { get; init; }

    /// <summary>UTC.</summary>
    public required DateTime LastJudgedAt { get; init; }

    /// <summary>The standing answers of annotators, those that say the same counted together, the most frequent first.</summary>
    public required IReadOnlyList<AnswerCount> Answers { get; init; }
}

/// <summary>How often something was answered.</summary>
/// <param name="Ranking">Tiers of positions, best first; null unless <see cref="Data.Verdict.Ranked"/>.</param>
public sealed record AnswerCount(Verdict Verdict, int[][]? Ranking, int Count);

/// <summary>A part of the list.</summary>
/// <param name="Next">Ask for the next part with it; null if this is the last.</param>
/// <param name="IsCutShort">The search took its time and was broken off: there may be more from <paramref name="Next"/> on, however few are here.</param>
public sealed record ComparisonList(IReadOnlyList<ComparisonRow> Rows, ComparisonMark? Next, bool IsCutShort);

/// <summary>What a list can be narrowed to.</summary>
/// <param name="Policies">Numbers, the newest first.</param>
/// <param name="Annotators">Everybody who has judged in the study, by name.</param>
public sealed record FilterChoices(IReadOnlyList<int> Policies, IReadOnlyList<AnnotatorChoice> Annotators);

/// <param name="Name">The user name for admins, the pseudonym for everybody else.</param>
public sealed record AnnotatorChoice(string Pseudonym, string Name);

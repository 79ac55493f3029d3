using Annotator.Model.Preferences;

namespace Annotator.Web.Data;

/// <summary>What an imported line said that has no place of its own here: exports give it back as it was.</summary>
public sealed record JudgmentSource
{
    /// <summary>The id in a <c>ranking</c> file.</summary>
    public string? Id { get; init; }

    /// <summary>In the file's units; one from 1 to 3 is the judgment's strength too.</summary>
    public double? Margin { get; init; }

    /// <summary>Null = 1.</summary>
    public double? Weight { get; init; }

    public PreferenceSplit? Split { get; init; }

    /// <summary>By position: log πref(y|x) as the file has it.</summary>
    public IReadOnlyList<double?>? ReferenceLogps { get; init; }

    /// <summary>The ids in a <c>log</c> file, which a log of this study gives again.</summary>
    public LogIds? Log { get; init; }
}

/// <summary>The ids of one line of a <c>log</c>.</summary>
/// <param name="Responses">By position.</param>
/// <param name="EditedFrom">By position; null if no response was edited.</param>
public sealed record LogIds(
    long Id, long Comparison, long Prompt, IReadOnlyList<long> Responses, long? GivenWith, long? Supersedes, long? SupersededBy, IReadOnlyList<long?>? EditedFrom);

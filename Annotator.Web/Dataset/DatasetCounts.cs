using Annotator.Web.Rounds;

namespace Annotator.Web.Dataset;

/// <summary>What a study's exports hold.</summary>
public sealed record DatasetCounts
{
    /// <summary>Rows ever made: lines of the <c>log</c> export.</summary>
    public required int LogLines { get; init; }

    /// <summary>Rows that a later one superseded; they are in the log only.</summary>
    public required int Superseded { get; init; }

    /// <summary>Lines of the <c>trl</c> export.</summary>
    public required int Pairs { get; init; }

    /// <summary>The current judgments: those with a preference, and the others by reason.</summary>
    public required SelectionCounts Current { get; init; }
}

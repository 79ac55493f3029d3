using Annotator.Model.Preferences.Datasets;

namespace Annotator.Web.Dataset.Importing;

/// <summary>How a file of judgments is read into a study.</summary>
public sealed record ImportRequest
{
    /// <summary>The name of the lossless format, which is no format of preferences alone.</summary>
    public const string LogFormat = "log";

    public required long StudyId { get; init; }

    /// <summary>A name of <see cref="DatasetFormats"/>, or <see cref="LogFormat"/>.</summary>
    public required string Format { get; init; }

    public required RecordKind Kind { get; init; }

    /// <summary>Leave out what the study has already: the same prompt, completions and order (of a log, the same judgment).</summary>
    public bool SkipKnown { get; init; } = true;

    /// <summary>Leave out what does not fit the policy's context: a round would drop or cut it.</summary>
    public bool SkipTooLong { get; init; } = true;

    /// <summary>Also sample responses for the prompts that the file brings.</summary>
    public bool SamplePrompts { get; init; }
}

namespace Annotator.Web.Data;

/// <summary>
/// A file of judgments that was read into a study. Its rows are written in short batches, so that annotators never wait for
/// it, and belong to the study only once all are there: until then its judgments bear the <see cref="StagingStudyId"/>.
/// </summary>
public sealed class Import
{
    public long Id { get; set; }
    public long StudyId { get; set; }
    public Study? Study { get; set; }

    /// <summary>As it was called where it came from.</summary>
    public required string FileName { get; set; }

    /// <summary><c>trl</c>, <c>log</c>, …</summary>
    public required string Format { get; set; }

    /// <summary>SHA-256 of the file, hexadecimal.</summary>
    public required string Sha256 { get; set; }

    /// <summary>How many judgments it brought.</summary>
    public int JudgmentCount { get; set; }

    public string? StartedById { get; set; }
    public Person? StartedBy { get; set; }
    public required DateTime CreatedAt { get; set; }

    /// <summary>When all of it was there; null = it is being read, or the app ended while it was: then its rows are removed at the next start.</summary>
    public DateTime? EndedAt { get; set; }

    /// <summary>What stands for the study in judgments that are not yet the study's; no study has such an id.</summary>
    public static long StagingStudyId(long importId) => -importId;
}

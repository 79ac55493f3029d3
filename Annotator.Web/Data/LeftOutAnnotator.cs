namespace Annotator.Web.Data;

/// <summary>
/// An annotator whose judgments in a study nobody is to learn from: rounds and exports of preferences leave them out and
/// count them under that reason; the log and the statistics keep them.
/// </summary>
public sealed class LeftOutAnnotator
{
    public required long StudyId { get; set; }
    public required string AnnotatorId { get; set; }
    public required DateTime At { get; set; }
}

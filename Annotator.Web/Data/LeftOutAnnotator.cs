namespace Annotator.Web.Data;

/// <summary>
/// An annotator whose judgments in a study nobody is to learn from: rounds and exports of preferences leave them out and
/// count them under that reason; so do win rates, ratings and the gate. The log keeps them, and so do the figures of
/// agreement: they tell of everybody who judged, as it was they that said whom to leave out, and an agreement that rises
/// because those who disagree are gone would say nothing.
/// </summary>
public sealed class LeftOutAnnotator
{
    public required long StudyId { get; set; }
    public required string AnnotatorId { get; set; }
    public required DateTime At { get; set; }
}

namespace Annotator.Web.Data;

/// <summary>
/// A stretch of a study's queue that an annotator need not walk again: whatever had an open place in it when they last did,
/// they had judged, skipped or on the desk. A place that opens in it for somebody who has not judged it cuts it in two
/// (<see cref="AnnotatorDbContext"/> sees to that with every save). Only there to be fast: rows may be deleted at any time.
/// </summary>
public sealed class SeenStretch
{
    public long StudyId { get; set; }
    public required string AnnotatorId { get; set; }

    /// <summary>A <see cref="Comparison.QueueOrder"/>, like <see cref="LastOrder"/>; both belong to it. Empty if the last is before the first.</summary>
    public required long FirstOrder { get; set; }
    public required long LastOrder { get; set; }
}

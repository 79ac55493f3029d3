namespace Annotator.Web.Data;

/// <summary>
/// A comparison on an annotator's desk: on screen or prefetched. It holds one of the comparison's
/// <see cref="Comparison.OpenPlaces"/> until it is judged, given back or expired (a gold comparison's or a repeat's holds none).
/// </summary>
public sealed class Lease
{
    public long ComparisonId { get; set; }
    public Comparison? Comparison { get; set; }
    public required string AnnotatorId { get; set; }
    public Person? Annotator { get; set; }
    public required long StudyId { get; set; }

    /// <summary>The annotator judged it before and is asked once more.</summary>
    public bool IsRepeat { get; set; }

    /// <summary>Then the place is anybody's again; the first operation after it takes the row away.</summary>
    public required DateTime ExpiresAt { get; set; }
}

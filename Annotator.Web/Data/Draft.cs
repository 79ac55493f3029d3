namespace Annotator.Web.Data;

/// <summary>What an annotator has begun on a comparison and not yet given as an answer. Deleted when it is judged.</summary>
public sealed class Draft
{
    public required string AnnotatorId { get; set; }
    public Person? Annotator { get; set; }
    public required long ComparisonId { get; set; }
    public Comparison? Comparison { get; set; }

    /// <summary>JSON, as the desk writes it; of bounded size.</summary>
    public required string Content { get; set; }

    public required DateTime UpdatedAt { get; set; }
}

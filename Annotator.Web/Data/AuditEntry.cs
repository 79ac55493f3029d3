namespace Annotator.Web.Data;

/// <summary>Who did what, when. Every mutation by an admin leaves one, written in the same transaction.</summary>
public sealed class AuditEntry
{
    public long Id { get; set; }

    /// <summary>Null = the app itself (a rule, the command line).</summary>
    public string? PersonId { get; set; }

    /// <summary>A dotted name: <c>round.start</c>, <c>person.create</c>.</summary>
    public required string Action { get; set; }

    /// <summary>One sentence for people.</summary>
    public required string Detail { get; set; }

    public required DateTime At { get; set; }
}

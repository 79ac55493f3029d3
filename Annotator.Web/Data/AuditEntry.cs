namespace Annotator.Web.Data;

/// <summary>Who did what, when, from where. Every mutation by an admin leaves one, written in the same transaction.</summary>
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

    /// <summary>The remote address of whoever asked; like the key set when it is saved (<see cref="RequestOrigin"/>). Null = the app itself, or the command line.</summary>
    public string? Address { get; set; }

    /// <summary>The key that a program used; null for a page.</summary>
    public long? ApiKeyId { get; set; }
}

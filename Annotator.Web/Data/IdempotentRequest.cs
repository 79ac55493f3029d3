namespace Annotator.Web.Data;

/// <summary>A request of a program that bore an <c>Idempotency-Key</c>, and the answer it got: sent again, it is answered alike and does nothing.</summary>
public sealed class IdempotentRequest
{
    public long ApiKeyId { get; set; }

    /// <summary>The header's value.</summary>
    public required string Key { get; set; }

    /// <summary>SHA-256 of method, path, query and body.</summary>
    public required byte[] Hash { get; set; }

    /// <summary>The answer's status; null = it is not known (yet) what came of it.</summary>
    public int? Status { get; set; }
    public string? Location { get; set; }

    /// <summary>The answer's body, encrypted: it may hold a secret that is shown once.</summary>
    public byte[]? Body { get; set; }
    public required DateTime CreatedAt { get; set; }
}

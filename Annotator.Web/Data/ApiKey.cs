namespace Annotator.Web.Data;

/// <summary>A key with which a program acts as the person who made it. Only its hash is kept: the key is shown once.</summary>
public sealed class ApiKey
{
    public long Id { get; set; }

    /// <summary>Who made it, and as whom it acts.</summary>
    public required string PersonId { get; set; }
    public Person? Person { get; set; }

    /// <summary>What it is for, in the words of whoever made it.</summary>
    public required string Name { get; set; }

    /// <summary>Its first characters, by which one recognises it.</summary>
    public required string Start { get; set; }

    /// <summary>SHA-256 of the whole key, which is 256 random bits: nothing slower is needed.</summary>
    public required byte[] Hash { get; set; }

    public required ApiScopes Scopes { get; set; }
    public required DateTime CreatedAt { get; set; }

    /// <summary>Null = it does not expire.</summary>
    public DateTime? ExpiresAt { get; set; }
    public DateTime? RevokedAt { get; set; }

    /// <summary>To the minute.</summary>
    public DateTime? LastUsedAt { get; set; }
}

/// <summary>What a key may be used for, at most: its person must be allowed to do it as well.</summary>
[Flags]
public enum ApiScopes
{
    None = 0,

    /// <summary>Look at everything: studies, prompts, judgments, rounds, policies; exports and the hub.</summary>
    Read = 1,

    /// <summary>Take comparisons from the queue and judge them.</summary>
    Judge = 2,

    /// <summary>Run the loop: studies, prompts, imports, rounds, policies.</summary>
    Write = 4,

    /// <summary>People, webhooks, the audit log, housekeeping and backups.</summary>
    Admin = 8,
}

namespace Annotator.Web.Data;

/// <summary>An address outside that is told what happens.</summary>
public sealed class Webhook
{
    public long Id { get; set; }
    public required string Url { get; set; }

    /// <summary>The key of the signatures, encrypted.</summary>
    public required string Secret { get; set; }
    public required WebhookEvents Events { get; set; }

    /// <summary>With <see cref="WebhookEvents.Judgments"/>: tell of every so many judgments of a study.</summary>
    public int JudgmentsEvery { get; set; } = 100;

    /// <summary>Null = all studies.</summary>
    public long? StudyId { get; set; }
    public Study? Study { get; set; }

    /// <summary>Nothing is sent, nothing is queued.</summary>
    public bool IsPaused { get; set; }
    public required DateTime CreatedAt { get; set; }
}

/// <summary>What a webhook is told of.</summary>
[Flags]
public enum WebhookEvents
{
    None = 0,

    /// <summary><c>round.ended</c>: succeeded, failed, cancelled or interrupted.</summary>
    RoundEnded = 1,

    /// <summary><c>policy.promoted</c>: another policy serves a study, new or rolled back to.</summary>
    PolicyPromoted = 2,

    /// <summary><c>judgments.counted</c>: a study has reached another multiple of <see cref="Webhook.JudgmentsEvery"/>.</summary>
    Judgments = 4,
}

/// <summary>One message to one webhook, sent until it is taken or given up.</summary>
public sealed class WebhookDelivery
{
    public long Id { get; set; }
    public long WebhookId { get; set; }
    public Webhook? Webhook { get; set; }

    /// <summary><c>round.ended</c>, …; the receiver tells repeats by <see cref="MessageId"/>.</summary>
    public required string Event { get; set; }
    public required string MessageId { get; set; }

    /// <summary>JSON, sent as it is.</summary>
    public required string Body { get; set; }
    public required DateTime CreatedAt { get; set; }
    public int Attempts { get; set; }

    /// <summary>When it is tried next; null = it was taken, or given up.</summary>
    public DateTime? NextAttemptAt { get; set; }
    public DateTime? DeliveredAt { get; set; }

    /// <summary>Of the last attempt; null if nobody answered.</summary>
    public int? Status { get; set; }

    /// <summary>Why the last attempt failed, one sentence; null if it did not.</summary>
    public string? Failure { get; set; }
}

/// <summary>
/// Up to where webhooks have been told of a study. What happened since is found by comparing, so that nothing is lost
/// when the app ends between an event and its message.
/// </summary>
public sealed class WebhookMark
{
    public long StudyId { get; set; }
    public long? PolicyId { get; set; }
    public int JudgmentCount { get; set; }

    /// <summary>The end of the last round told of.</summary>
    public DateTime? RoundEndedAt { get; set; }
}

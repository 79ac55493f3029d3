using Annotator.Web.Data;
using Annotator.Web.Languages;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Localization;

namespace Annotator.Web.Webhooks;

/// <summary>A webhook as somebody asks for it.</summary>
public sealed record NewWebhook(string Url, WebhookEvents Events, int JudgmentsEvery = 100, long? StudyId = null);

/// <summary>A webhook that was just made, with the secret that is shown this once.</summary>
public sealed record MadeWebhook(long Id, string Secret);

/// <summary>A webhook as lists show it, with how its messages fare.</summary>
/// <param name="Waiting">Messages that are yet to be taken.</param>
/// <param name="LastDeliveredAt">When one was last taken.</param>
public sealed record WebhookRow(
    long Id, string Url, WebhookEvents Events, int JudgmentsEvery, long? StudyId, string? Study, bool IsPaused, DateTime CreatedAt, int Waiting, DateTime? LastDeliveredAt);

/// <summary>A message as lists show it.</summary>
public sealed record DeliveryRow(
    long Id, string Event, string MessageId, DateTime CreatedAt, int Attempts, DateTime? NextAttemptAt, DateTime? DeliveredAt, int? Status, string? Failure);

/// <summary>What an admin does with webhooks.</summary>
public sealed class WebhookOperations(
    IDbContextFactory<AnnotatorDbContext> contexts, WriteGate gate, WebhookWatch watch, IDataProtectionProvider protection, TimeProvider clock, IStringLocalizer<Words> words)
{
    public const int MaxUrlLength = 500;
    private readonly IDataProtector protector = protection.CreateProtector("Annotator.Webhooks");

    private DateTime Now => clock.GetUtcNow().UtcDateTime;

    /// <exception cref="NotAllowedException">Not an admin; so with every operation below.</exception>
    public async Task<IReadOnlyList<WebhookRow>> ListAsync(CurrentPerson by, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(by);
        by.RequireAdmin();
        await using var db = await contexts.CreateDbContextAsync(cancellation);
        return await db.Webhooks.OrderBy(w => w.Id).Select(w => new WebhookRow(
            w.Id, w.Url, w.Events, w.JudgmentsEvery, w.StudyId, w.Study == null ? null : w.Study.Name, w.IsPaused, w.CreatedAt,
            db.WebhookDeliveries.Count(d => d.WebhookId == w.Id && d.NextAttemptAt != null),
            db.WebhookDeliveries.Where(d => d.WebhookId == w.Id && d.DeliveredAt != null).Max(d => d.DeliveredAt))).ToListAsync(cancellation);
    }

    /// <summary>The messages of a webhook, the newest first.</summary>
    public async Task<IReadOnlyList<DeliveryRow>> DeliveriesAsync(CurrentPerson by, long webhookId, long? before, int count, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(by);
        by.RequireAdmin();
        await using var db = await contexts.CreateDbContextAsync(cancellation);
        return await db.WebhookDeliveries.Where(d => d.WebhookId == webhookId && (before == null || d.Id < before)).OrderByDescending(d => d.Id).Take(count)
            .Select(d => new DeliveryRow(d.Id, d.Event, d.MessageId, d.CreatedAt, d.Attempts, d.NextAttemptAt, d.DeliveredAt, d.Status, d.Failure)).ToListAsync(cancellation);
    }

    /// <summary>Adds a webhook, which is told of what happens from now on.</summary>
    /// <exception cref="RefusedException">The address is none, or there is nothing to tell.</exception>
    public async Task<MadeWebhook> CreateAsync(CurrentPerson by, NewWebhook asked, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(by);
        ArgumentNullException.ThrowIfNull(asked);
        by.RequireAdmin();
        if (Fault(asked, words) is { } fault)
        {
            throw new RefusedException(fault);
        }

        // What happened until now is not for the new one.
        await watch.LookAtAllAsync(cancellation);
        var secret = WebhookSignature.NewSecret();
        using var turn = await gate.EnterAsync(cancellation);
        await using var db = await contexts.CreateDbContextAsync(cancellation);
        if (asked.StudyId is { } study && !await db.Studies.AnyAsync(s => s.Id == study, cancellation))
        {
            throw new RefusedException(words["There is no study {0}.", study]);
        }

        var webhook = new Webhook
        {
            Url = asked.Url.Trim(), Secret = protector.Protect(secret), Events = asked.Events, JudgmentsEvery = asked.JudgmentsEvery, StudyId = asked.StudyId, CreatedAt = Now,
        };
        db.Webhooks.Add(webhook);
        db.AuditEntries.Add(Audit(by, "webhook.create", $"{by.Name} added the webhook {webhook.Url}."));
        await db.SaveChangesAsync(cancellation);
        return new(webhook.Id, secret);
    }

    /// <summary>Rests a webhook, or lets it go on; what happens while it rests it is not told.</summary>
    /// <exception cref="RefusedException">There is no such webhook; so with the operations below.</exception>
    public Task SetPausedAsync(CurrentPerson by, long id, bool paused, CancellationToken cancellation = default) =>
        ChangeAsync(by, id, webhook =>
        {
            webhook.IsPaused = paused;
            return Audit(by, paused ? "webhook.pause" : "webhook.go-on", $"{by.Name} {(paused ? "paused" : "went on with")} the webhook {webhook.Url}.");
        }, cancellation);

    /// <summary>Removes a webhook with its messages, those too that are yet to be taken.</summary>
    public Task RemoveAsync(CurrentPerson by, long id, CancellationToken cancellation = default) =>
        ChangeAsync(by, id, webhook => Audit(by, "webhook.remove", $"{by.Name} removed the webhook {webhook.Url}."), cancellation, remove: true);

    /// <summary>Sends a <c>ping</c>, to see whether it arrives.</summary>
    public async Task PingAsync(CurrentPerson by, long id, CancellationToken cancellation = default)
    {
        await ChangeAsync(by, id, webhook => Audit(by, "webhook.ping", $"{by.Name} tried the webhook {webhook.Url}."), cancellation);
        await watch.AddAsync(id, "ping", new { }, cancellation);
    }

    /// <summary>Sends a message once more, at once.</summary>
    public async Task SendAgainAsync(CurrentPerson by, long deliveryId, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(by);
        by.RequireAdmin();
        using (await gate.EnterAsync(cancellation))
        {
            await using var db = await contexts.CreateDbContextAsync(cancellation);
            var delivery = await db.WebhookDeliveries.Include(d => d.Webhook).SingleOrDefaultAsync(d => d.Id == deliveryId, cancellation)
                ?? throw new RefusedException(words["That message is not kept any more: reload the page."]);
            (delivery.NextAttemptAt, delivery.Attempts) = (Now, 0);
            db.AuditEntries.Add(Audit(by, "webhook.send-again", $"{by.Name} sent the message {delivery.MessageId} to {delivery.Webhook!.Url} once more."));
            await db.SaveChangesAsync(cancellation);
        }

        watch.Wake();
    }

    /// <summary>What is wrong with a webhook, in a sentence; null if nothing is.</summary>
    public static string? Fault(NewWebhook asked, IStringLocalizer<Words> words)
    {
        ArgumentNullException.ThrowIfNull(asked);
        return true switch
        {
            _ when asked.Url.Length > MaxUrlLength => words["An address may have {0} characters at most; this one has {1}.", MaxUrlLength, asked.Url.Length],
            _ when !Uri.TryCreate(asked.Url.Trim(), UriKind.Absolute, out var url) || url.Scheme is not ("http" or "https") || url.Host.Length == 0 =>
                words["The address must begin with http:// or https:// and name a host."],
            _ when new Uri(asked.Url.Trim()).UserInfo.Length > 0 => words["The address must hold no user name or password: the signature says who sends."],
            _ when asked.Events == WebhookEvents.None => words["Choose at least one thing to be told of."],
            _ when asked.JudgmentsEvery is < 1 or > 1_000_000 => words["Tell of every 1 to 1,000,000 judgments; it is set to {0}.", asked.JudgmentsEvery],
            _ => (string?)null,
        };
    }

    /// <summary>The secret of a webhook, for its signatures.</summary>
    internal string SecretOf(Webhook webhook) => protector.Unprotect(webhook.Secret);

    private async Task ChangeAsync(CurrentPerson by, long id, Func<Webhook, AuditEntry> change, CancellationToken cancellation, bool remove = false)
    {
        ArgumentNullException.ThrowIfNull(by);
        by.RequireAdmin();
        using var turn = await gate.EnterAsync(cancellation);
        await using var db = await contexts.CreateDbContextAsync(cancellation);
        var webhook = await db.Webhooks.SingleOrDefaultAsync(w => w.Id == id, cancellation) ?? throw new RefusedException(words["There is no such webhook any more: reload the page."]);
        db.AuditEntries.Add(change(webhook));
        if (remove)
        {
            db.Webhooks.Remove(webhook);
        }

        await db.SaveChangesAsync(cancellation);
    }

    private AuditEntry Audit(CurrentPerson by, string action, string detail) => new() { PersonId = by.Id, Action = action, Detail = detail, At = Now };
}

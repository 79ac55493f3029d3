using System.Text.Json;
using System.Threading.Channels;
using Annotator.Model.Preferences;
using Annotator.Web.Data;
using Annotator.Web.Live;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Web.Webhooks;

/// <summary>
/// Finds what webhooks are to be told and puts it in the database, from where <see cref="WebhookSender"/> sends it. An event
/// only says "look": what there is to tell is found by comparing a study with the mark up to which it was told, so nothing
/// is lost and nothing told twice, whenever the app ends.
/// </summary>
public sealed partial class WebhookWatch(
    IDbContextFactory<AnnotatorDbContext> contexts, WriteGate gate, LiveFeed feed, TimeProvider clock, ILogger<WebhookWatch> logger) : BackgroundService
{
    private readonly Channel<long> looks = Channel.CreateUnbounded<long>();
    private readonly Channel<bool> wakes = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });

    /// <summary>Gives one each time that there is something new to send.</summary>
    internal ChannelReader<bool> Wakes => wakes.Reader;

    /// <summary>Lets what is due be sent at once.</summary>
    public void Wake() => wakes.Writer.TryWrite(true);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var subscription = feed.Subscribe(what =>
        {
            if (what is JudgmentCounted or RoundChanged or PolicyPublished)
            {
                looks.Writer.TryWrite(what.StudyId);
            }
        });
        // What happened while the app was away.
        await SafelyAsync(() => LookAtAllAsync(stoppingToken));
        await foreach (var studyId in looks.Reader.ReadAllAsync(stoppingToken))
        {
            // A hundred judgments a second are one look.
            var studies = new HashSet<long> { studyId };
            while (looks.Reader.TryRead(out var another))
            {
                studies.Add(another);
            }

            foreach (var study in studies)
            {
                await SafelyAsync(() => LookAsync(study, stoppingToken));
            }
        }
    }

    /// <summary>Queues what every study has to tell, and sets its mark, whether anybody is told or not.</summary>
    public async Task LookAtAllAsync(CancellationToken cancellation = default)
    {
        await using var db = await contexts.CreateDbContextAsync(cancellation);
        foreach (var study in await db.Studies.Select(s => s.Id).ToListAsync(cancellation))
        {
            await LookAsync(study, cancellation);
        }
    }

    /// <summary>Queues what a study has to tell since its mark.</summary>
    public async Task LookAsync(long studyId, CancellationToken cancellation = default)
    {
        await using var db = await contexts.CreateDbContextAsync(cancellation);
        // Mostly there is nothing, and a look costs nobody the write lock.
        if (await NewsAsync(db, studyId, cancellation) is null)
        {
            return;
        }

        using (await gate.EnterAsync(cancellation))
        {
            await using var transaction = await db.Database.BeginTransactionAsync(cancellation);
            if (await NewsAsync(db, studyId, cancellation) is not { } news)
            {
                return;
            }

            foreach (var (webhook, message) in news.Messages)
            {
                Add(db, webhook.Id, message.Event, message.Data);
            }

            if (await db.WebhookMarks.SingleOrDefaultAsync(m => m.StudyId == studyId, cancellation) is not { } mark)
            {
                db.WebhookMarks.Add(mark = new() { StudyId = studyId });
            }

            (mark.PolicyId, mark.JudgmentCount, mark.RoundEndedAt) = (news.Mark.PolicyId, news.Mark.JudgmentCount, news.Mark.RoundEndedAt);
            await db.SaveChangesAsync(cancellation);
            await transaction.CommitAsync(cancellation);
        }

        Wake();
    }

    /// <summary>Queues one message.</summary>
    internal async Task AddAsync(long webhookId, string what, object data, CancellationToken cancellation)
    {
        using (await gate.EnterAsync(cancellation))
        {
            await using var db = await contexts.CreateDbContextAsync(cancellation);
            Add(db, webhookId, what, data);
            await db.SaveChangesAsync(cancellation);
        }

        Wake();
    }

    private void Add(AnnotatorDbContext db, long webhookId, string what, object data)
    {
        var now = clock.GetUtcNow().UtcDateTime;
        db.WebhookDeliveries.Add(new()
        {
            WebhookId = webhookId, Event = what, MessageId = $"msg_{Guid.CreateVersion7(clock.GetUtcNow()):N}", CreatedAt = now, NextAttemptAt = now,
            Body = JsonSerializer.Serialize(new { Type = what, Timestamp = now, Data = data }, JsonLines.Spelling),
        });
    }

    /// <summary>What is to be told, to whom, and the mark after it; null if the mark stands where it should.</summary>
    private static async Task<News?> NewsAsync(AnnotatorDbContext db, long studyId, CancellationToken cancellation)
    {
        var study = await db.Studies.AsNoTracking().Include(s => s.CurrentPolicy).SingleOrDefaultAsync(s => s.Id == studyId, cancellation);
        if (study is null)
        {
            return null;
        }

        var known = await db.WebhookMarks.AsNoTracking().SingleOrDefaultAsync(m => m.StudyId == studyId, cancellation);
        var mark = known ?? new() { StudyId = studyId };
        var webhooks = await db.Webhooks.AsNoTracking().Where(w => !w.IsPaused && (w.StudyId == null || w.StudyId == studyId)).ToListAsync(cancellation);
        var rounds = await db.Rounds.AsNoTracking().Include(r => r.ResultPolicy)
            .Where(r => r.StudyId == studyId && r.EndedAt != null && r.State != RoundState.Deleted && (mark.RoundEndedAt == null || r.EndedAt > mark.RoundEndedAt)).OrderBy(r => r.EndedAt).ToListAsync(cancellation);
        var judged = webhooks.Where(w => w.Events.HasFlag(WebhookEvents.Judgments) && study.JudgmentCount / w.JudgmentsEvery > mark.JudgmentCount / w.JudgmentsEvery).ToList();
        var promoted = study.CurrentPolicyId != mark.PolicyId;
        if (known is not null && rounds.Count == 0 && judged.Count == 0 && !promoted)
        {
            return null;
        }

        var about = new { study.Id, study.Name };
        var messages = new List<(Webhook, Message)>();
        foreach (var webhook in webhooks)
        {
            if (webhook.Events.HasFlag(WebhookEvents.RoundEnded))
            {
                messages.AddRange(rounds.Select(r => (webhook, new Message("round.ended", new
                {
                    Study = about, Round = new { r.Number, r.State, r.FailureReason, r.PreferenceCount, r.StartedAt, r.EndedAt, Policy = r.ResultPolicy?.Number },
                }))));
            }

            if (promoted && study.CurrentPolicy is { } policy && webhook.Events.HasFlag(WebhookEvents.PolicyPromoted))
            {
                messages.Add((webhook, new("policy.promoted", new { Study = about, Policy = new { policy.Number, policy.Hash } })));
            }

            if (judged.Contains(webhook))
            {
                messages.Add((webhook, new("judgments.counted", new { Study = about, Judgments = study.JudgmentCount, Every = webhook.JudgmentsEvery })));
            }
        }

        return new(messages, new()
        {
            StudyId = studyId, PolicyId = study.CurrentPolicyId, RoundEndedAt = rounds.LastOrDefault()?.EndedAt ?? mark.RoundEndedAt,
            // The highest so far: an undo and the same judgment again are no news.
            JudgmentCount = Math.Max(mark.JudgmentCount, study.JudgmentCount),
        });
    }

    private async Task SafelyAsync(Func<Task> look)
    {
        try
        {
            await look();
        }
#pragma warning disable CA1031 // A look that failed is made again at the next event.
        catch (Exception e) when (e is not OperationCanceledException)
#pragma warning restore CA1031
        {
            NotLooked(logger, e);
        }
    }

    private sealed record Message(string Event, object Data);

    private sealed record News(IReadOnlyList<(Webhook Webhook, Message Message)> Messages, WebhookMark Mark);

    [LoggerMessage(LogLevel.Error, "What webhooks are to be told could not be found out; it is tried again")]
    private static partial void NotLooked(ILogger logger, Exception e);
}

using System.Collections.Concurrent;
using Annotator.Web.Data;
using Annotator.Web.Live;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Web.Annotating;

/// <summary>
/// The desk's operations: lease the next comparison, judge it, take a judgment back. Each is one short transaction
/// that takes SQLite's write lock up front, so two annotators are never handed the same comparison and two tabs never
/// judge one twice.
/// </summary>
public sealed partial class Desk(
    IDbContextFactory<AnnotatorDbContext> contexts, WriteGate gate, SideOrder sideOrder, LiveFeed feed, TimeProvider clock)
{
    /// <summary>How long a comparison stays with an annotator who does nothing.</summary>
    public static readonly TimeSpan Lease = TimeSpan.FromMinutes(10);

    private static readonly TimeSpan SeenEvery = TimeSpan.FromMinutes(1);
    private readonly ConcurrentDictionary<string, DateTime> lastSeen = new();

    private DateTime Now => clock.GetUtcNow().UtcDateTime;

    /// <summary>The study that is annotated: the oldest one; null if there is none.</summary>
    public async Task<DeskStudy?> StudyAsync(CancellationToken cancel = default)
    {
        await using var db = await contexts.CreateDbContextAsync(cancel);
        return await db.Studies.OrderBy(s => s.Id)
            .Select(s => new DeskStudy(s.Id, s.Name, s.Guidelines, s.GuidelinesVersion,
                s.CurrentPolicy == null ? null : s.CurrentPolicy.Number))
            .FirstOrDefaultAsync(cancel);
    }

    /// <summary>
    /// Leases the next comparison for ten minutes, the newest policy's first; null if there is none. An unexpired lease
    /// of the annotator's own comes first, oldest first, so that a reload brings back what was on screen.
    /// </summary>
    /// <param name="except">The comparisons that the page has already.</param>
    /// <exception cref="NotAllowedException">The person is no annotator; so with every operation below.</exception>
    public async Task<ShownComparison?> NextAsync(
        Seat seat, IReadOnlyCollection<long> except, CancellationToken cancel = default)
    {
        ArgumentNullException.ThrowIfNull(seat);
        ArgumentNullException.ThrowIfNull(except);
        var (me, studyId) = (seat.RequireAnnotator(), seat.StudyId);
        await using var db = await contexts.CreateDbContextAsync(cancel);
        long? next;
        using (await gate.EnterAsync(cancel))
        {
            await using var transaction = await db.Database.BeginTransactionAsync(cancel);
            var now = Now;
            next = await LeaseAsync(db, studyId, me, except, now, now + Lease, cancel);
            await MarkSeenAsync(db, me, now, cancel);
            await transaction.CommitAsync(cancel);
        }

        return await ShowAsync(db, next, me, cancel);
    }

    /// <summary>Leases the next comparison within a transaction: the annotator's own first, then the stock's.</summary>
    private static async Task<long?> LeaseAsync(
        AnnotatorDbContext db, long studyId, string me, IReadOnlyCollection<long> except, DateTime now, DateTime until, CancellationToken cancel)
    {
        var own = db.Comparisons
            .Where(c => c.LeasedToId == me && c.LeaseExpiresAt > now && c.StudyId == studyId
                && c.RetiredAt == null && !except.Contains(c.Id)
                && !db.Judgments.Any(j => j.ComparisonId == c.Id && j.AnnotatorId == me && !j.IsSuperseded && j.Verdict != Verdict.Withdrawn))
            .OrderBy(c => c.LeaseExpiresAt);
        var next = await own.Select(c => (long?)c.Id).FirstOrDefaultAsync(cancel)
            ?? await Stock(db, studyId, me, now).Select(c => (long?)c.Id).FirstOrDefaultAsync(cancel);
        if (next is not null)
        {
            await db.Comparisons.Where(c => c.Id == next).ExecuteUpdateAsync(
                set => set.SetProperty(c => c.LeasedToId, me).SetProperty(c => c.LeaseExpiresAt, until), cancel);
        }

        return next;
    }

    /// <summary>
    /// What may be handed to an annotator, best first: unjudged, on nobody's desk, and not a prompt that the annotator
    /// has judged, skipped or has on the desk under the same policy.
    /// </summary>
    private static IQueryable<Comparison> Stock(AnnotatorDbContext db, long studyId, string me, DateTime now) =>
        db.Comparisons
            .Where(c => c.StudyId == studyId && c.RetiredAt == null && c.JudgmentCount == 0
                && (c.LeaseExpiresAt == null || c.LeaseExpiresAt <= now)
                && c.Purpose == ComparisonPurpose.Train
                && !db.Comparisons.Any(other => other.PolicyId == c.PolicyId && other.PromptId == c.PromptId
                    && ((other.LeasedToId == me && other.LeaseExpiresAt > now)
                        || db.Judgments.Any(j => j.ComparisonId == other.Id && j.AnnotatorId == me
                            && !j.IsSuperseded && j.Verdict != Verdict.Withdrawn))))
            .OrderByDescending(c => c.PolicyId).ThenBy(c => c.Id);

    /// <summary>
    /// Gives prefetched comparisons back when a page is left or fresh responses arrive: others may have them at once,
    /// unless a newer policy has come since, then they are retired.
    /// </summary>
    /// <param name="heldSince">When the page last asked for anything: leases that another page of the same annotator renewed since then stay.</param>
    public async Task ReleaseAsync(
        Seat seat, IReadOnlyCollection<long> comparisonIds, DateTime heldSince, CancellationToken cancel = default)
    {
        ArgumentNullException.ThrowIfNull(seat);
        var me = seat.RequireAnnotator();
        var newest = heldSince + Lease + TimeSpan.FromTicks(1);
        using var turn = await gate.EnterAsync(cancel);
        await using var db = await contexts.CreateDbContextAsync(cancel);
        await using var transaction = await db.Database.BeginTransactionAsync(cancel);
        var desk = await db.Comparisons
            .Where(c => comparisonIds.Contains(c.Id) && c.LeasedToId == me && c.LeaseExpiresAt <= newest)
            .Select(c => new { Comparison = c, IsNewest = c.PolicyId == c.Study!.CurrentPolicyId })
            .ToListAsync(cancel);
        foreach (var held in desk)
        {
            Release(held.Comparison, me);
            if (!held.IsNewest && held.Comparison is { JudgmentCount: 0, RetiredAt: null, Purpose: ComparisonPurpose.Train })
            {
                held.Comparison.RetiredAt = Now;
            }
        }

        await SaveAsync(db, cancel);
        await transaction.CommitAsync(cancel);
    }

    /// <summary>The annotator's standing judgments in the study, today and in all.</summary>
    public async Task<DeskCounts> CountAsync(Seat seat, CancellationToken cancel = default)
    {
        ArgumentNullException.ThrowIfNull(seat);
        seat.RequireAnnotator();
        await using var db = await contexts.CreateDbContextAsync(cancel);
        return await CountAsync(db, seat, cancel);
    }

    /// <summary>Why <see cref="NextAsync"/> found nothing.</summary>
    public async Task<EmptyDesk> WhyEmptyAsync(long studyId, CancellationToken cancel = default)
    {
        await using var db = await contexts.CreateDbContextAsync(cancel);
        var prompts = db.Prompts.Where(p => p.StudyId == studyId && p.Split == PromptSplit.Train);
        if (!await prompts.AnyAsync(cancel))
        {
            return EmptyDesk.NoPrompts;
        }

        var newest = db.Comparisons.Where(c => c.Purpose == ComparisonPurpose.Train && c.RetiredAt == null
            && c.PolicyId == c.Study!.CurrentPolicyId);
        if (await prompts.AnyAsync(p => !newest.Any(c => c.PromptId == p.Id), cancel))
        {
            return EmptyDesk.Sampling;
        }

        return await newest.AnyAsync(c => c.StudyId == studyId && c.JudgmentCount == 0, cancel) ? EmptyDesk.WithOthers : EmptyDesk.AllJudged;
    }

    private async Task<DeskCounts> CountAsync(AnnotatorDbContext db, Seat seat, CancellationToken cancel)
    {
        var startOfDay = seat.StartOfDay(Now);
        return await db.Judgments
            .Where(j => j.AnnotatorId == seat.Person.Id && !j.IsSuperseded && j.Verdict != Verdict.Withdrawn
                && j.Comparison!.StudyId == seat.StudyId)
            .GroupBy(_ => 1)
            .Select(all => new DeskCounts(all.Count(j => j.CreatedAt >= startOfDay), all.Count()))
            .SingleOrDefaultAsync(cancel) ?? new DeskCounts(0, 0);
    }

    private async Task<ShownComparison?> ShowAsync(AnnotatorDbContext db, long? id, string me, CancellationToken cancel)
    {
        if (id is null)
        {
            return null;
        }

        var texts = await db.ComparisonResponses.Where(r => r.ComparisonId == id).OrderBy(r => r.Position)
            .Select(r => new { Prompt = r.Response!.Prompt!.Text, r.Response.Text }).ToListAsync(cancel);
        var sides = sideOrder.Of(id.Value, me, texts.Count);
        return new(id.Value, texts[0].Prompt, sides, [.. sides.Select(position => texts[position].Text)]);
    }

    /// <summary>Tells the producer that somebody is at work, at most once a minute.</summary>
    private async Task MarkSeenAsync(AnnotatorDbContext db, string me, DateTime now, CancellationToken cancel)
    {
        if (!lastSeen.TryGetValue(me, out var seen) || now - seen >= SeenEvery)
        {
            await db.Users.Where(p => p.Id == me).ExecuteUpdateAsync(set => set.SetProperty(p => p.LastAnnotatingAt, now), cancel);
            lastSeen[me] = now;
        }
    }

    private static void Release(Comparison comparison, string me)
    {
        if (comparison.LeasedToId == me)
        {
            comparison.LeasedToId = null;
            comparison.LeaseExpiresAt = null;
        }
    }

    private static Task<int> SaveAsync(AnnotatorDbContext db, CancellationToken cancel)
    {
        db.Database.AutoSavepointsEnabled = false;
        return db.SaveChangesAsync(cancel);
    }
}

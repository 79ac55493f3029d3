using System.Collections.Concurrent;
using Annotator.Web.Data;
using Annotator.Web.Evaluations;
using Annotator.Web.Languages;
using Annotator.Web.Live;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Localization;

namespace Annotator.Web.Annotating;

/// <summary>
/// The desk's operations: lease the next comparison, judge it, look at it again. Each is one short transaction that takes
/// SQLite's write lock up front, so a comparison is never handed to more annotators than the study wants judgments of it,
/// and two tabs never judge one twice.
/// </summary>
public sealed partial class Desk(
    IDbContextFactory<AnnotatorDbContext> contexts, WriteGate gate, SideOrder sideOrder, EvaluationTally tally, LiveFeed feed, TimeProvider clock, IStringLocalizer<Words> words)
{
    /// <summary>How long a comparison stays with an annotator who does nothing.</summary>
    public static readonly TimeSpan Lease = TimeSpan.FromMinutes(10);

    private static readonly TimeSpan SeenEvery = TimeSpan.FromMinutes(1);
    private readonly ConcurrentDictionary<string, DateTime> lastSeen = new();
    private readonly JudgeCheck check = new(words);

    private DateTime Now => clock.GetUtcNow().UtcDateTime;

    /// <summary>A study that the person may annotate, the oldest one unless another is chosen; null if there is none.</summary>
    public async Task<DeskStudy?> StudyAsync(CurrentPerson person, long? studyId = null, CancellationToken cancel = default)
    {
        ArgumentNullException.ThrowIfNull(person);
        await using var db = await contexts.CreateDbContextAsync(cancel);
        return await db.OpenTo(person.Id).Where(s => s.IsDemo == person.IsSimulated && (studyId == null || s.Id == studyId)).OrderBy(s => s.Id)
            .Select(s => new DeskStudy(s.Id, s.Name, s.Guidelines, s.GuidelinesVersion, s.CurrentPolicy == null ? null : s.CurrentPolicy.Number, s.Task))
            .FirstOrDefaultAsync(cancel);
    }

    /// <summary>The studies to choose from, the oldest first, with the annotator's own progress in each.</summary>
    /// <param name="utcOffset">As in <see cref="Seat.UtcOffset"/>.</param>
    /// <exception cref="NotAllowedException">The person is no annotator; so with every operation below.</exception>
    public async Task<IReadOnlyList<StudyChoice>> StudiesAsync(CurrentPerson person, TimeSpan utcOffset, CancellationToken cancel = default)
    {
        ArgumentNullException.ThrowIfNull(person);
        person.RequireAnnotator();
        await using var db = await contexts.CreateDbContextAsync(cancel);
        var studies = await db.OpenTo(person.Id).Where(s => s.IsDemo == person.IsSimulated).OrderBy(s => s.Id)
            .Select(s => new
            {
                s.Id, s.Name, s.Task.Kind, s.Task.ResponsesPerComparison, s.Task.DailyTarget,
                HasWork = db.Comparisons.Any(c => c.StudyId == s.Id && c.Purpose == ComparisonPurpose.Train && c.RetiredAt == null && c.OpenPlaces > 0)
                    || db.Leases.Any(l => l.StudyId == s.Id && l.AnnotatorId == person.Id),
            })
            .ToListAsync(cancel);
        var choices = new List<StudyChoice>();
        foreach (var s in studies)
        {
            var mine = await CountAsync(db, new Seat(person, s.Id, utcOffset), cancel);
            choices.Add(new(s.Id, s.Name, s.Kind, s.ResponsesPerComparison, mine, s.DailyTarget, s.HasWork));
        }

        return choices;
    }

    /// <summary>
    /// Leases the next comparison for ten minutes, the newest policy's first; null if there is none, the day's target is
    /// reached, or the study is not open to the annotator. An unexpired lease of the annotator's own comes first, so that a reload
    /// brings back what was on screen.
    /// </summary>
    /// <param name="except">The comparisons that the page has already.</param>
    public async Task<ShownComparison?> NextAsync(Seat seat, IReadOnlyCollection<long> except, CancellationToken cancel = default)
    {
        ArgumentNullException.ThrowIfNull(seat);
        ArgumentNullException.ThrowIfNull(except);
        var me = seat.RequireAnnotator();
        await using var db = await contexts.CreateDbContextAsync(cancel);
        if (!await db.IsOpenToAsync(seat.StudyId, me, cancel))
        {
            return null;
        }

        Lease? next;
        using (await gate.EnterAsync(cancel))
        {
            await using var transaction = await db.Database.BeginTransactionAsync(cancel);
            var now = Now;
            var queue = new ComparisonQueue(db, sideOrder, seat.StudyId, me, now);
            await queue.SweepAsync(cancel);
            next = await queue.TakeAsync(except, await RoomAsync(db, seat, cancel), cancel);
            await db.SaveWithoutSavepointAsync(cancel);
            await MarkSeenAsync(db, me, now, cancel);
            await transaction.CommitAsync(cancel);
        }

        return await ShowAsync(db, next, cancel);
    }

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
        var newest = heldSince + Lease + TimeSpan.FromMilliseconds(1);                           // what lies on one desk expires a tick apart
        using var turn = await gate.EnterAsync(cancel);
        await using var db = await contexts.CreateDbContextAsync(cancel);
        await using var transaction = await db.Database.BeginTransactionAsync(cancel);
        var now = Now;
        var queue = new ComparisonQueue(db, sideOrder, seat.StudyId, me, now);
        var desk = await db.Leases.Include(l => l.Comparison)
            .Where(l => l.AnnotatorId == me && comparisonIds.Contains(l.ComparisonId) && l.ExpiresAt <= newest)
            .ToListAsync(cancel);
        var current = await db.Studies.Where(s => s.Id == seat.StudyId).Select(s => s.CurrentPolicyId).SingleOrDefaultAsync(cancel);
        foreach (var held in desk)
        {
            queue.Drop(held);
            if (held.Comparison is { JudgmentCount: 0, RetiredAt: null, Purpose: ComparisonPurpose.Train } unjudged && unjudged.PolicyId != current
                && !await db.Leases.AnyAsync(l => l.ComparisonId == held.ComparisonId && l.AnnotatorId != me && l.ExpiresAt > now, cancel))
            {
                unjudged.RetiredAt = now;
            }
        }

        await db.SaveWithoutSavepointAsync(cancel);
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
    public async Task<EmptyDesk> WhyEmptyAsync(Seat seat, CancellationToken cancel = default)
    {
        ArgumentNullException.ThrowIfNull(seat);
        var (me, studyId, now) = (seat.RequireAnnotator(), seat.StudyId, Now);
        await using var db = await contexts.CreateDbContextAsync(cancel);
        if (!await db.IsOpenToAsync(studyId, me, cancel))
        {
            return EmptyDesk.NotOpen;
        }

        if (await RoomAsync(db, seat, cancel) is <= 0)
        {
            return EmptyDesk.TargetReached;
        }

        var prompts = db.Prompts.Where(p => p.StudyId == studyId && p.Split == PromptSplit.Train);
        if (!await prompts.AnyAsync(cancel))
        {
            return EmptyDesk.NoPrompts;
        }

        // A prompt comes to an annotator once under each policy: where all were there, none is being written for this one.
        var current = await db.Studies.Where(s => s.Id == studyId).Select(s => s.CurrentPolicyId).SingleOrDefaultAsync(cancel);
        var left = prompts.Where(p => !p.IsPaused && !db.Judgments.Any(j => j.AnnotatorId == me && j.PolicyId == current && j.PromptId == p.Id
            && !j.IsSuperseded && j.Verdict != Verdict.Withdrawn));
        if (!await left.AnyAsync(cancel))
        {
            return EmptyDesk.AllJudged;
        }

        if (await left.AnyAsync(p => !db.Comparisons.Any(c => c.PromptId == p.Id && c.PolicyId == current && c.Purpose == ComparisonPurpose.Train && c.RetiredAt == null), cancel))
        {
            return EmptyDesk.Sampling;
        }

        return await db.Leases.AnyAsync(l => l.StudyId == studyId && l.ExpiresAt > now, cancel) ? EmptyDesk.WithOthers : EmptyDesk.AllJudged;
    }

    /// <summary>How many more the annotator may judge today; null = as many as there are.</summary>
    /// <exception cref="RefusedException">A person at a demo study, or a simulated annotator anywhere else.</exception>
    private async Task<int?> RoomAsync(AnnotatorDbContext db, Seat seat, CancellationToken cancel)
    {
        var study = await db.Studies.Where(s => s.Id == seat.StudyId).Select(s => new { s.IsDemo, s.Task.DailyTarget }).SingleOrDefaultAsync(cancel);
        if (study is not null && study.IsDemo != seat.Person.IsSimulated)
        {
            throw new RefusedException(words["A demo study is judged by simulated annotators alone, and they judge nothing else: choose another study."]);
        }

        return !seat.BeyondTarget && study?.DailyTarget is { } target ? target - await TodayAsync(db, seat, cancel) : null;
    }

    private async Task<int> TodayAsync(AnnotatorDbContext db, Seat seat, CancellationToken cancel)
    {
        var startOfDay = seat.StartOfDay(Now);
        return await Own(db, seat).CountAsync(j => j.CreatedAt >= startOfDay, cancel);
    }

    private async Task<DeskCounts> CountAsync(AnnotatorDbContext db, Seat seat, CancellationToken cancel)
    {
        var startOfDay = seat.StartOfDay(Now);
        return await Own(db, seat).GroupBy(_ => 1)
            .Select(all => new DeskCounts(all.Count(j => j.CreatedAt >= startOfDay), all.Count()))
            .SingleOrDefaultAsync(cancel) ?? new DeskCounts(0, 0);
    }

    /// <summary>What the annotator has answered in the study and what stands.</summary>
    private static IQueryable<Judgment> Own(AnnotatorDbContext db, Seat seat) =>
        db.Judgments.Where(j => j.AnnotatorId == seat.Person.Id && j.StudyId == seat.StudyId
            && !j.IsSuperseded && j.Verdict != Verdict.Withdrawn && (j.Origin == JudgmentOrigin.Queue || j.Origin == JudgmentOrigin.Repeat));

    private async Task<ShownComparison?> ShowAsync(AnnotatorDbContext db, Lease? lease, CancellationToken cancel)
    {
        if (lease is null)
        {
            return null;
        }

        var responses = await ResponsesAsync(db, [lease.ComparisonId], cancel);
        var count = responses[lease.ComparisonId].Count();
        var sides = sideOrder.Of(lease.ComparisonId, lease.AnnotatorId, count, lease.IsRepeat);
        return Shown(responses[lease.ComparisonId], sides) with { Draft = await DraftAsync(db, lease.ComparisonId, lease.AnnotatorId, cancel) };
    }

    /// <summary>The responses of comparisons in the order of their positions, with their prompts.</summary>
    private static async Task<ILookup<long, ResponseRow>> ResponsesAsync(AnnotatorDbContext db, IReadOnlyCollection<long> ids, CancellationToken cancel) =>
        (await db.ComparisonResponses.AsNoTracking().Where(r => ids.Contains(r.ComparisonId)).OrderBy(r => r.ComparisonId).ThenBy(r => r.Position)
            .Select(r => new ResponseRow(r.ComparisonId, r.ResponseId, r.Response!.Text, r.Response.Prompt!.Text, r.Response.Prompt.Messages))
            .ToListAsync(cancel))
        .ToLookup(r => r.ComparisonId);

    private static ShownComparison Shown(IEnumerable<ResponseRow> rows, int[] sides)
    {
        var byPosition = rows.ToList();
        return new(byPosition[0].ComparisonId, byPosition[0].Prompt, sides, [.. sides.Select(position => byPosition[position].Text)])
        {
            Messages = byPosition[0].Messages,
            ResponseIds = [.. sides.Select(position => byPosition[position].Id)],
        };
    }

    private sealed record ResponseRow(
        long ComparisonId, long Id, string Text, string Prompt, IReadOnlyList<Annotator.Model.Preferences.ChatMessage>? Messages);

    /// <summary>Tells the producer that somebody is at work, at most once a minute.</summary>
    private async Task MarkSeenAsync(AnnotatorDbContext db, string me, DateTime now, CancellationToken cancel)
    {
        if (!lastSeen.TryGetValue(me, out var seen) || now - seen >= SeenEvery)
        {
            await db.Users.Where(p => p.Id == me).ExecuteUpdateAsync(set => set.SetProperty(p => p.LastAnnotatingAt, now), cancel);
            lastSeen[me] = now;
        }
    }
}

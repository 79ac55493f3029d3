using Annotator.Web.Data;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Web.Annotating;

/// <summary>
/// Which comparison comes next, and who has which on the desk. Every operation runs within a transaction of the desk's,
/// which has SQLite's write lock; the times are its own.
/// </summary>
/// <param name="study">The study's id.</param>
/// <param name="me">The annotator's id.</param>
internal sealed class ComparisonQueue(AnnotatorDbContext db, SideOrder order, long study, string me, DateTime now)
{
    /// <summary>A repeat comes after at least this many other judgments.</summary>
    public const int RepeatDistance = 20;

    /// <summary>In steps; a longer one is noted down, which costs a row written.</summary>
    private const int LongestWalk = 16;

    /// <summary>When what is leased now expires.</summary>
    private DateTime Until => now + Desk.Lease;

    /// <summary>Takes away what has expired, the annotator's own too: whoever comes first has the place.</summary>
    public async Task SweepAsync(CancellationToken cancel)
    {
        foreach (var lease in await db.Leases.Include(l => l.Comparison).Where(l => l.ExpiresAt <= now).ToListAsync(cancel))
        {
            Drop(lease);
        }

        await db.SaveWithoutSavepointAsync(cancel);
    }

    /// <summary>
    /// Leases the next comparison to the annotator; null if there is none. Own leases come first, the one at the front first,
    /// so that a reload brings back what was on screen; then at the study's rates a gold comparison, a repeat or one between two policies; then the stock.
    /// What the page has then stands at the front, this one behind it, and behind that whatever else lies on the desk.
    /// </summary>
    /// <param name="except">What the page has already, in its order.</param>
    /// <param name="room">How many more the annotator may judge today, those of <paramref name="except"/> among them; null = no limit.</param>
    public async Task<Lease?> TakeAsync(IReadOnlyCollection<long> except, int? room, CancellationToken cancel)
    {
        var held = await HeldAsync(cancel);
        var next = except.Count >= room ? null
            : held.Find(l => !except.Contains(l.ComparisonId) && l.Comparison!.RetiredAt is null)
                ?? await FreshAsync(held.Count, cancel);
        if (next is not null && !held.Contains(next))
        {
            held.Add(next);
        }

        Renew(held, next is null ? [.. except] : [.. except, next.ComparisonId]);
        return next;
    }

    /// <summary>
    /// Renews the annotator's lease on a comparison, if there is one, and with it all others on the desk: a
    /// reload then finds that one on screen and the others behind it.
    /// </summary>
    public async Task RenewAsync(long onScreen, CancellationToken cancel)
    {
        var held = await HeldAsync(cancel);
        if (held.Exists(l => l.ComparisonId == onScreen))
        {
            Renew(held, [onScreen]);
            await db.SaveWithoutSavepointAsync(cancel);
        }
    }

    /// <summary>Takes the comparison off the annotator's desk; its place is open again.</summary>
    public void Drop(Lease lease)
    {
        if (TakesPlace(lease))
        {
            lease.Comparison!.OpenPlaces++;
        }

        db.Leases.Remove(lease);
    }

    /// <summary>Puts a comparison on the annotator's desk.</summary>
    public Lease Add(Comparison comparison, bool isRepeat)
    {
        var lease = new Lease { ComparisonId = comparison.Id, Comparison = comparison, AnnotatorId = me, StudyId = study, IsRepeat = isRepeat, ExpiresAt = Until };
        db.Leases.Add(lease);
        if (TakesPlace(lease))
        {
            comparison.OpenPlaces--;
        }

        return lease;
    }

    /// <summary>What lies on the annotator's desk, the one that a reload brings back at the front.</summary>
    private Task<List<Lease>> HeldAsync(CancellationToken cancel) =>
        db.Leases.Include(l => l.Comparison).Where(l => l.AnnotatorId == me && l.StudyId == study && l.ExpiresAt > now)
            .OrderBy(l => l.ExpiresAt).ToListAsync(cancel);

    /// <summary>Lets leases expire a tick after one another: first those that the page has, then the others in the order they had.</summary>
    private void Renew(IEnumerable<Lease> held, long[] inFront)
    {
        var places = inFront.Index().ToDictionary(one => one.Item, one => one.Index);
        foreach (var (place, lease) in held.OrderBy(l => places.GetValueOrDefault(l.ComparisonId, int.MaxValue)).Index())
        {
            lease.ExpiresAt = Until + TimeSpan.FromTicks(place);
        }
    }

    private static bool TakesPlace(Lease lease) => !lease.IsRepeat && lease.Comparison!.Purpose != ComparisonPurpose.Gold;

    private async Task<Lease?> FromStockAsync(CancellationToken cancel) =>
        await OpenIdAsync(cancel) is { } id ? Add(await db.Comparisons.SingleAsync(c => c.Id == id, cancel), isRepeat: false) : null;

    /// <summary>
    /// The first comparison of the queue with an open place whose prompt the annotator has neither judged, skipped nor on
    /// the desk under the same policy. The walk goes from prompt to prompt along one index and stops at the first that is
    /// free. What it passed over is noted down once it is more than a few, so that the next walk passes over it in one step:
    /// it takes the same time whether the annotator has judged ten that still want other judgments, or a hundred thousand.
    /// </summary>
    private async Task<long?> OpenIdAsync(CancellationToken cancel)
    {
        var walk = (await db.Database.SqlQuery<Walk>($"""
            WITH RECURSIVE walk(Id, QueueOrder, SeenTo) AS (
              SELECT NULL, NULL, -1
              UNION ALL
              SELECT c.Id, c.QueueOrder, COALESCE(
                (SELECT s.LastOrder FROM SeenStretches s WHERE s.StudyId = {study} AND s.AnnotatorId = {me}
                  AND s.FirstOrder <= c.QueueOrder AND s.LastOrder >= c.QueueOrder ORDER BY s.FirstOrder DESC LIMIT 1),
                (SELECT c.QueueOrder WHERE
                  EXISTS (SELECT 1 FROM Judgments j WHERE j.AnnotatorId = {me} AND j.PolicyId = c.PolicyId AND j.PromptId = c.PromptId
                    AND NOT j.IsSuperseded AND j.Verdict <> {(int)Verdict.Withdrawn})
                  OR EXISTS (SELECT 1 FROM Leases l JOIN Comparisons o ON o.Id = l.ComparisonId
                    WHERE l.AnnotatorId = {me} AND l.StudyId = {study} AND o.PolicyId = c.PolicyId AND o.PromptId = c.PromptId)))
              FROM walk w JOIN Comparisons c ON c.Id = (
                SELECT n.Id FROM Comparisons n WHERE n.StudyId = {study} AND n.Purpose = 0 AND n.RetiredAt IS NULL AND n.OpenPlaces > 0
                  AND n.QueueOrder > w.SeenTo
                ORDER BY n.QueueOrder, n.Id LIMIT 1)
              WHERE w.SeenTo IS NOT NULL)
            SELECT MAX(CASE WHEN SeenTo IS NULL THEN Id END) AS Id, MIN(QueueOrder) AS FirstOrder, MAX(SeenTo) AS SeenTo, COUNT(Id) AS Steps FROM walk
            """).ToListAsync(cancel))[0];
        if (walk.Steps > LongestWalk)
        {
            await db.Database.ExecuteSqlAsync($"""
                DELETE FROM SeenStretches WHERE StudyId = {study} AND AnnotatorId = {me} AND FirstOrder <= {walk.SeenTo};
                INSERT INTO SeenStretches (StudyId, AnnotatorId, FirstOrder, LastOrder) VALUES ({study}, {me}, {walk.FirstOrder}, {walk.SeenTo});
                """, cancel);
        }

        return walk.Id;
    }

    /// <summary>A walk along the queue.</summary>
    /// <param name="Id">Of the comparison it led to; null if there is none.</param>
    /// <param name="FirstOrder">Where it began; null if nothing is open.</param>
    /// <param name="SeenTo">Up to here, there is nothing for the annotator.</param>
    private sealed record Walk(long? Id, long? FirstOrder, long SeenTo, int Steps);

    /// <summary>One that is not on the desk yet. Where the stock has nothing more for the annotator, those between two policies are there for them all the same.</summary>
    private async Task<Lease?> FreshAsync(int held, CancellationToken cancel)
    {
        var (gold, repeat, share) = await db.Studies.Where(s => s.Id == study)
            .Select(s => new ValueTuple<double, double, double>(s.Task.GoldRate, s.Task.RepeatRate, s.Evaluation.Share)).SingleAsync(cancel);
        return await AtItsRateAsync(gold, repeat, share, held, cancel) ?? await FromStockAsync(cancel) ?? (share > 0 ? await EvaluationAsync(cancel) : null);
    }

    /// <summary>By a keyed hash of what the annotator has done so far, so that asking again decides the same.</summary>
    private async Task<Lease?> AtItsRateAsync(double gold, double repeat, double share, int held, CancellationToken cancel)
    {
        if (gold + repeat + share <= 0)
        {
            return null;
        }

        var last = await Own().OrderByDescending(j => j.CreatedAt).ThenByDescending(j => j.Id).Select(j => j.Id).FirstOrDefaultAsync(cancel);
        var chance = order.Chance(study, me, last, held);
        if (chance < gold)
        {
            return await GoldAsync(cancel);
        }

        chance -= gold;
        if (chance < repeat)
        {
            return await RepeatAsync(chance / repeat, cancel);
        }

        return chance - repeat < share ? await EvaluationAsync(cancel) : null;
    }

    /// <summary>One between two policies. It has one place, so what is open nobody has judged or on the desk.</summary>
    private async Task<Lease?> EvaluationAsync(CancellationToken cancel)
    {
        var next = await db.Comparisons
            .Where(c => c.StudyId == study && c.Purpose == ComparisonPurpose.Evaluation && c.RetiredAt == null && c.OpenPlaces > 0
                && !db.Judgments.Any(j => j.ComparisonId == c.Id && j.AnnotatorId == me && !j.IsSuperseded && j.Verdict != Verdict.Withdrawn))
            .OrderBy(c => c.QueueOrder).ThenBy(c => c.Id)
            .FirstOrDefaultAsync(cancel);
        return next is null ? null : Add(next, isRepeat: false);
    }

    private async Task<Lease?> GoldAsync(CancellationToken cancel)
    {
        var gold = await db.Comparisons
            .Where(c => c.StudyId == study && c.Purpose == ComparisonPurpose.Gold && c.RetiredAt == null
                && !db.Judgments.Any(j => j.ComparisonId == c.Id && j.AnnotatorId == me && !j.IsSuperseded && j.Verdict != Verdict.Withdrawn)
                && !db.Leases.Any(l => l.ComparisonId == c.Id && l.AnnotatorId == me))
            .OrderBy(c => c.QueueOrder).ThenBy(c => c.Id)
            .FirstOrDefaultAsync(cancel);
        return gold is null ? null : Add(gold, isRepeat: false);
    }

    /// <summary>One that the annotator answered at least <see cref="RepeatDistance"/> judgments ago, and was not asked again since.</summary>
    /// <param name="place">From 0, the annotator's first judgment, to 1, the latest that is far enough back: where to look from.</param>
    private async Task<Lease?> RepeatAsync(double place, CancellationToken cancel)
    {
        var far = await Own().OrderByDescending(j => j.CreatedAt).ThenByDescending(j => j.Id).Skip(RepeatDistance)
            .Select(j => (DateTime?)j.CreatedAt).FirstOrDefaultAsync(cancel);
        if (far is null)
        {
            return null;
        }

        var first = await Own().OrderBy(j => j.CreatedAt).Select(j => j.CreatedAt).FirstAsync(cancel);
        var from = first + ((far.Value - first) * place);
        var again = await Own()
            .Where(j => j.CreatedAt >= from && j.CreatedAt <= far && j.Origin == JudgmentOrigin.Queue && (j.Verdict == Verdict.Ranked || j.Verdict == Verdict.BothBad)
                && j.Comparison!.Purpose == ComparisonPurpose.Train
                && !db.Judgments.Any(r => r.ComparisonId == j.ComparisonId && r.AnnotatorId == me && r.Origin == JudgmentOrigin.Repeat && !r.IsSuperseded)
                && !db.Leases.Any(l => l.ComparisonId == j.ComparisonId && l.AnnotatorId == me))
            .OrderBy(j => j.CreatedAt).ThenBy(j => j.Id)
            .Select(j => j.Comparison!)
            .FirstOrDefaultAsync(cancel);
        return again is null ? null : Add(again, isRepeat: true);
    }

    private IQueryable<Judgment> Own() =>
        db.Judgments.Where(j => j.AnnotatorId == me && j.StudyId == study && !j.IsSuperseded && j.Verdict != Verdict.Withdrawn
            && (j.Origin == JudgmentOrigin.Queue || j.Origin == JudgmentOrigin.Repeat));
}

using Annotator.Web.Data;
using Annotator.Web.Live;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Web.Annotating;

/// <content>Judgments are only ever added: a second look supersedes, an undo withdraws.</content>
public sealed partial class Desk
{
    public const int MaxCommentLength = 4000;

    /// <summary>
    /// Writes a judgment down and leases the comparison after the prefetched one, in one transaction: each costs a wait for
    /// the disk. Returns once it is committed. A repeat of the same press, or of a comparison that the annotator judged in
    /// another window, adds no judgment.
    /// </summary>
    /// <exception cref="ArgumentException">A skip without a reason, or a reason without a skip.</exception>
    /// <exception cref="RefusedException">The comparison is not there any more, or the comment is too long.</exception>
    public async Task<JudgeResult> JudgeAsync(Seat seat, JudgeRequest request, CancellationToken cancel = default)
    {
        ArgumentNullException.ThrowIfNull(seat);
        Check(request);
        var me = seat.RequireAnnotator();
        var id = request.Comparison.Id;
        var added = false;
        long? next;
        bool kept;
        await using var db = await contexts.CreateDbContextAsync(cancel);
        using (await gate.EnterAsync(cancel))
        {
            await using var transaction = await db.Database.BeginTransactionAsync(cancel);
            var now = Now;
            // The judged one and the prefetched one: the lease of the latter is renewed in the same breath.
            var desk = await db.Comparisons.Where(c => c.Id == id || c.LeasedToId == me).ToListAsync(cancel);
            var comparison = desk.SingleOrDefault(c => c.Id == id && c.StudyId == seat.StudyId)
                ?? throw new RefusedException("This comparison is not there any more: reload the page to go on.");
            var earlier = await db.Judgments.AsNoTracking()
                .Where(j => j.RequestId == request.RequestId || (j.ComparisonId == id && j.AnnotatorId == me && !j.IsSuperseded))
                .Select(j => new { j.Id, j.RequestId, j.Verdict })
                .ToListAsync(cancel);
            var withdrawn = earlier.SingleOrDefault(j => j.Verdict == Verdict.Withdrawn);
            if (earlier.TrueForAll(j => j == withdrawn))
            {
                if (withdrawn is not null)
                {
                    await SupersedeAsync(db, withdrawn.Id, cancel);
                }

                db.Judgments.Add(NewJudgment(request, me, now, withdrawn?.Id));
                comparison.JudgmentCount++;
                added = true;
            }

            Release(comparison, me);
            var prefetched = desk.Find(c => c.Id == request.PrefetchedId && c.Id != id && c.RetiredAt is null);
            kept = prefetched is not null;
            if (prefetched is not null)
            {
                prefetched.LeaseExpiresAt = now + Lease;
            }

            await SaveAsync(db, cancel);
            // A tick later, so that a reload finds them in this order.
            next = await LeaseAsync(db, seat.StudyId, me, kept ? [prefetched!.Id] : [], now, now + Lease + TimeSpan.FromTicks(1), cancel);
            await MarkSeenAsync(db, me, now, cancel);
            await transaction.CommitAsync(cancel);
        }

        if (added)
        {
            await TellAsync(db, seat.StudyId, cancel);
        }

        return new(AlreadyJudged: !added, await CountAsync(db, seat, cancel), kept, await ShowAsync(db, next, me, cancel));
    }

    /// <summary>
    /// Withdraws the annotator's last standing judgment of the study and leases its comparison to them again, as the
    /// first on the desk; null if there is nothing to take back. A repeat of the same press withdraws nothing more.
    /// </summary>
    public async Task<UndoResult?> UndoAsync(Seat seat, Guid requestId, CancellationToken cancel = default)
    {
        ArgumentNullException.ThrowIfNull(seat);
        var (me, studyId) = (seat.RequireAnnotator(), seat.StudyId);
        Judgment? last;
        await using var db = await contexts.CreateDbContextAsync(cancel);
        using (await gate.EnterAsync(cancel))
        {
            await using var transaction = await db.Database.BeginTransactionAsync(cancel);
            var now = Now;
            last = await db.Judgments.AsNoTracking().Where(j => j.RequestId == requestId && j.AnnotatorId == me).Select(j => j.Supersedes).FirstOrDefaultAsync(cancel);
            if (last is null)
            {
                last = await db.Judgments.AsNoTracking()
                    .Where(j => j.AnnotatorId == me && !j.IsSuperseded && j.Verdict != Verdict.Withdrawn && j.Comparison!.StudyId == studyId)
                    .OrderByDescending(j => j.CreatedAt).ThenByDescending(j => j.Id)
                    .FirstOrDefaultAsync(cancel);
                if (last is null)
                {
                    return null;
                }

                await SupersedeAsync(db, last.Id, cancel);
                db.Judgments.Add(Withdrawal(last, requestId, now));
                var desk = await db.Comparisons.Where(c => c.Id == last.ComparisonId || c.LeasedToId == me).ToListAsync(cancel);
                foreach (var comparison in desk)
                {
                    if (comparison.Id == last.ComparisonId)
                    {
                        comparison.JudgmentCount--;
                        comparison.LeasedToId = me;
                        comparison.LeaseExpiresAt = now + Lease;
                    }
                    else
                    {
                        // A tick later: after a reload the one that was taken back is on screen, this one behind it.
                        comparison.LeaseExpiresAt = now + Lease + TimeSpan.FromTicks(1);
                    }
                }

                await SaveAsync(db, cancel);
                await transaction.CommitAsync(cancel);
            }
        }

        await TellAsync(db, studyId, cancel);
        var shown = await ShowAsync(db, last.ComparisonId, me, cancel);
        return new(shown! with { Comment = last.Comment }, AnswerOf(last), await CountAsync(db, seat, cancel));
    }

    private async Task TellAsync(AnnotatorDbContext db, long studyId, CancellationToken cancel) =>
        feed.Publish(new JudgmentCounted(studyId, await db.Comparisons.Where(c => c.StudyId == studyId).SumAsync(c => c.JudgmentCount, cancel)));

    private static void Check(JudgeRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        if ((request.Answer == Answer.Skip) != request.SkipReason.HasValue)
        {
            throw new ArgumentException("A skip needs a reason, and only a skip has one.", nameof(request));
        }

        if (request.Comment?.Length > MaxCommentLength)
        {
            throw new RefusedException($"The comment has {request.Comment.Length} characters; at most {MaxCommentLength} are kept: shorten it.");
        }
    }

    private static Judgment NewJudgment(JudgeRequest request, string me, DateTime now, long? supersedes) => new()
    {
        ComparisonId = request.Comparison.Id,
        AnnotatorId = me,
        Verdict = request.Verdict,
        Ranking = request.Ranking,
        SkipReason = request.SkipReason,
        Comment = string.IsNullOrWhiteSpace(request.Comment) ? null : request.Comment.Trim(),
        SidesShown = [.. request.Comparison.Sides],
        Seconds = Math.Round(Math.Max(0, request.Seconds), 3),
        GuidelinesVersion = request.GuidelinesVersion,
        SupersedesId = supersedes,
        RequestId = request.RequestId,
        CreatedAt = now,
    };

    private static Judgment Withdrawal(Judgment judgment, Guid requestId, DateTime now) => new()
    {
        ComparisonId = judgment.ComparisonId,
        AnnotatorId = judgment.AnnotatorId,
        Verdict = Verdict.Withdrawn,
        SidesShown = judgment.SidesShown,
        Seconds = 0,
        GuidelinesVersion = judgment.GuidelinesVersion,
        SupersedesId = judgment.Id,
        RequestId = requestId,
        CreatedAt = now,
    };

    private static Answer AnswerOf(Judgment judgment) => judgment switch
    {
        { Verdict: Verdict.BothBad } => Answer.BothBad,
        { Verdict: Verdict.Skipped } => Answer.Skip,
        { Ranking: [[var best], ..] } => best == judgment.SidesShown[0] ? Answer.Left : Answer.Right,
        _ => Answer.Tie,
    };

    // Before the new row is added: the database allows one current judgment an annotator and comparison.
    private static Task<int> SupersedeAsync(AnnotatorDbContext db, long judgmentId, CancellationToken cancel) =>
        db.Judgments.Where(j => j.Id == judgmentId).ExecuteUpdateAsync(set => set.SetProperty(j => j.IsSuperseded, true), cancel);
}

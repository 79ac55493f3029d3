using Annotator.Web.Data;
using Annotator.Web.Live;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Web.Annotating;

/// <content>Judging. Judgments are only ever added.</content>
public sealed partial class Desk
{
    private RefusedException NotOpen => new(words["This study is not open to you any more: go on with another, or ask an admin."]);
    private RefusedException NotThere => new(words["This comparison is not there any more: reload the page to go on."]);

    /// <summary>
    /// Writes a judgment down and leases the comparison after the prefetched one, in one transaction: each costs a wait for
    /// the disk. Returns once it is committed. A repeat of the same press adds nothing and answers as the first did; of a
    /// comparison that the annotator judged in another window, or whose places others have taken since the lease ran out,
    /// nothing is added either.
    /// </summary>
    /// <exception cref="ArgumentException">An answer that fits neither the comparison nor the study: <see cref="JudgeCheck"/>.</exception>
    /// <exception cref="RefusedException">Something that the annotator can set right, or the comparison is not there any more, or the study not open to them.</exception>
    public async Task<JudgeResult> JudgeAsync(Seat seat, JudgeRequest request, CancellationToken cancel = default)
    {
        ArgumentNullException.ThrowIfNull(seat);
        ArgumentNullException.ThrowIfNull(request);
        var me = seat.RequireAnnotator();
        await using var db = await contexts.CreateDbContextAsync(cancel);
        await CheckAsync(db, seat, request, cancel);
        Study study;
        Lease? next, prefetched;
        (JudgeOutcome Outcome, Judgment? Judgment, bool Added) answered;
        using (await gate.EnterAsync(cancel))
        {
            await using var transaction = await db.Database.BeginTransactionAsync(cancel);
            var now = Now;
            var queue = new ComparisonQueue(db, sideOrder, seat.StudyId, me, now);
            await queue.SweepAsync(cancel);
            study = await db.Studies.SingleAsync(s => s.Id == seat.StudyId, cancel);
            var desk = await db.Leases.Include(l => l.Comparison).Where(l => l.AnnotatorId == me && l.StudyId == study.Id).ToListAsync(cancel);
            var lease = desk.Find(l => l.ComparisonId == request.Comparison.Id);

            answered = await AnswerAsync(db, study, lease, me, request, now, cancel);
            if (lease is not null)
            {
                queue.Drop(lease);
            }

            prefetched = desk.Find(l => l.ComparisonId == request.PrefetchedId && l != lease && l.Comparison!.RetiredAt is null);
            await db.SaveWithoutSavepointAsync(cancel);
            next = await queue.TakeAsync(prefetched is null ? [] : [prefetched.ComparisonId], await RoomAsync(db, seat, cancel), cancel);
            await db.SaveWithoutSavepointAsync(cancel);
            await MarkSeenAsync(db, me, now, cancel);
            await transaction.CommitAsync(cancel);
        }

        if (answered.Added)
        {
            feed.Publish(new JudgmentCounted(study.Id, study.JudgmentCount));
        }

        return new(answered.Outcome, await CountAsync(db, seat, cancel), prefetched is not null, await ShowAsync(db, next, cancel))
        {
            Gold = study.Task.ShowsGoldFeedback && answered.Judgment is { GoldCorrect: { } correct, Comparison.GoldRanking: { } ranking } ? new(correct, ranking) : null,
        };
    }

    /// <summary>Before anybody else has to wait: is it an answer to this comparison that the study takes?</summary>
    private async Task CheckAsync(AnnotatorDbContext db, Seat seat, JudgeRequest request, CancellationToken cancel)
    {
        var task = await db.OpenTo(seat.Person.Id).AsNoTracking().Where(s => s.Id == seat.StudyId).Select(s => s.Task).SingleOrDefaultAsync(cancel)
            ?? throw NotOpen;
        var responses = db.Comparisons.Where(c => c.Id == request.Comparison.Id && c.StudyId == seat.StudyId).SelectMany(c => c.Responses);
        var count = await responses.CountAsync(cancel);
        if (count == 0)
        {
            throw NotThere;
        }

        var original = request.Edit is { Position: var position }
            ? await responses.Where(r => r.Position == position).Select(r => r.Response!.Text).SingleOrDefaultAsync(cancel)
            : null;
        check.Check(request, task, count, original);
    }

    /// <summary>Adds the judgment if it may be added.</summary>
    private async Task<(JudgeOutcome Outcome, Judgment? Judgment, bool Added)> AnswerAsync(
        AnnotatorDbContext db, Study study, Lease? lease, string me, JudgeRequest request, DateTime now, CancellationToken cancel)
    {
        var comparison = lease?.Comparison ?? await db.Comparisons.SingleOrDefaultAsync(c => c.Id == request.Comparison.Id, cancel)
            ?? throw NotThere;
        var origin = lease is { IsRepeat: true } ? JudgmentOrigin.Repeat : JudgmentOrigin.Queue;
        var earlier = await db.Judgments
            .Where(j => j.RequestId == request.RequestId || (j.ComparisonId == comparison.Id && j.AnnotatorId == me && j.Origin == origin && !j.IsSuperseded))
            .ToListAsync(cancel);
        if (earlier.Find(j => j.RequestId == request.RequestId) is { } same)
        {
            return (JudgeOutcome.Judged, same, false);
        }

        var current = earlier.SingleOrDefault();
        if (current is { Verdict: not Verdict.Withdrawn })
        {
            return (JudgeOutcome.AlreadyJudged, null, false);
        }

        if (lease is null && comparison is { OpenPlaces: <= 0, Purpose: not ComparisonPurpose.Gold })
        {
            return (JudgeOutcome.TakenOver, null, false);
        }

        var judgment = await AddAsync(db, comparison, origin, current, me, request, now, cancel);
        Count(study, comparison, origin, 1);
        return (JudgeOutcome.Judged, judgment, true);
    }

    /// <summary>One judgment more or less. A repeat counts nowhere, and everybody may judge a gold comparison.</summary>
    private static void Count(Study study, Comparison comparison, JudgmentOrigin origin, int by)
    {
        if (origin == JudgmentOrigin.Queue)
        {
            study.JudgmentCount += by;
            comparison.JudgmentCount += by;
            comparison.OpenPlaces -= comparison.Purpose == ComparisonPurpose.Gold ? 0 : by;
        }
    }

    /// <summary>Adds a judgment with its edit, in the place of another if there is one. The draft has served.</summary>
    private static async Task<Judgment> AddAsync(
        AnnotatorDbContext db, Comparison comparison, JudgmentOrigin origin, Judgment? superseded, string me, JudgeRequest request, DateTime now, CancellationToken cancel)
    {
        if (superseded is not null)
        {
            // Saved before the new row is added: the database allows one current judgment an annotator and comparison.
            superseded.IsSuperseded = true;
            await db.SaveWithoutSavepointAsync(cancel);
        }

        var judgment = new Judgment
        {
            ComparisonId = comparison.Id,
            Comparison = comparison,
            AnnotatorId = me,
            StudyId = comparison.StudyId,
            PolicyId = comparison.PolicyId,
            PromptId = comparison.PromptId,
            Origin = origin,
            Verdict = request.Verdict,
            Ranking = request.Ranking,
            Strength = request.Strength,
            SkipReason = request.SkipReason,
            Comment = string.IsNullOrWhiteSpace(request.Comment) ? null : request.Comment.Trim(),
            Reasons = [.. request.Reasons.Distinct()],
            Flags = FlagsOf(request),
            OrderUntouched = request is { Answer: Answer.Ranked, OrderUntouched: true },
            GoldCorrect = GoldAnswer.IsCorrect(comparison.GoldRanking, request.Verdict, request.Ranking),
            SidesShown = [.. request.Comparison.Sides],
            Seconds = Math.Round(Math.Max(0, request.Seconds), 3),
            GuidelinesVersion = request.GuidelinesVersion,
            SupersedesId = superseded?.Id,
            RequestId = request.RequestId,
            CreatedAt = now,
        };
        db.Judgments.Add(judgment);
        if (request.Edit is { } edit)
        {
            await AddEditAsync(db, judgment, edit, cancel);
        }

        await db.Drafts.Where(d => d.AnnotatorId == me && d.ComparisonId == comparison.Id).ExecuteDeleteAsync(cancel);
        return judgment;
    }

    private static ResponseFaults[]? FlagsOf(JudgeRequest request) =>
        request.Flags is { } flags && flags.Values.Any(flag => flag != ResponseFaults.None)
            ? [.. Enumerable.Range(0, request.Comparison.Sides.Count).Select(position => flags.GetValueOrDefault(position))]
            : null;

    /// <summary>The edited response, preferred to its original by its author: a comparison of its own that nobody else gets.</summary>
    private static async Task AddEditAsync(AnnotatorDbContext db, Judgment judgment, ResponseEdit edit, CancellationToken cancel)
    {
        var original = await db.ComparisonResponses.Where(r => r.ComparisonId == judgment.ComparisonId && r.Position == edit.Position)
            .Select(r => r.Response!).SingleAsync(cancel);
        var edited = new Response
        {
            PromptId = original.PromptId,
            AuthorId = judgment.AnnotatorId,
            EditedFrom = original,
            Text = edit.Text,
            PromptTokenIds = original.PromptTokenIds,
            Sampling = new(),
            Seed = 0,
            FinishReason = "stop",
            CreatedAt = judgment.CreatedAt,
        };
        var comparison = new Comparison
        {
            StudyId = judgment.StudyId,
            PromptId = judgment.PromptId,
            PolicyId = judgment.PolicyId,
            Purpose = ComparisonPurpose.Edit,
            QueueOrder = judgment.Comparison!.QueueOrder,
            JudgmentCount = 1,
            OpenPlaces = 0,
            CreatedAt = judgment.CreatedAt,
        };
        comparison.Responses.Add(new() { Position = 0, Response = original });
        comparison.Responses.Add(new() { Position = 1, Response = edited });
        db.Judgments.Add(new()
        {
            Comparison = comparison,
            AnnotatorId = judgment.AnnotatorId,
            StudyId = judgment.StudyId,
            PolicyId = judgment.PolicyId,
            PromptId = judgment.PromptId,
            Origin = JudgmentOrigin.Edit,
            GivenWith = judgment,
            Verdict = Verdict.Ranked,
            Ranking = [[1], [0]],
            SidesShown = [0, 1],
            Seconds = judgment.Seconds,
            GuidelinesVersion = judgment.GuidelinesVersion,
            RequestId = Guid.NewGuid(),
            CreatedAt = judgment.CreatedAt,
        });
    }
}

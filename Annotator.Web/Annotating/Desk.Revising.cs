using Annotator.Web.Data;
using Annotator.Web.Live;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Web.Annotating;

/// <content>A second look: history, revision, undo. Nothing is overwritten.</content>
public sealed partial class Desk
{
    private const int HistoryPageSize = 20;

    /// <summary>The annotator's own standing judgments in the study, newest first, a page at a time.</summary>
    /// <param name="before">From the page before; null = from the newest.</param>
    public async Task<HistoryPage> HistoryAsync(Seat seat, HistoryMark? before = null, CancellationToken cancel = default)
    {
        ArgumentNullException.ThrowIfNull(seat);
        seat.RequireAnnotator();
        await using var db = await contexts.CreateDbContextAsync(cancel);
        var rows = Own(db, seat).AsNoTracking();
        if (before is { At: var at, JudgmentId: var id })
        {
            rows = rows.Where(j => j.CreatedAt < at || (j.CreatedAt == at && j.Id < id));
        }

        var judgments = await rows.OrderByDescending(j => j.CreatedAt).ThenByDescending(j => j.Id).Take(HistoryPageSize + 1).ToListAsync(cancel);
        var isLast = judgments.Count <= HistoryPageSize;
        judgments = [.. judgments.Take(HistoryPageSize)];
        var responses = await ResponsesAsync(db, [.. judgments.Select(j => j.ComparisonId).Distinct()], cancel);
        var edits = await EditsAsync(db, [.. judgments.Select(j => j.Id)], cancel);
        return new(
            [.. judgments.Select(j => Entry(j, Shown(responses[j.ComparisonId], j.SidesShown), edits.GetValueOrDefault(j.Id)))],
            isLast ? null : new(judgments[^1].CreatedAt, judgments[^1].Id));
    }

    /// <summary>
    /// One of the annotator's own standing judgments, to be looked at again; null if it is not theirs, or was revised or
    /// withdrawn. What a revision had begun is its comparison's draft.
    /// </summary>
    public async Task<JudgedEntry?> JudgedAsync(Seat seat, long judgmentId, CancellationToken cancel = default)
    {
        ArgumentNullException.ThrowIfNull(seat);
        var me = seat.RequireAnnotator();
        await using var db = await contexts.CreateDbContextAsync(cancel);
        var judgment = await Own(db, seat).AsNoTracking().SingleOrDefaultAsync(j => j.Id == judgmentId, cancel);
        if (judgment is null)
        {
            return null;
        }

        var responses = await ResponsesAsync(db, [judgment.ComparisonId], cancel);
        var edits = await EditsAsync(db, [judgment.Id], cancel);
        var shown = Shown(responses[judgment.ComparisonId], judgment.SidesShown) with { Draft = await DraftAsync(db, judgment.ComparisonId, me, cancel) };
        return Entry(judgment, shown, edits.GetValueOrDefault(judgment.Id));
    }

    /// <summary>
    /// Gives a new answer in the place of one from the history; the old one is superseded. A repeat of the same press adds
    /// nothing. The comparison's sides are those it was shown with.
    /// </summary>
    /// <param name="judgmentId">Of a <see cref="JudgedEntry"/>.</param>
    /// <param name="request">As for <see cref="JudgeAsync"/>; the prefetched comparison is of no meaning.</param>
    /// <returns>The revised entry.</returns>
    /// <exception cref="RefusedException">It is not the annotator's, or was revised or withdrawn meanwhile.</exception>
    /// <inheritdoc cref="JudgeAsync" path="/exception"/>
    public async Task<JudgedEntry> ReviseAsync(Seat seat, long judgmentId, JudgeRequest request, CancellationToken cancel = default)
    {
        ArgumentNullException.ThrowIfNull(seat);
        ArgumentNullException.ThrowIfNull(request);
        var me = seat.RequireAnnotator();
        await using var db = await contexts.CreateDbContextAsync(cancel);
        await CheckAsync(db, seat, request, cancel);
        Judgment? judgment;
        using (await gate.EnterAsync(cancel))
        {
            await using var transaction = await db.Database.BeginTransactionAsync(cancel);
            judgment = await db.Judgments.Include(j => j.Comparison).SingleOrDefaultAsync(j => j.RequestId == request.RequestId && j.AnnotatorId == me, cancel);
            if (judgment is null)
            {
                var old = await Own(db, seat).Include(j => j.Comparison).SingleOrDefaultAsync(j => j.Id == judgmentId && j.ComparisonId == request.Comparison.Id, cancel)
                    ?? throw new RefusedException(words["This judgment was revised or withdrawn in another window: reload the page to see it as it is."]);
                await WithdrawEditsAsync(db, old.Id, Now, cancel);
                judgment = await AddAsync(db, old.Comparison!, old.Origin, old, me, request, Now, cancel);
                await db.SaveWithoutSavepointAsync(cancel);
                await transaction.CommitAsync(cancel);
            }
        }

        var responses = await ResponsesAsync(db, [judgment.ComparisonId], cancel);
        return Entry(judgment, Shown(responses[judgment.ComparisonId], judgment.SidesShown), request.Edit);
    }

    /// <summary>
    /// Withdraws the annotator's last standing judgment of the study, its edit with it, and leases its comparison to them
    /// again, as the first on the desk; null if there is nothing to take back. A repeat of the same press withdraws nothing more.
    /// </summary>
    /// <exception cref="RefusedException">The study is not open to the annotator any more.</exception>
    public async Task<UndoResult?> UndoAsync(Seat seat, Guid requestId, CancellationToken cancel = default)
    {
        ArgumentNullException.ThrowIfNull(seat);
        var (me, studyId) = (seat.RequireAnnotator(), seat.StudyId);
        Judgment? last;
        Lease lease;
        int? total = null;
        await using var db = await contexts.CreateDbContextAsync(cancel);
        if (!await db.IsOpenToAsync(studyId, me, cancel))
        {
            throw NotOpen;
        }

        using (await gate.EnterAsync(cancel))
        {
            await using var transaction = await db.Database.BeginTransactionAsync(cancel);
            var now = Now;
            var queue = new ComparisonQueue(db, sideOrder, studyId, me, now);
            await queue.SweepAsync(cancel);
            last = await db.Judgments.Where(j => j.RequestId == requestId && j.AnnotatorId == me).Select(j => j.Supersedes!).FirstOrDefaultAsync(cancel);
            var isRepeatedPress = last is not null;
            last ??= await Own(db, seat).OrderByDescending(j => j.CreatedAt).ThenByDescending(j => j.Id).FirstOrDefaultAsync(cancel);
            if (last is null)
            {
                return null;
            }

            var comparison = await db.Comparisons.SingleAsync(c => c.Id == last.ComparisonId, cancel);
            if (!isRepeatedPress)
            {
                await WithdrawAsync(db, last, requestId, now, cancel);
                var study = await db.Studies.SingleAsync(s => s.Id == studyId, cancel);
                Count(study, comparison, last.Origin, -1);
                total = study.JudgmentCount;
            }

            lease = await db.Leases.SingleOrDefaultAsync(l => l.ComparisonId == comparison.Id && l.AnnotatorId == me, cancel)
                ?? queue.Add(comparison, last.Origin == JudgmentOrigin.Repeat);
            await db.SaveWithoutSavepointAsync(cancel);
            // What was on screen waits behind the one that came back.
            await queue.RenewAsync(comparison.Id, cancel);
            await transaction.CommitAsync(cancel);
        }

        if (total is { } count)
        {
            feed.Publish(new JudgmentCounted(studyId, count));
        }

        return new((await ShowAsync(db, lease, cancel))!, AnswerOf(last), await CountAsync(db, seat, cancel));
    }

    /// <summary>Withdraws a judgment; what was written with it becomes the draft, which outlives a reload.</summary>
    private static async Task WithdrawAsync(AnnotatorDbContext db, Judgment judgment, Guid requestId, DateTime now, CancellationToken cancel)
    {
        var edit = (await EditsAsync(db, [judgment.Id], cancel)).GetValueOrDefault(judgment.Id);
        var draft = new DeskDraft
        {
            Comment = judgment.Comment,
            Edit = edit,
            Tiers = judgment.SidesShown.Length > 2 ? judgment.Ranking : null,
            Reasons = judgment.Reasons.Count > 0 ? judgment.Reasons : null,
            Flags = FlagsByPosition(judgment),
        };
        await KeepDraftAsync(db, judgment.AnnotatorId, judgment.ComparisonId, draft, now, cancel);
        await WithdrawEditsAsync(db, judgment.Id, now, cancel);
        await AddWithdrawalAsync(db, judgment, requestId, now, cancel);
    }

    private static async Task WithdrawEditsAsync(AnnotatorDbContext db, long judgmentId, DateTime now, CancellationToken cancel)
    {
        var edits = await db.Judgments.Include(j => j.Comparison)
            .Where(j => j.GivenWithId == judgmentId && !j.IsSuperseded && j.Verdict != Verdict.Withdrawn).ToListAsync(cancel);
        foreach (var edit in edits)
        {
            edit.Comparison!.JudgmentCount--;
            await AddWithdrawalAsync(db, edit, Guid.NewGuid(), now, cancel);
        }
    }

    private static async Task AddWithdrawalAsync(AnnotatorDbContext db, Judgment judgment, Guid requestId, DateTime now, CancellationToken cancel)
    {
        // Saved before the new row is added: the database allows one current judgment an annotator and comparison.
        judgment.IsSuperseded = true;
        await db.SaveWithoutSavepointAsync(cancel);
        db.Judgments.Add(new()
        {
            ComparisonId = judgment.ComparisonId,
            AnnotatorId = judgment.AnnotatorId,
            StudyId = judgment.StudyId,
            PolicyId = judgment.PolicyId,
            PromptId = judgment.PromptId,
            Origin = judgment.Origin,
            Verdict = Verdict.Withdrawn,
            SidesShown = judgment.SidesShown,
            Seconds = 0,
            GuidelinesVersion = judgment.GuidelinesVersion,
            SupersedesId = judgment.Id,
            GivenWithId = judgment.GivenWithId,
            RequestId = requestId,
            CreatedAt = now,
        });
    }

    /// <summary>The standing edits that were given with judgments, by the judgments' ids.</summary>
    private static Task<Dictionary<long, ResponseEdit>> EditsAsync(AnnotatorDbContext db, IReadOnlyCollection<long> judgmentIds, CancellationToken cancel) =>
        db.Judgments.AsNoTracking()
            .Where(j => j.GivenWithId != null && judgmentIds.Contains(j.GivenWithId!.Value) && !j.IsSuperseded && j.Verdict != Verdict.Withdrawn)
            .Select(j => new
            {
                With = j.GivenWithId!.Value,
                Edited = j.Comparison!.Responses.Single(r => r.Position == 1).Response!,
                j.GivenWith!.ComparisonId,
            })
            .Select(e => new
            {
                e.With,
                e.Edited.Text,
                db.ComparisonResponses.Single(r => r.ComparisonId == e.ComparisonId && r.ResponseId == e.Edited.EditedFromId).Position,
            })
            .ToDictionaryAsync(e => e.With, e => new ResponseEdit(e.Position, e.Text), cancel);

    private static JudgedEntry Entry(Judgment judgment, ShownComparison shown, ResponseEdit? edit) => new()
    {
        JudgmentId = judgment.Id,
        JudgedAt = judgment.CreatedAt,
        Comparison = shown,
        Answer = AnswerOf(judgment),
        Tiers = judgment.Ranking,
        Strength = judgment.Strength,
        SkipReason = judgment.SkipReason,
        Comment = judgment.Comment,
        Reasons = judgment.Reasons,
        Flags = FlagsByPosition(judgment),
        Edit = edit,
        IsRevision = judgment.SupersedesId is not null,
    };

    private static Dictionary<int, ResponseFaults>? FlagsByPosition(Judgment judgment) =>
        judgment.Flags?.Index().Where(flag => flag.Item != ResponseFaults.None).ToDictionary(flag => flag.Index, flag => flag.Item);

    private static Answer AnswerOf(Judgment judgment) => judgment switch
    {
        { Verdict: Verdict.BothBad } => Answer.BothBad,
        { Verdict: Verdict.NotRankable } => Answer.NotRankable,
        { Verdict: Verdict.Skipped } => Answer.Skip,
        { SidesShown.Length: > 2 } => Answer.Ranked,
        { Ranking: [[var best], ..] } => best == judgment.SidesShown[0] ? Answer.Left : Answer.Right,
        _ => Answer.Tie,
    };
}

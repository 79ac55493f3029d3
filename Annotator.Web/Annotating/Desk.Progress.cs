using Annotator.Web.Data;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Web.Annotating;

/// <content>What one's work has come to.</content>
public sealed partial class Desk
{
    /// <summary>The annotator's progress in the study.</summary>
    public async Task<DeskProgress> ProgressAsync(Seat seat, CancellationToken cancel = default)
    {
        ArgumentNullException.ThrowIfNull(seat);
        seat.RequireAnnotator();
        await using var db = await contexts.CreateDbContextAsync(cancel);
        var task = await db.Studies.AsNoTracking().Where(s => s.Id == seat.StudyId).Select(s => s.Task).SingleOrDefaultAsync(cancel)
            ?? throw new RefusedException(words["This study is not there any more: reload the page to go on."]);
        return new(
            await CountAsync(db, seat, cancel),
            task.DailyTarget,
            task.ShowsGoldFeedback ? await GoldAsync(db, seat, cancel) : null,
            await ImpactAsync(db, seat, cancel));
    }

    /// <summary>By first answers: what was revised after the right answer was told does not count.</summary>
    private static async Task<GoldAgreement?> GoldAsync(AnnotatorDbContext db, Seat seat, CancellationToken cancel)
    {
        var first = db.Judgments.Where(j => j.AnnotatorId == seat.Person.Id && j.StudyId == seat.StudyId && j.GoldCorrect != null && j.SupersedesId == null);
        var answered = await first.CountAsync(cancel);
        return answered == 0 ? null : new(await first.CountAsync(j => j.GoldCorrect == true, cancel), answered);
    }

    private async Task<RoundImpact?> ImpactAsync(AnnotatorDbContext db, Seat seat, CancellationToken cancel)
    {
        var first = await Own(db, seat).OrderBy(j => j.CreatedAt).Select(j => (long?)j.Id).FirstOrDefaultAsync(cancel);
        if (first is null)
        {
            return null;
        }

        var round = await db.Rounds
            .Where(r => r.StudyId == seat.StudyId && r.State == RoundState.Succeeded && r.LastJudgmentId >= first && r.ResultPolicy != null && r.InitPolicy != null)
            .OrderByDescending(r => r.Number)
            .Select(r => new { r.Number, Policy = r.ResultPolicy!, Over = r.InitPolicy! })
            .FirstOrDefaultAsync(cancel);
        if (round is null)
        {
            return null;
        }

        var result = await tally.OfPairAsync(round.Policy, round.Over, cancel);
        return result is { WinRate: { } share, Interval: { } interval }
            ? new(round.Number, round.Policy.Number, round.Over.Number, share, interval.Low, interval.High, result.Judgments)
            : null;
    }
}

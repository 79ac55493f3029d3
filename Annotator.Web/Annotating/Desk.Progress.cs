using Annotator.Web.Data;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Web.Annotating;

/// <content>What one's work has come to.</content>
public sealed partial class Desk
{
    /// <summary>Blind judgments between two policies below which nothing is said of them.</summary>
    private const int FewestForImpact = 20;

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

    private static async Task<RoundImpact?> ImpactAsync(AnnotatorDbContext db, Seat seat, CancellationToken cancel)
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

        var rankings = await db.Comparisons
            .Where(c => c.StudyId == seat.StudyId && c.Purpose == ComparisonPurpose.Evaluation
                && c.Responses.Any(r => r.Response!.PolicyId == round.Policy.Id) && c.Responses.Any(r => r.Response!.PolicyId == round.Over.Id))
            .SelectMany(c => db.Judgments.Where(j => j.ComparisonId == c.Id && !j.IsSuperseded && j.Verdict == Verdict.Ranked && j.Origin == JudgmentOrigin.Queue))
            .Select(j => new { j.Ranking, New = j.Comparison!.Responses.First(r => r.Response!.PolicyId == round.Policy.Id).Position })
            .ToListAsync(cancel);
        if (rankings.Count < FewestForImpact)
        {
            return null;
        }

        var wins = rankings.Sum(r => r.Ranking is { Length: > 1 } tiers ? tiers[0].Contains(r.New) ? 1 : 0 : 0.5);
        var (low, high) = Wilson(wins / rankings.Count, rankings.Count);
        return new(round.Number, round.Policy.Number, round.Over.Number, wins / rankings.Count, low, high, rankings.Count);
    }

    /// <summary>The 95% Wilson score interval of a share seen in n trials (Wilson, 1927).</summary>
    internal static (double Low, double High) Wilson(double share, int n)
    {
        const double z = 1.959964;
        var middle = share + (z * z / (2 * n));
        var half = z * Math.Sqrt((share * (1 - share) / n) + (z * z / (4.0 * n * n)));
        var scale = 1 + (z * z / n);
        return ((middle - half) / scale, (middle + half) / scale);
    }
}

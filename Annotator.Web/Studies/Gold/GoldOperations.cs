using System.Globalization;
using Annotator.Model.Preferences;
using Annotator.Web.Annotating;
using Annotator.Web.Data;
using Annotator.Web.Languages;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Localization;

namespace Annotator.Web.Studies.Gold;

/// <summary>A comparison whose right answer is known, or might be made known.</summary>
/// <param name="Prompt">The text; a chat's plain rendering.</param>
/// <param name="Responses">By position.</param>
/// <param name="Gold">The right answer: tiers of positions, best first; null while it is not gold.</param>
/// <param name="Given">The orders that people gave, the most frequent first, with how many gave each.</param>
/// <param name="Others">Standing answers that give no order.</param>
public sealed record GoldView(long ComparisonId, string Prompt, IReadOnlyList<string> Responses, int[][]? Gold, IReadOnlyList<(int[][] Order, int Count)> Given, int Others)
{
    /// <summary>Of the standing first answers that can agree with the right one, how many do; null while it is not gold.</summary>
    public (int Right, int All)? Agreed { get; init; }
}

/// <summary>A stretch of the list.</summary>
/// <param name="Next">What the next page is before; null on the last.</param>
public sealed record GoldPageOfViews(IReadOnlyList<GoldView> Views, long? Next);

/// <summary>Gold comparisons: an admin says what the right answer to an existing comparison is. Each operation checks who asks.</summary>
public sealed class GoldOperations(IDbContextFactory<AnnotatorDbContext> contexts, WriteGate gate, TimeProvider clock, IStringLocalizer<Words> words)
{
    public const int PageSize = 20;

    /// <summary>A study's gold comparisons, the newest first.</summary>
    /// <param name="by">Who looks.</param>
    /// <param name="studyId">The study.</param>
    /// <param name="before">From the page before; null = from the newest.</param>
    /// <param name="size">At most so many.</param>
    /// <param name="cancellation">Ends the reading.</param>
    /// <exception cref="NotAllowedException">Not an admin.</exception>
    public async Task<GoldPageOfViews> GoldAsync(CurrentPerson by, long studyId, long? before = null, int size = PageSize, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(by);
        by.RequireAdmin();
        await using var db = await contexts.CreateDbContextAsync(cancellation);
        var ids = await db.Comparisons
            .Where(c => c.StudyId == studyId && c.Purpose == ComparisonPurpose.Gold && c.RetiredAt == null && c.Id < (before ?? long.MaxValue))
            .OrderByDescending(c => c.Id).Select(c => c.Id).Take(size + 1).ToListAsync(cancellation);
        return new(await ViewsAsync(db, [.. ids.Take(size)], cancellation), ids.Count > size ? ids[size - 1] : null);
    }

    /// <summary>Comparisons that people have judged and that are not gold, the latest judged first.</summary>
    /// <inheritdoc cref="GoldAsync"/>
    public async Task<GoldPageOfViews> JudgedAsync(CurrentPerson by, long studyId, long? before = null, int size = PageSize, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(by);
        by.RequireAdmin();
        await using var db = await contexts.CreateDbContextAsync(cancellation);
        // Along the judgments, whose index leads to the study's latest: each comparison where it was last judged.
        var found = await db.Judgments
            .Where(j => j.StudyId == studyId && j.Id < (before ?? long.MaxValue) && j.Comparison!.Purpose == ComparisonPurpose.Train
                && !db.Judgments.Any(later => later.ComparisonId == j.ComparisonId && later.Id > j.Id))
            .OrderByDescending(j => j.Id).Select(j => new { j.Id, j.ComparisonId }).Take(size + 1).ToListAsync(cancellation);
        return new(await ViewsAsync(db, [.. found.Take(size).Select(j => j.ComparisonId)], cancellation), found.Count > size ? found[size - 1].Id : null);
    }

    /// <summary>One comparison; null if there is none, or it can't be gold.</summary>
    /// <exception cref="NotAllowedException">Not an admin.</exception>
    public async Task<GoldView?> FindAsync(CurrentPerson by, long studyId, long comparisonId, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(by);
        by.RequireAdmin();
        await using var db = await contexts.CreateDbContextAsync(cancellation);
        return await db.Comparisons.AnyAsync(c => c.Id == comparisonId && c.StudyId == studyId && (c.Purpose == ComparisonPurpose.Train || c.Purpose == ComparisonPurpose.Gold), cancellation)
            ? (await ViewsAsync(db, [comparisonId], cancellation))[0]
            : null;
    }

    /// <summary>
    /// Makes a comparison gold, or gives a gold one another answer. From then on everybody may get it once, and it is never
    /// trained on; what people have said to it already counts as right or wrong.
    /// </summary>
    /// <param name="by">Who says so.</param>
    /// <param name="comparisonId">A comparison made to train on, or a gold one.</param>
    /// <param name="ranking">The right answer: tiers of all its positions, best first; one tier = none is better.</param>
    /// <param name="cancellation">Leaves all as it is.</param>
    /// <exception cref="NotAllowedException">Not an admin.</exception>
    /// <exception cref="RefusedException">The ranking does not fit the comparison, or the comparison is for something else.</exception>
    public Task MarkAsync(CurrentPerson by, long comparisonId, int[][] ranking, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(ranking);
        return ChangeAsync(by, comparisonId, ranking, cancellation);
    }

    /// <summary>Makes a gold comparison one like all others again; it may be trained on.</summary>
    /// <exception cref="NotAllowedException">Not an admin.</exception>
    /// <exception cref="RefusedException">There is no such comparison, or it is for something else.</exception>
    public Task UnmarkAsync(CurrentPerson by, long comparisonId, CancellationToken cancellation = default) => ChangeAsync(by, comparisonId, null, cancellation);

    private async Task ChangeAsync(CurrentPerson by, long comparisonId, int[][]? ranking, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(by);
        by.RequireAdmin();
        using var turn = await gate.EnterAsync(cancellation);
        await using var db = await contexts.CreateDbContextAsync(cancellation);
        await using var transaction = await db.Database.BeginTransactionAsync(cancellation);
        var now = clock.GetUtcNow().UtcDateTime;
        var comparison = await db.Comparisons.Include(c => c.Study).Include(c => c.Responses).SingleOrDefaultAsync(c => c.Id == comparisonId, cancellation)
            ?? throw new RefusedException(words["This comparison is not there any more: reload the page."]);
        if (comparison.Purpose is not (ComparisonPurpose.Train or ComparisonPurpose.Gold))
        {
            throw new RefusedException(words["Only comparisons that were made to train on can be gold: this one evaluates policies or was made by an edit."]);
        }

        if (ranking is not null && !ranking.SelectMany(tier => tier).Order().SequenceEqual(Enumerable.Range(0, comparison.Responses.Count)))
        {
            throw new RefusedException(words["The right answer must rank each of the {0} responses once.", comparison.Responses.Count]);
        }

        await PutAsync(db, comparison, ranking, now, cancellation);
        foreach (var judgment in await db.Judgments.Where(j => j.ComparisonId == comparisonId && j.Verdict != Verdict.Withdrawn).ToListAsync(cancellation))
        {
            judgment.GoldCorrect = GoldAnswer.IsCorrect(ranking, judgment.Verdict, judgment.Ranking);
        }

        db.AuditEntries.Add(new()
        {
            PersonId = by.Id, Action = ranking is null ? "gold.unmark" : "gold.mark", At = now,
            Detail = ranking is null
                ? string.Create(CultureInfo.InvariantCulture, $"{by.Name} made comparison {comparisonId} of {comparison.Study!.Name} one like all others again.")
                : string.Create(CultureInfo.InvariantCulture, $"{by.Name} said that {new Ranking(ranking)} is the right answer to comparison {comparisonId} of {comparison.Study!.Name}."),
        });
        await db.SaveChangesAsync(cancellation);
        await transaction.CommitAsync(cancellation);
    }

    /// <summary>Into the queue of gold comparisons, or back to where it was.</summary>
    private static async Task PutAsync(AnnotatorDbContext db, Comparison comparison, int[][]? ranking, DateTime now, CancellationToken cancellation)
    {
        comparison.GoldRanking = ranking;
        if (ranking is not null)
        {
            (comparison.Purpose, comparison.RetiredAt) = (ComparisonPurpose.Gold, null);
            return;
        }

        if (comparison.Purpose == ComparisonPurpose.Gold)
        {
            comparison.Purpose = ComparisonPurpose.Train;
            // Imported ones never were in the stock. A gold comparison's places are not kept: they are counted anew.
            comparison.RetiredAt = comparison.ImportId is null ? null : now;
            var onDesks = await db.Leases.CountAsync(l => l.ComparisonId == comparison.Id && !l.IsRepeat, cancellation);
            comparison.OpenPlaces = comparison.Study!.Task.Overlap - comparison.JudgmentCount - onDesks;
            await db.SeenStretches.Where(s => s.StudyId == comparison.StudyId).ExecuteDeleteAsync(cancellation);
        }
    }

    private static async Task<IReadOnlyList<GoldView>> ViewsAsync(AnnotatorDbContext db, IReadOnlyList<long> ids, CancellationToken cancellation)
    {
        var comparisons = await db.Comparisons.AsNoTracking().Where(c => ids.Contains(c.Id))
            .Select(c => new { c.Id, c.Prompt!.Text, c.GoldRanking, Responses = c.Responses.OrderBy(r => r.Position).Select(r => r.Response!.Text).ToList() })
            .ToDictionaryAsync(c => c.Id, cancellation);
        var answers = (await db.Judgments.AsNoTracking()
            .Where(j => ids.Contains(j.ComparisonId) && !j.IsSuperseded && j.Verdict != Verdict.Withdrawn && j.Origin == JudgmentOrigin.Queue)
            .Select(j => new { j.ComparisonId, j.Ranking, j.GoldCorrect }).ToListAsync(cancellation)).ToLookup(j => j.ComparisonId);
        return
        [
            .. ids.Select(id => (Comparison: comparisons[id], Answers: answers[id].ToList())).Select(one => new GoldView(
                one.Comparison.Id, one.Comparison.Text, one.Comparison.Responses, one.Comparison.GoldRanking,
                [
                    .. one.Answers.Where(a => a.Ranking is not null).GroupBy(a => new Ranking(a.Ranking!)).OrderByDescending(group => group.Count())
                        .Select(group => (group.Key.ToArrays(), group.Count())),
                ],
                one.Answers.Count(a => a.Ranking is null))
            {
                Agreed = one.Comparison.GoldRanking is null ? null : (one.Answers.Count(a => a.GoldCorrect == true), one.Answers.Count(a => a.GoldCorrect is not null)),
            }),
        ];
    }
}

using Annotator.Web.Data;
using Annotator.Web.Policies;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Web.Sampling;

/// <summary>What a study's blind comparisons between two policies are made of, and the facts of their stock.</summary>
public sealed record EvaluationView(long StudyId, EvaluatedPair Pair, StudySampling Sampling, StockFacts Facts)
{
    /// <summary>One response of each.</summary>
    public ComparisonRecipe Recipe => new([Pair.New, Pair.Old], 2, Sampling);
}

/// <summary>The rows of a study's stock of comparisons between two policies, on held-out prompts: never trained on.</summary>
public sealed class EvaluationStock(IDbContextFactory<AnnotatorDbContext> contexts, WriteGate gate, TimeProvider clock)
{
    /// <summary>They are a share of what is handed out, so a small stock lasts.</summary>
    private const int Fewest = 8;

    /// <summary>Judgments of one comparison: another one on another response says more than another opinion on this one.</summary>
    private const int Places = 1;

    private DateTime Now => clock.GetUtcNow().UtcDateTime;

    /// <summary>Reads what is needed to plan; null if the study compares no policies, there are no two to compare, or the stock is full.</summary>
    public async Task<EvaluationView?> ReadAsync(long studyId, CancellationToken cancellation)
    {
        await using var db = await contexts.CreateDbContextAsync(cancellation);
        var study = await db.Studies.AsNoTracking().SingleOrDefaultAsync(s => s.Id == studyId && s.Evaluation.Share > 0, cancellation);
        if (study is null || await EvaluatedPair.FindAsync(db, study, cancellation) is not { } pair)
        {
            return null;
        }

        var since = Now - StudyStock.AtWork;
        await RetireOthersAsync(db, studyId, pair, cancellation);
        var open = await Open(db, studyId).Select(c => c.PromptId).ToListAsync(cancellation);
        var target = Math.Max(Fewest, 2 * await db.Users.CountAsync(p => p.LastAnnotatingAt >= since, cancellation));
        if (open.Count >= target)
        {
            return null;
        }

        return new(studyId, pair, study.Sampling, new StockFacts
        {
            PolicyId = pair.New.Id,
            Prompts = await db.Prompts.Where(p => p.StudyId == studyId && p.Split == PromptSplit.Heldout && !p.IsPaused)
                .Select(p => new PromptToSample(p.Id, p.Priority)).ToListAsync(cancellation),
            Uses = await db.Comparisons.Where(c => c.StudyId == studyId && c.Purpose == ComparisonPurpose.Evaluation && c.PolicyId == pair.New.Id)
                .GroupBy(c => c.PromptId).Select(group => new { group.Key, Count = group.Count() }).ToDictionaryAsync(row => row.Key, row => row.Count, cancellation),
            Stock = open,
            Seen = [],
            Target = target,
        });
    }

    /// <summary>Adds comparisons in one short transaction, unless another pair is to be compared by now.</summary>
    public async Task AddAsync(EvaluationView view, IReadOnlyList<SampledComparison> sampled, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(view);
        using var turn = await gate.EnterAsync(cancellation);
        await using var db = await contexts.CreateDbContextAsync(cancellation);
        await using var transaction = await db.Database.BeginTransactionAsync(cancellation);
        var study = await db.Studies.AsNoTracking().SingleOrDefaultAsync(s => s.Id == view.StudyId, cancellation);
        if (study is null || await EvaluatedPair.FindAsync(db, study, cancellation) is not { } pair || pair.New.Id != view.Pair.New.Id || pair.Old.Id != view.Pair.Old.Id)
        {
            return;
        }

        var promptIds = sampled.Select(one => one.PromptId).ToList();
        var priorities = await db.Prompts.Where(p => promptIds.Contains(p.Id)).ToDictionaryAsync(p => p.Id, p => p.Priority, cancellation);
        foreach (var one in sampled.Where(one => priorities.ContainsKey(one.PromptId)))
        {
            var comparison = StudyStock.New(one, view.StudyId, pair.New, view.Sampling, Places, priorities[one.PromptId], Now);
            comparison.Purpose = ComparisonPurpose.Evaluation;
            db.Comparisons.Add(comparison);
        }

        await db.SaveChangesAsync(cancellation);
        await transaction.CommitAsync(cancellation);
    }

    private static IQueryable<Comparison> Open(AnnotatorDbContext db, long studyId) =>
        db.Comparisons.Where(c => c.StudyId == studyId && c.Purpose == ComparisonPurpose.Evaluation && c.RetiredAt == null && c.OpenPlaces > 0);

    /// <summary>Takes what is between other policies out of the stock; what lies on a desk stays there.</summary>
    private async Task RetireOthersAsync(AnnotatorDbContext db, long studyId, EvaluatedPair pair, CancellationToken cancellation)
    {
        var (now, newer, older) = (Now, pair.New.Id, pair.Old.Id);
        var others = Open(db, studyId).Where(c => !(c.PolicyId == newer && c.Responses.Any(r => r.Response!.PolicyId == older)));
        // Mostly there is nothing, and a look costs nobody the write lock.
        if (await others.AnyAsync(cancellation))
        {
            using var turn = await gate.EnterAsync(cancellation);
            await others.ExecuteUpdateAsync(set => set.SetProperty(c => c.RetiredAt, now), cancellation);
        }
    }
}

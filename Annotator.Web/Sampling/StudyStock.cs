using Annotator.Model.Preferences;
using Annotator.Web.Data;
using Annotator.Web.Engine;
using Annotator.Web.Policies;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Web.Sampling;

/// <summary>What a study samples from and with, and the facts of its stock.</summary>
/// <param name="Policy">The serving policy.</param>
/// <param name="Recipe">Who writes the responses: the serving policy, and the second one if there is one.</param>
public sealed record StockView(long StudyId, Policy Policy, ComparisonRecipe Recipe, StockFacts Facts);

/// <summary>The rows of a study's stock: read to plan, added to when responses have come.</summary>
public sealed class StudyStock(IDbContextFactory<AnnotatorDbContext> contexts, WriteGate gate, TimeProvider clock)
{
    /// <summary>Who has been at the desk this lately is at work.</summary>
    public static readonly TimeSpan AtWork = TimeSpan.FromMinutes(5);

    private DateTime Now => clock.GetUtcNow().UtcDateTime;

    /// <summary>The studies that are annotated.</summary>
    public async Task<IReadOnlyList<long>> StudiesAsync(CancellationToken cancellation)
    {
        await using var db = await contexts.CreateDbContextAsync(cancellation);
        return await db.Studies.Where(s => !s.IsArchived).OrderBy(s => s.Id).Select(s => s.Id).ToListAsync(cancellation);
    }

    /// <summary>
    /// A short look, after every judgment: is there plainly enough for everybody at work, and nothing of older policies?
    /// Then what to say of it; null if it takes a plan to tell. It counts as far as it must, however large the stock is.
    /// </summary>
    public async Task<ProducerState?> FullAsync(long studyId, CancellationToken cancellation)
    {
        await using var db = await contexts.CreateDbContextAsync(cancellation);
        if (await db.Studies.Where(s => s.Id == studyId).Select(s => s.CurrentPolicy).SingleOrDefaultAsync(cancellation) is not { } policy)
        {
            return null;
        }

        var since = Now - AtWork;
        var (from, older) = (QueueOrder.Of(policy.Number), QueueOrder.OlderThan(policy.Number));
        var seen = await db.Users.Where(p => p.LastAnnotatingAt >= since)
            .Select(p => db.Judgments.Count(j => j.AnnotatorId == p.Id && j.PolicyId == policy.Id && !j.IsSuperseded))
            .ToListAsync(cancellation);
        var target = StockFacts.TargetFor(seen.Count);
        // Nobody has more prompts on the desk than the one on screen and the one behind it.
        var enough = Math.Max(target, seen.DefaultIfEmpty().Max() + StockPlan.NewToEach + 2);
        var open = db.Comparisons.Where(c => c.StudyId == studyId && c.Purpose == ComparisonPurpose.Train && c.RetiredAt == null && c.OpenPlaces > 0);
        return !await open.AnyAsync(c => c.QueueOrder >= older && c.JudgmentCount == 0, cancellation)
            && !await open.AnyAsync(c => c.QueueOrder < from && c.JudgmentCount == 0, cancellation)
            && await open.Where(c => c.QueueOrder >= from && c.QueueOrder < older).Select(c => c.QueueOrder).Distinct().OrderBy(order => order).Take(enough).CountAsync(cancellation) == enough
            ? new(ProducerPhase.Stocked, enough, target)
            : null;
    }

    /// <summary>Reads what is needed to plan; null while the study has no policy.</summary>
    public async Task<StockView?> ReadAsync(long studyId, CancellationToken cancellation)
    {
        await using var db = await contexts.CreateDbContextAsync(cancellation);
        var study = await db.Studies.AsNoTracking().Include(s => s.CurrentPolicy).Include(s => s.SecondPolicy).SingleAsync(s => s.Id == studyId, cancellation);
        if (study.CurrentPolicy is not { } policy)
        {
            return null;
        }

        var now = Now;
        var since = now - AtWork;
        var ofPolicy = db.Comparisons.Where(c => c.PolicyId == policy.Id && c.StudyId == studyId && c.Purpose == ComparisonPurpose.Train && c.ImportId == null);
        var atWork = await db.Users.Where(p => p.LastAnnotatingAt >= since).Select(p => p.Id).ToListAsync(cancellation);
        var judged = await db.Judgments
            .Where(j => !j.IsSuperseded && j.Verdict != Verdict.Withdrawn && atWork.Contains(j.AnnotatorId) && j.PolicyId == policy.Id)
            .Select(j => new { j.AnnotatorId, j.PromptId })
            .ToListAsync(cancellation);
        var onDesks = await db.Leases
            .Where(l => l.StudyId == studyId && l.ExpiresAt > now && l.Comparison!.PolicyId == policy.Id)
            .Select(l => new { l.AnnotatorId, l.Comparison!.PromptId })
            .ToListAsync(cancellation);
        var seen = judged.Concat(onDesks).ToLookup(row => row.AnnotatorId, row => row.PromptId);

        var recipe = new ComparisonRecipe(study.SecondPolicy is { } second ? [policy, second] : [policy], study.Task.ResponsesPerComparison, study.Sampling);
        return new(studyId, policy, recipe, new StockFacts
        {
            PolicyId = policy.Id,
            Prompts = await db.Prompts.Where(p => p.StudyId == studyId && p.Split == PromptSplit.Train && !p.IsPaused)
                .Select(p => new PromptToSample(p.Id, p.Priority)).ToListAsync(cancellation),
            Uses = await ofPolicy.GroupBy(c => c.PromptId).Select(group => new { group.Key, Count = group.Count() })
                .ToDictionaryAsync(row => row.Key, row => row.Count, cancellation),
            Stock = await ofPolicy
                .Where(c => c.RetiredAt == null && c.OpenPlaces > 0)
                .Select(c => c.PromptId)
                .ToListAsync(cancellation),
            Seen = [.. atWork.Select(person => seen[person].ToHashSet())],
        });
    }

    /// <summary>What is sampled for, by id; ids of prompts that are gone are missing.</summary>
    public async Task<IReadOnlyDictionary<long, TextOrMessages>> PromptsAsync(IReadOnlyList<long> promptIds, CancellationToken cancellation)
    {
        await using var db = await contexts.CreateDbContextAsync(cancellation);
        return await db.Prompts.AsNoTracking().Where(p => promptIds.Contains(p.Id))
            .ToDictionaryAsync(p => p.Id, p => p.Messages is { } messages ? TextOrMessages.FromMessages(messages) : p.Text, cancellation);
    }

    /// <summary>Retires other policies' comparisons that came off a desk unjudged since the serving policy began to serve.</summary>
    public async Task RetireOthersAsync(StockView view, CancellationToken cancellation)
    {
        var now = Now;
        await using var db = await contexts.CreateDbContextAsync(cancellation);
        // Mostly there is nothing, and a look costs nobody the write lock.
        foreach (var left in PolicyLine.OthersStock(db, view.StudyId, view.Policy.Number, now))
        {
            if (await left.AnyAsync(cancellation))
            {
                using var turn = await gate.EnterAsync(cancellation);
                await left.ExecuteUpdateAsync(set => set.SetProperty(c => c.RetiredAt, now), cancellation);
            }
        }
    }

    /// <summary>Adds comparisons in one short transaction, unless another policy has come to serve while they were sampled, or the study wants another number of responses.</summary>
    /// <returns>Their ids; none if they were too late.</returns>
    public async Task<IReadOnlyList<long>> AddAsync(StockView view, IReadOnlyList<SampledComparison> sampled, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(view);
        var now = Now;
        using var turn = await gate.EnterAsync(cancellation);
        await using var db = await contexts.CreateDbContextAsync(cancellation);
        await using var transaction = await db.Database.BeginTransactionAsync(cancellation);
        // As it is now: the overlap, or a prompt's priority, may have been changed while responses were sampled.
        var study = await db.Studies.AsNoTracking().SingleOrDefaultAsync(s => s.Id == view.StudyId && s.CurrentPolicyId == view.Policy.Id, cancellation);
        if (study is null || study.Task.ResponsesPerComparison != view.Recipe.Responses)
        {
            return [];
        }

        var promptIds = sampled.Select(one => one.PromptId).ToList();
        var priorities = await db.Prompts.Where(p => promptIds.Contains(p.Id)).ToDictionaryAsync(p => p.Id, p => p.Priority, cancellation);
        var comparisons = sampled.Where(one => priorities.ContainsKey(one.PromptId))
            .Select(one => New(one, view.StudyId, view.Policy, view.Recipe.Sampling, study.Task.Overlap, priorities[one.PromptId], now)).ToList();
        db.Comparisons.AddRange(comparisons);
        // Each addition cuts the stretches it falls into: those of people who are away would only grow in number.
        await db.SeenStretches.Where(s => s.StudyId == view.StudyId && !db.Users.Any(p => p.Id == s.AnnotatorId && p.LastAnnotatingAt >= now - AtWork))
            .ExecuteDeleteAsync(cancellation);
        await db.SaveChangesAsync(cancellation);
        await transaction.CommitAsync(cancellation);
        return [.. comparisons.Select(c => c.Id)];
    }

    /// <summary>The rows of what was sampled.</summary>
    /// <param name="owner">The policy whose place in the queue it takes.</param>
    internal static Comparison New(SampledComparison sampled, long studyId, Policy owner, StudySampling sampling, int places, int priority, DateTime now)
    {
        var comparison = new Comparison
        {
            StudyId = studyId,
            PromptId = sampled.PromptId,
            PolicyId = owner.Id,
            QueueOrder = QueueOrder.Of(owner.Number, priority, sampled.PromptId),
            OpenPlaces = places,
            CreatedAt = now,
        };
        foreach (var (position, (writer, response)) in sampled.Responses.Index())
        {
            comparison.Responses.Add(new ComparisonResponse
            {
                Position = position,
                Response = new Response
                {
                    PromptId = sampled.PromptId,
                    PolicyId = writer.Id,
                    Text = response.Text,
                    TokenIds = response.TokenIds?.ToArray(),
                    PromptTokenIds = response.PromptTokenIds?.ToArray(),
                    LogProbability = response.LogProbability,
                    Sampling = sampling,
                    Seed = sampled.Seed,
                    FinishReason = response.FinishReason,
                    CreatedAt = now,
                },
            });
        }

        return comparison;
    }
}

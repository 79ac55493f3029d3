using System.Threading.Channels;
using Annotator.Web.Data;
using Annotator.Web.Live;
using Annotator.Web.Policies;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Web.Evaluations;

/// <summary>
/// Lets a round's policy serve once blind judgments say that it is better (<see cref="StudyEvaluation.GateWinRate"/>).
/// One loop looks after all studies; a judgment may open the gate, and so may an admin who moves its mark or leaves
/// somebody out.
/// </summary>
public sealed class PromotionGate(
    IDbContextFactory<AnnotatorDbContext> contexts, PolicyLine line, EvaluationTally tally, RoundKl kl, LiveFeed feed, TimeProvider clock, ILogger<PromotionGate> logger) : BackgroundService
{
    private readonly Channel<long> looks = Channel.CreateUnbounded<long>();

    /// <summary>There may be something to promote in the study.</summary>
    public void Wake(long studyId) => looks.Writer.TryWrite(studyId);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var subscription = feed.Subscribe(what =>
        {
            if (what is JudgmentCounted or LeftOutChanged or PolicyAwaitsGate)
            {
                Wake(what.StudyId);
            }
        });
        foreach (var studyId in await WaitingAsync(stoppingToken))
        {
            Wake(studyId);
        }

        await foreach (var studyId in looks.Reader.ReadAllAsync(stoppingToken))
        {
            try
            {
                await LookAsync(studyId, stoppingToken);
            }
#pragma warning disable CA1031 // A look that failed is made again at the next judgment.
            catch (Exception failure) when (failure is not OperationCanceledException)
#pragma warning restore CA1031
            {
                logger.LogError(failure, "The gate of study {Study} could not be looked at", studyId);
            }
        }
    }

    /// <summary>Promotes the policy that waits in a study if the gate opens for it.</summary>
    /// <returns>What the gate says; null if no policy waits.</returns>
    public async Task<GateVerdict?> LookAsync(long studyId, CancellationToken cancellation = default)
    {
        await using var db = await contexts.CreateDbContextAsync(cancellation);
        if (!await db.Policies.AnyAsync(p => p.StudyId == studyId && p.AwaitsGate, cancellation))
        {
            return null;
        }

        var study = await db.Studies.AsNoTracking().SingleAsync(s => s.Id == studyId, cancellation);
        var policies = await db.Policies.AsNoTracking().Where(p => p.StudyId == studyId).ToListAsync(cancellation);
        var verdict = await EvaluationReader.GateAsync(db, tally, kl, study, policies, cancellation);
        if (verdict is { State: GateState.Opens })
        {
            await line.ServeAsync(
                policies.Single(p => p.AwaitsGate).Id,
                (_, _, promoted) => new()
                {
                    Action = "policy.promote", At = clock.GetUtcNow().UtcDateTime,
                    Detail = $"{study.Name}: the gate opened for policy {promoted.Number}, {verdict.InWords(study.Evaluation)}.",
                },
                ifAwaiting: true, cancellation);
        }

        return verdict;
    }

    private async Task<IReadOnlyList<long>> WaitingAsync(CancellationToken cancellation)
    {
        await using var db = await contexts.CreateDbContextAsync(cancellation);
        return await db.Policies.Where(p => p.AwaitsGate).Select(p => p.StudyId).Distinct().ToListAsync(cancellation);
    }
}

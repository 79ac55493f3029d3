using System.Threading.Channels;
using Annotator.Web.Data;
using Annotator.Web.Live;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Web.Rounds;

/// <summary>
/// The rule "a round after every N new preferences" (<see cref="Study.AutomaticRoundEvery"/>). One loop looks after all
/// studies, so that two judgments at once never start two rounds.
/// </summary>
public sealed class AutomaticRounds(
    IDbContextFactory<AnnotatorDbContext> contexts, RoundSnapshot snapshot, RoundOperations operations, LiveFeed feed, ILogger<AutomaticRounds> logger)
    : BackgroundService
{
    private readonly Channel<long> looks = Channel.CreateUnbounded<long>();
    private IDisposable? subscription;

    /// <summary>Listens once it has returned; the loop begins on a thread of its own, later.</summary>
    public override Task StartAsync(CancellationToken cancellationToken)
    {
        // A judgment may complete the count; so may the end of a round during which more were made.
        subscription = feed.Subscribe(what =>
        {
            if (what is JudgmentCounted or RoundChanged)
            {
                looks.Writer.TryWrite(what.StudyId);
            }
        });
        return base.StartAsync(cancellationToken);
    }

    public override void Dispose()
    {
        subscription?.Dispose();
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
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
                logger.LogError(failure, "The rule of study {Study} could not be followed", studyId);
            }
        }
    }

    /// <summary>Queues a round if the study's rule asks for one now.</summary>
    public async Task LookAsync(long studyId, CancellationToken cancellation)
    {
        long seen;
        int every;
        await using (var db = await contexts.CreateDbContextAsync(cancellation))
        {
            if (await db.Studies.Where(s => s.Id == studyId).Select(s => s.AutomaticRoundEvery).SingleOrDefaultAsync(cancellation) is not { } rule)
            {
                return;
            }

            every = rule;
            seen = await db.Rounds.Where(r => r.StudyId == studyId).MaxAsync(r => r.LastJudgmentId, cancellation) ?? 0;
        }

        if (await snapshot.CountPreferencesAsync(studyId, seen, cancellation) >= every)
        {
            await operations.StartByRuleAsync(studyId, cancellation);
        }
    }
}

using Annotator.Model.Preferences;
using Annotator.Web.Data;
using Annotator.Web.Engine;
using Annotator.Web.Live;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Web.Rounds;

/// <summary>
/// Runs the queued rounds, the oldest first, one at a time over the whole app. Whatever becomes of a round, its row says
/// so, and the next one gets its turn.
/// </summary>
public sealed class RoundRunner(
    IDbContextFactory<AnnotatorDbContext> contexts,
    RoundPreparation preparation,
    RoundConclusion conclusion,
    ITrainer trainer,
    DataFolder folder,
    LiveFeed feed,
    TimeProvider clock,
    ILogger<RoundRunner> logger) : BackgroundService
{
    private readonly SemaphoreSlim wake = new(0);
    private readonly Lock gate = new();
    private (long RoundId, CancellationTokenSource Stop)? running;

    /// <summary>There may be something to run.</summary>
    public void Wake() => wake.Release();

    /// <summary>Stops the round if it is the one that runs; it ends as cancelled once its trainer has written a checkpoint.</summary>
    public void Stop(long roundId)
    {
        lock (gate)
        {
            if (running is { } current && current.RoundId == roundId)
            {
                current.Stop.Cancel();
            }
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            await conclusion.SettleWhatWasLeftRunningAsync(stoppingToken);
            while (true)
            {
                if (await TakeNextAsync(stoppingToken) is { } round)
                {
                    await RunAsync(round, stoppingToken);
                }
                else
                {
                    await wake.WaitAsync(stoppingToken);
                }
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The app is stopping; RunAsync has marked the round that ran.
        }
    }

    /// <summary>The oldest queued round, now marked as running; null if there is none.</summary>
    private async Task<Round?> TakeNextAsync(CancellationToken cancellation)
    {
        await using var db = await contexts.CreateDbContextAsync(cancellation);
        await using var transaction = await db.Database.BeginTransactionAsync(cancellation);
        var round = await db.Rounds.Where(r => r.State == RoundState.Queued).OrderBy(r => r.Id).FirstOrDefaultAsync(cancellation);
        if (round is null)
        {
            return null;
        }

        round.State = RoundState.Running;
        round.StartedAt = clock.GetUtcNow().UtcDateTime;
        await db.SaveChangesAsync(cancellation);
        await transaction.CommitAsync(cancellation);
        return round;
    }

    private async Task RunAsync(Round round, CancellationToken stopping)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(stopping);
        lock (gate)
        {
            running = (round.Id, stop);
        }

        feed.Publish(new RoundChanged(round.StudyId, round.Id, nameof(RoundState.Running)));
        try
        {
            var directory = new RoundDirectory(folder.Round(round.DirectoryName));
            await preparation.PrepareAsync(round.Id, directory, stop.Token);
            // Its row now says what it trains on and from.
            feed.Publish(new RoundChanged(round.StudyId, round.Id, nameof(RoundState.Running)));
            var end = await trainer.RunAsync(
                directory.Root,
                fromCheckpoint: Directory.Exists(directory.Checkpoint),
                metrics => feed.Publish(new RoundProgress(round.StudyId, round.Id, metrics.Step, metrics.MaxSteps, MetricNames.Of(metrics))),
                stop.Token);
            await conclusion.ConcludeAsync(round.Id, end, stopping.IsCancellationRequested, CancellationToken.None);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            await conclusion.EndAsync(round.Id, stopping.IsCancellationRequested ? RoundState.Interrupted : RoundState.Cancelled, null, CancellationToken.None);
        }
        catch (RefusedException refused)
        {
            await conclusion.EndAsync(round.Id, RoundState.Failed, refused.Message, CancellationToken.None);
        }
#pragma warning disable CA1031 // Whatever one round meets must not keep the next from its turn.
        catch (Exception failure)
#pragma warning restore CA1031
        {
            logger.LogError(failure, "Round {Round} of study {Study} could not be run", round.Number, round.StudyId);
            await conclusion.EndAsync(round.Id, RoundState.Failed, $"The round could not be run: {failure.Message}", CancellationToken.None);
        }
        finally
        {
            lock (gate)
            {
                running = null;
            }
        }
    }

    public override void Dispose()
    {
        wake.Dispose();
        base.Dispose();
    }
}

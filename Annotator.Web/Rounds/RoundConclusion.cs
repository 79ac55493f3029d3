using Annotator.Model.Preferences;
using Annotator.Web.Data;
using Annotator.Web.Engine;
using Annotator.Web.Live;
using Annotator.Web.Policies;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Web.Rounds;

/// <summary>What becomes of a round: its policy is published, or its row says in a sentence why not.</summary>
public sealed class RoundConclusion(
    IDbContextFactory<AnnotatorDbContext> contexts,
    PolicyRegistry registry,
    PolicyLine line,
    DataFolder folder,
    LiveFeed feed,
    TimeProvider clock,
    ILogger<RoundConclusion> logger)
{
    /// <summary>Settles a round by its trainer's outcome.</summary>
    /// <param name="roundId">The round.</param>
    /// <param name="outcome">What the trainer reported.</param>
    /// <param name="appStops">True if the trainer was stopped because the app is stopping, which is no cancellation.</param>
    /// <param name="cancellation">Gives up waiting for the database.</param>
    public Task ConcludeAsync(long roundId, TrainerOutcome outcome, bool appStops, CancellationToken cancellation) => outcome switch
    {
        TrainerOutcome.Succeeded => PublishAsync(roundId, cancellation),
        TrainerOutcome.Failed failed => EndAsync(roundId, RoundState.Failed, failed.Reason, cancellation),
        TrainerOutcome.Cancelled when appStops => EndAsync(roundId, RoundState.Interrupted, "The app was stopped while this round ran.", cancellation),
        TrainerOutcome.Cancelled => EndAsync(roundId, RoundState.Cancelled, null, cancellation),
        _ => throw new ArgumentOutOfRangeException(nameof(outcome), outcome, null),
    };

    /// <summary>Moves the round's policy into the registry and makes it the study's next; that transaction also ends the round.</summary>
    private async Task PublishAsync(long roundId, CancellationToken cancellation)
    {
        Round round;
        await using (var db = await contexts.CreateDbContextAsync(cancellation))
        {
            round = await db.Rounds.AsNoTracking().SingleAsync(r => r.Id == roundId, cancellation);
        }

        var directory = new RoundDirectory(folder.Round(round.DirectoryName));
        await KeepReferenceLogpsAsync(round, directory, cancellation);
        var ended = File.GetLastWriteTimeUtc(directory.Result);
        await line.PublishAsync(
            round.StudyId,
            await MoveInAsync(directory, cancellation),
            roundId,
            done => (done.State, done.FailureReason, done.EndedAt) = (RoundState.Succeeded, null, ended),
            cancellation);
        feed.Publish(new RoundChanged(round.StudyId, round.Id, nameof(RoundState.Succeeded)));
    }

    /// <summary>They only spare later rounds some work: a policy is not lost because they can't be read.</summary>
    private async Task KeepReferenceLogpsAsync(Round round, RoundDirectory directory, CancellationToken cancellation)
    {
        try
        {
            await using var db = await contexts.CreateDbContextAsync(cancellation);
            await ReferenceLogpsKept.KeepAsync(db, directory, cancellation);
        }
        catch (Exception failure) when (failure is IOException or FormatException or DbUpdateException)
        {
            logger.LogWarning(failure, "The reference log-probabilities of round {Round} of study {Study} are not kept", round.Number, round.StudyId);
        }
    }

    /// <summary>The hash of the round's policy, in the registry now; it may have got there before the app ended.</summary>
    private async Task<string> MoveInAsync(RoundDirectory directory, CancellationToken cancellation)
    {
        if (Directory.Exists(directory.Policy))
        {
            return await registry.MoveInAsync(directory.Policy, cancellation);
        }

        return RoundResult.Read(directory.Result).Hashes.GetValueOrDefault("output") is { } hash && registry.Contains(hash)
            ? hash
            : throw new RefusedException("The trainer reported success, but its policy directory is not there; start the round again.");
    }

    /// <summary>Ends a round without a policy.</summary>
    public async Task EndAsync(long roundId, RoundState state, string? reason, CancellationToken cancellation)
    {
        await using var db = await contexts.CreateDbContextAsync(cancellation);
        var round = await db.Rounds.SingleAsync(r => r.Id == roundId, cancellation);
        round.State = state;
        round.FailureReason = reason;
        round.EndedAt = clock.GetUtcNow().UtcDateTime;
        await db.SaveChangesAsync(cancellation);
        feed.Publish(new RoundChanged(round.StudyId, round.Id, state.ToString()));
    }

    /// <summary>
    /// At the app's start: rounds that were running when it ended. If the trainer had finished, its policy is published
    /// now; if it had failed by itself, its reason stands; otherwise the round was interrupted and can go on.
    /// </summary>
    public async Task SettleWhatWasLeftRunningAsync(CancellationToken cancellation)
    {
        List<Round> left;
        await using (var db = await contexts.CreateDbContextAsync(cancellation))
        {
            left = await db.Rounds.AsNoTracking().Where(r => r.State == RoundState.Running).OrderBy(r => r.Id).ToListAsync(cancellation);
        }

        foreach (var round in left)
        {
            try
            {
                await SettleAsync(round, cancellation);
            }
#pragma warning disable CA1031 // One round's broken files must not keep the app from starting, nor the next round from its turn.
            catch (Exception failure) when (failure is not OperationCanceledException)
#pragma warning restore CA1031
            {
                logger.LogError(failure, "Round {Round} of study {Study} could not be settled at start", round.Number, round.StudyId);
                await EndAsync(round.Id, RoundState.Failed, $"The app ended while this round ran, and what it left can't be used: {failure.Message}", cancellation);
            }
        }
    }

    private async Task SettleAsync(Round round, CancellationToken cancellation)
    {
        var directory = new RoundDirectory(folder.Round(round.DirectoryName));
        var result = File.Exists(directory.Result) ? RoundResult.Read(directory.Result) : null;
        switch (result)
        {
            case { Status: RoundStatus.Succeeded }:
                await PublishAsync(round.Id, cancellation);
                break;
            case { Status: RoundStatus.Failed, Reason: var reason }:
                await EndAsync(round.Id, RoundState.Failed, reason ?? "The trainer failed without a reason.", cancellation);
                break;
            default:
                var next = Directory.Exists(directory.Checkpoint) ? "it can go on from its checkpoint" : "it can be started over on the same preferences";
                await EndAsync(round.Id, RoundState.Interrupted, $"The app ended while this round ran; {next}.", cancellation);
                break;
        }
    }
}

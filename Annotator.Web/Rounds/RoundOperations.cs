using Annotator.Model.Preferences;
using Annotator.Web.Data;
using Annotator.Web.Languages;
using Annotator.Web.Live;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Localization;

namespace Annotator.Web.Rounds;

/// <summary>
/// What an admin (or the study's rule) does with rounds. Each operation checks who asks, and writes its audit row in
/// the same transaction; <see cref="RoundRunner"/> does the work afterwards.
/// </summary>
public sealed class RoundOperations(
    IDbContextFactory<AnnotatorDbContext> contexts, RoundSnapshot snapshot, RoundRunner runner, DataFolder folder, LiveFeed feed, TimeProvider clock, IStringLocalizer<Words> words)
{
    /// <summary>Puts a round in the queue; it starts at once if none runs.</summary>
    /// <returns>The round's id.</returns>
    /// <exception cref="NotAllowedException">Not an admin.</exception>
    /// <exception cref="RefusedException">Options that can't be trained with, no policy, or nothing to train on.</exception>
    public async Task<long> StartAsync(CurrentPerson who, RoundRequest request, CancellationToken cancellation = default)
    {
        who.RequireAdmin();
        var counts = await snapshot.CountAsync(request.StudyId, request.Data, cancellation);
        if (NothingToTrainOn(counts, words) is { } reason)
        {
            throw new RefusedException(reason);
        }

        return await QueueAsync(who, request, cancellation);
    }

    /// <summary>Queues the round that the study's rule asks for: the options of its last round, or the app's defaults.</summary>
    /// <returns>Null if a round of the study is queued or running already, or the rule has made its most for a day.</returns>
    internal async Task<long?> StartByRuleAsync(long studyId, CancellationToken cancellation)
    {
        Round? last;
        await using (var db = await contexts.CreateDbContextAsync(cancellation))
        {
            if (await db.Rounds.AnyAsync(r => r.StudyId == studyId && (r.State == RoundState.Queued || r.State == RoundState.Running), cancellation))
            {
                return null;
            }

            var yesterday = clock.GetUtcNow().UtcDateTime.AddDays(-1);
            if (await db.Studies.Where(s => s.Id == studyId).Select(s => s.AutomaticRoundsADay).SingleOrDefaultAsync(cancellation) is { } most
                && await db.Rounds.CountAsync(r => r.StudyId == studyId && r.StartedById == null && r.CreatedAt > yesterday, cancellation) >= most)
            {
                return null;
            }

            last = await db.Rounds.Where(r => r.StudyId == studyId).OrderByDescending(r => r.Number).FirstOrDefaultAsync(cancellation);
        }

        return await QueueAsync(null, last is null ? new RoundRequest { StudyId = studyId, Options = RoundOptions.AppDefaults("policy", "reference") } : Again(last), cancellation);
    }

    /// <summary>Takes a round out of the queue, or stops it where it runs; what was trained so far stays as its checkpoint.</summary>
    /// <exception cref="RefusedException">It is neither queued nor running.</exception>
    public async Task CancelAsync(CurrentPerson who, long roundId, CancellationToken cancellation = default)
    {
        who.RequireAdmin();
        await using var db = await contexts.CreateDbContextAsync(cancellation);
        await using var transaction = await db.Database.BeginTransactionAsync(cancellation);
        var round = await FindAsync(db, roundId, cancellation);
        if (round.State is not (RoundState.Queued or RoundState.Running))
        {
            throw new RefusedException(words["Round {0} is not running: there is nothing to cancel.", round.Number]);
        }

        var wasQueued = round.State == RoundState.Queued;
        if (wasQueued)
        {
            round.State = RoundState.Cancelled;
            round.EndedAt = clock.GetUtcNow().UtcDateTime;
        }

        db.AuditEntries.Add(Audit(who, "round.cancel", $"Cancelled round {round.Number}."));
        await db.SaveChangesAsync(cancellation);
        await transaction.CommitAsync(cancellation);
        if (wasQueued)
        {
            feed.Publish(new RoundChanged(round.StudyId, round.Id, nameof(RoundState.Cancelled)));
        }
        else
        {
            runner.Stop(round.Id);
        }
    }

    /// <summary>Queues a round that was cut off again: same directory, same snapshot, on from its checkpoint.</summary>
    /// <exception cref="RefusedException">It was never started, or there is nothing to go on from.</exception>
    public async Task ResumeAsync(CurrentPerson who, long roundId, CancellationToken cancellation = default)
    {
        who.RequireAdmin();
        await using var db = await contexts.CreateDbContextAsync(cancellation);
        await using var transaction = await db.Database.BeginTransactionAsync(cancellation);
        var round = await FindAsync(db, roundId, cancellation);
        if (!CanResume(round, new RoundDirectory(folder.Round(round.DirectoryName))))
        {
            throw new RefusedException(words["Round {0} can't go on: only a round that was cut off while it trained can. Start it again instead.", round.Number]);
        }

        round.State = RoundState.Queued;
        round.EndedAt = null;
        round.FailureReason = null;
        db.AuditEntries.Add(Audit(who, "round.resume", $"Resumed round {round.Number}."));
        await db.SaveChangesAsync(cancellation);
        await transaction.CommitAsync(cancellation);
        Queued(round);
    }

    /// <summary>A new round with the options of an earlier one, on the judgments there are now.</summary>
    /// <returns>The new round's id.</returns>
    public async Task<long> RetryAsync(CurrentPerson who, long roundId, CancellationToken cancellation = default)
    {
        who.RequireAdmin();
        await using var db = await contexts.CreateDbContextAsync(cancellation);
        return await StartAsync(who, Again(await FindAsync(db, roundId, cancellation)), cancellation);
    }

    /// <summary>
    /// Deletes a round that has ended, with its files. Its policy stays in the line: responses and later rounds may come from
    /// it. Its number is not given again.
    /// </summary>
    /// <exception cref="RefusedException">It waits or runs, or its files can't be removed.</exception>
    public async Task DeleteAsync(CurrentPerson who, long roundId, CancellationToken cancellation = default)
    {
        who.RequireAdmin();
        await using var db = await contexts.CreateDbContextAsync(cancellation);
        await using var transaction = await db.Database.BeginTransactionAsync(cancellation);
        var round = await FindAsync(db, roundId, cancellation);
        if (round.State is RoundState.Queued or RoundState.Running)
        {
            throw new RefusedException(round.State == RoundState.Running ? words["Round {0} is running: cancel it first.", round.Number] : words["Round {0} waits in the queue: cancel it first.", round.Number]);
        }

        round.State = RoundState.Deleted;
        db.AuditEntries.Add(Audit(who, "round.delete", $"Deleted round {round.Number} with its files."));
        await db.SaveChangesAsync(cancellation);
        await transaction.CommitAsync(cancellation);
        var directory = folder.Round(round.DirectoryName);
        try
        {
            if (Directory.Exists(directory))
            {
                Directory.Delete(directory, recursive: true);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new RefusedException(words["Round {0} is deleted, but its files in {1} can't be removed ({2}): remove them by hand.", round.Number, directory, e.Message.TrimEnd('.')]);
        }
        finally
        {
            feed.Publish(new RoundChanged(round.StudyId, round.Id, nameof(RoundState.Deleted)));
        }
    }

    /// <summary>Sets or lifts (null) the study's rule: a round by itself after this many new preferences, so many a day at most.</summary>
    /// <param name="who">An admin.</param>
    /// <param name="studyId">The study.</param>
    /// <param name="every">New preferences before a round starts by itself; null = rounds by hand only.</param>
    /// <param name="aDay">At most so many by the rule within 24 hours; null = as many as it makes.</param>
    /// <param name="cancellation">Gives up waiting for the database.</param>
    /// <exception cref="RefusedException">One of them is less than 1.</exception>
    public async Task SetRuleAsync(CurrentPerson who, long studyId, int? every, int? aDay = null, CancellationToken cancellation = default)
    {
        who.RequireAdmin();
        if (every is < 1)
        {
            throw new RefusedException(words["A round can start after 1 new preference or more; {0} is too few.", every]);
        }

        if (aDay is < 1)
        {
            throw new RefusedException(words["The most rounds a day must be 1 or more, or empty for no limit; it is {0}.", aDay]);
        }

        await using var db = await contexts.CreateDbContextAsync(cancellation);
        await using var transaction = await db.Database.BeginTransactionAsync(cancellation);
        var study = await db.Studies.FindAsync([studyId], cancellation) ?? throw new RefusedException(words["This study no longer exists: reload the page."]);
        study.AutomaticRoundEvery = every;
        study.AutomaticRoundsADay = aDay;
        db.AuditEntries.Add(Audit(who, "round.rule", every is { } n
            ? $"{study.Name}: a round after every {n} new preferences{(aDay is { } most ? $", at most {most} a day" : "")}."
            : $"{study.Name}: rounds by hand only."));
        await db.SaveChangesAsync(cancellation);
        await transaction.CommitAsync(cancellation);
    }

    /// <summary>True for a round whose training was cut off and can go on: with its snapshot, and its checkpoint if it got that far.</summary>
    public static bool CanResume(Round round, RoundDirectory directory) => round.State switch
    {
        RoundState.Interrupted => true,
        RoundState.Cancelled or RoundState.Failed => Directory.Exists(directory.Checkpoint),
        _ => false,
    };

    /// <summary>Why a round can't be made of these judgments, or null if it can.</summary>
    public static string? NothingToTrainOn(SelectionCounts counts, IStringLocalizer<Words> words) => counts switch
    {
        { Train: > 0 } => (string?)null,
        { Eval: 1 } => words["The only preference is on a prompt kept for measuring: judge a few more comparisons first."],
        { Eval: > 0 } => words["All {0} preferences are on prompts kept for measuring: judge a few more comparisons first.", counts.Eval],
        { LeftOutInAll: > 0 } => words["No judgment states a preference yet ({0}): judge a few more comparisons first.", words.Counted(counts)],
        _ => words["There is nothing to train on yet: judge some comparisons first."],
    };

    private async Task<long> QueueAsync(CurrentPerson? who, RoundRequest request, CancellationToken cancellation)
    {
        var named = request.Options with { Policy = "policy", Reference = "reference" };
        if (named.Problems() is { Count: > 0 } problems)
        {
            throw new RefusedException(string.Join(" ", problems.Select(problem => words.Of(problem))));
        }

        await using var db = await contexts.CreateDbContextAsync(cancellation);
        await using var transaction = await db.Database.BeginTransactionAsync(cancellation);
        var study = await db.Studies.FindAsync([request.StudyId], cancellation) ?? throw new RefusedException(words["This study no longer exists: reload the page."]);
        if (study.CurrentPolicyId is null)
        {
            throw new RefusedException(words["{0} has no policy to train yet: import one first.", study.Name]);
        }

        var number = (await db.Rounds.Where(r => r.StudyId == study.Id).MaxAsync(r => (int?)r.Number, cancellation) ?? 0) + 1;
        var round = new Round
        {
            StudyId = study.Id,
            Number = number,
            State = RoundState.Queued,
            DirectoryName = $"study-{study.Id}-round-{number}",
            Options = RoundOptionsText.Format(named),
            Init = request.Init,
            Reference = request.Reference,
            Data = request.Data,
            // Until the snapshot says better: what is there now is not "new" to the rule again, even if this round fails early.
            LastJudgmentId = await db.Judgments.Where(j => j.Comparison!.StudyId == study.Id).MaxAsync(j => (long?)j.Id, cancellation),
            StartedById = who?.Id,
            CreatedAt = clock.GetUtcNow().UtcDateTime,
        };
        db.Rounds.Add(round);
        db.AuditEntries.Add(Audit(who, "round.start", who is null ? $"{study.Name}: the rule queued round {number}." : $"{study.Name}: queued round {number}."));
        await db.SaveChangesAsync(cancellation);
        await transaction.CommitAsync(cancellation);
        Queued(round);
        return round.Id;
    }

    private void Queued(Round round)
    {
        feed.Publish(new RoundChanged(round.StudyId, round.Id, nameof(RoundState.Queued)));
        runner.Wake();
    }

    private static RoundRequest Again(Round round) => new()
    {
        StudyId = round.StudyId,
        Options = RoundOptionsText.Parse(round.Options),
        Init = round.Init,
        Reference = round.Reference,
        Data = round.Data,
    };

    private async Task<Round> FindAsync(AnnotatorDbContext db, long roundId, CancellationToken cancellation) =>
        await db.Rounds.FindAsync([roundId], cancellation) is { State: not RoundState.Deleted } round ? round : throw new RefusedException(words["This round no longer exists: reload the page."]);

    private AuditEntry Audit(CurrentPerson? who, string action, string detail) =>
        new() { PersonId = who?.Id, Action = action, Detail = detail, At = clock.GetUtcNow().UtcDateTime };
}

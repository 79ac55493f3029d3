using Annotator.Web.Data;
using Annotator.Web.Live;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Web.Policies;

/// <summary>A study's line of policies: 0 is the SFT policy, each successful round adds the next.</summary>
public sealed class PolicyLine(IDbContextFactory<AnnotatorDbContext> contexts, WriteGate gate, LiveFeed feed, TimeProvider clock)
{
    /// <summary>
    /// Adds a policy of the registry to a study's line and samples from it from now on. In one transaction: the row with
    /// the next number, the study's current policy, the end of older policies' comparisons that nobody has judged or has
    /// on the desk, and the round's result. Then everybody is told.
    /// </summary>
    /// <param name="studyId">The study.</param>
    /// <param name="hash">The policy's hash in the registry.</param>
    /// <param name="roundId">The round that made it: its initial policy is the parent, and it gets the result's id. Null for the SFT policy.</param>
    /// <param name="finish">Further changes of the round's row in the same transaction, such as its state.</param>
    /// <exception cref="InvalidOperationException">There is no such study, or no such round in it.</exception>
    public async Task<Policy> PublishAsync(
        long studyId, string hash, long? roundId = null, Action<Round>? finish = null, CancellationToken cancellation = default)
    {
        Policy policy;
        using (await gate.EnterAsync(cancellation))
        {
            policy = await AddAsync(studyId, hash, roundId, finish, cancellation);
        }

        feed.Publish(new PolicyPublished(studyId, policy.Id, policy.Number));
        return policy;
    }

    private async Task<Policy> AddAsync(long studyId, string hash, long? roundId, Action<Round>? finish, CancellationToken cancellation)
    {
        await using var db = await contexts.CreateDbContextAsync(cancellation);
        await using var transaction = await db.Database.BeginTransactionAsync(cancellation);
        var study = await db.Studies.SingleOrDefaultAsync(s => s.Id == studyId, cancellation)
            ?? throw new InvalidOperationException($"There is no study {studyId}.");
        var round = roundId is null ? null : await db.Rounds.SingleOrDefaultAsync(r => r.Id == roundId && r.StudyId == studyId, cancellation)
            ?? throw new InvalidOperationException($"There is no round {roundId} in the study {study.Name}.");
        var now = clock.GetUtcNow().UtcDateTime;

        var policy = new Policy
        {
            StudyId = studyId,
            Number = await db.Policies.Where(p => p.StudyId == studyId).MaxAsync(p => (int?)p.Number, cancellation) + 1 ?? 0,
            Hash = hash,
            ParentId = round?.InitPolicyId,
            RoundId = roundId,
            CreatedAt = now,
        };
        db.Policies.Add(policy);
        study.CurrentPolicy = policy;
        if (round is not null)
        {
            round.ResultPolicy = policy;
            finish?.Invoke(round);
        }

        await db.SaveChangesAsync(cancellation);
        await RetireOlderAsync(db, studyId, policy.Number, now, cancellation);
        await transaction.CommitAsync(cancellation);
        return policy;
    }

    /// <summary>What policies older than the current one left in the stock: unjudged, on nobody's desk.</summary>
    internal static IQueryable<Comparison> OlderStock(AnnotatorDbContext db, long studyId, int currentNumber, DateTime now)
    {
        var older = QueueOrder.OlderThan(currentNumber);
        return db.Comparisons.Where(c => c.StudyId == studyId && c.Purpose == ComparisonPurpose.Train && c.RetiredAt == null && c.OpenPlaces > 0
            && c.QueueOrder >= older && c.JudgmentCount == 0 && !db.Leases.Any(l => l.ComparisonId == c.Id && l.ExpiresAt > now));
    }

    /// <summary>Takes <see cref="OlderStock"/> out of the stock.</summary>
    internal static Task RetireOlderAsync(AnnotatorDbContext db, long studyId, int currentNumber, DateTime now, CancellationToken cancellation) =>
        OlderStock(db, studyId, currentNumber, now).ExecuteUpdateAsync(set => set.SetProperty(c => c.RetiredAt, now), cancellation);
}

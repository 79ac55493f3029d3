using Annotator.Web.Data;
using Annotator.Web.Languages;
using Annotator.Web.Live;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Localization;

namespace Annotator.Web.Policies;

/// <summary>
/// A study's line of policies: 0 is the SFT policy, each successful round adds the next, and one of them serves (or two,
/// side by side). Whatever makes a policy serve goes through here: a round's result, an admin, the gate.
/// </summary>
public sealed class PolicyLine(IDbContextFactory<AnnotatorDbContext> contexts, WriteGate gate, LiveFeed feed, TimeProvider clock, IStringLocalizer<Words> words)
{
    private DateTime Now => clock.GetUtcNow().UtcDateTime;

    /// <summary>
    /// Adds a policy of the registry to a study's line. It serves from now on, unless it is a round's result and the study
    /// has a gate: then it waits. In one transaction: the row with the next number, the study's current policy, the end of
    /// other policies' comparisons that nobody has judged or has on the desk, and the round's result. Then everybody is told.
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
            await using var db = await contexts.CreateDbContextAsync(cancellation);
            await using var transaction = await db.Database.BeginTransactionAsync(cancellation);
            var study = await db.Studies.SingleOrDefaultAsync(s => s.Id == studyId, cancellation)
                ?? throw new InvalidOperationException($"There is no study {studyId}.");
            var round = roundId is null ? null : await db.Rounds.SingleOrDefaultAsync(r => r.Id == roundId && r.StudyId == studyId, cancellation)
                ?? throw new InvalidOperationException($"There is no round {roundId} in the study {study.Name}.");
            policy = await NewAsync(db, studyId, hash, round, cancellation);
            if (round is not null)
            {
                round.ResultPolicy = policy;
                finish?.Invoke(round);
            }

            if (round is not null && study.Evaluation.HasGate)
            {
                // One waits at a time: the next round's result takes the place of an earlier one.
                await db.Policies.Where(p => p.StudyId == studyId && p.AwaitsGate).ExecuteUpdateAsync(set => set.SetProperty(p => p.AwaitsGate, false), cancellation);
                policy.AwaitsGate = true;
                await db.SaveChangesAsync(cancellation);
            }
            else
            {
                study.CurrentPolicy = policy;
                await db.SaveChangesAsync(cancellation);
                await RetireOthersAsync(db, studyId, policy.Number, Now, cancellation);
            }

            await transaction.CommitAsync(cancellation);
        }

        feed.Publish(policy.AwaitsGate ? new PolicyAwaitsGate(studyId, policy.Id, policy.Number) : new PolicyPublished(studyId, policy.Id, policy.Number));
        return policy;
    }

    /// <summary>Adds a policy of the registry to a study's line; what serves stays as it is.</summary>
    /// <param name="audit">Written in the same transaction.</param>
    /// <exception cref="RefusedException">There is no such study, or the policy is in its line already.</exception>
    internal async Task<Policy> AddAsync(long studyId, string hash, Func<Study, Policy, AuditEntry> audit, CancellationToken cancellation)
    {
        using var turn = await gate.EnterAsync(cancellation);
        await using var db = await contexts.CreateDbContextAsync(cancellation);
        await using var transaction = await db.Database.BeginTransactionAsync(cancellation);
        var study = await db.Studies.SingleOrDefaultAsync(s => s.Id == studyId, cancellation) ?? throw new RefusedException(words["This study no longer exists: reload the page."]);
        if (await db.Policies.Where(p => p.StudyId == studyId && p.Hash == hash).Select(p => (int?)p.Number).FirstOrDefaultAsync(cancellation) is { } number)
        {
            throw new RefusedException(words["This policy is in the line already: it is policy {0}.", number]);
        }

        var policy = await NewAsync(db, studyId, hash, null, cancellation);
        db.AuditEntries.Add(audit(study, policy));
        await db.SaveChangesAsync(cancellation);
        await transaction.CommitAsync(cancellation);
        return policy;
    }

    /// <summary>Makes a policy of the line the serving one; everybody is told.</summary>
    /// <param name="policyId">The policy.</param>
    /// <param name="audit">Given the study, the policy that served before and this one; written in the same transaction.</param>
    /// <param name="ifAwaiting">Only while it awaits the gate: two who open it at once promote it once.</param>
    /// <returns>False if nothing changed, since it serves already or awaits nothing any more.</returns>
    /// <exception cref="RefusedException">There is no such policy.</exception>
    internal async Task<bool> ServeAsync(long policyId, Func<Study, Policy, Policy, AuditEntry> audit, bool ifAwaiting, CancellationToken cancellation)
    {
        Policy policy;
        using (await gate.EnterAsync(cancellation))
        {
            await using var db = await contexts.CreateDbContextAsync(cancellation);
            await using var transaction = await db.Database.BeginTransactionAsync(cancellation);
            policy = await db.Policies.SingleOrDefaultAsync(p => p.Id == policyId, cancellation) ?? throw new RefusedException(words["This policy is not in the line any more: reload the page."]);
            var study = await db.Studies.Include(s => s.CurrentPolicy).SingleAsync(s => s.Id == policy.StudyId, cancellation);
            if (study.CurrentPolicyId == policyId || (ifAwaiting && !policy.AwaitsGate))
            {
                return false;
            }

            db.AuditEntries.Add(audit(study, study.CurrentPolicy ?? policy, policy));
            (study.CurrentPolicy, policy.AwaitsGate) = (policy, false);
            study.SecondPolicyId = study.SecondPolicyId == policyId ? null : study.SecondPolicyId;
            await db.SaveChangesAsync(cancellation);
            await RetireOthersAsync(db, study.Id, policy.Number, Now, cancellation);
            await transaction.CommitAsync(cancellation);
        }

        feed.Publish(new PolicyPublished(policy.StudyId, policy.Id, policy.Number));
        return true;
    }

    private async Task<Policy> NewAsync(AnnotatorDbContext db, long studyId, string hash, Round? round, CancellationToken cancellation)
    {
        var policy = new Policy
        {
            StudyId = studyId,
            Number = await db.Policies.Where(p => p.StudyId == studyId).MaxAsync(p => (int?)p.Number, cancellation) + 1 ?? 0,
            Hash = hash,
            ParentId = round?.InitPolicyId,
            RoundId = round?.Id,
            CreatedAt = Now,
        };
        db.Policies.Add(policy);
        return policy;
    }

    /// <summary>
    /// What other policies than the serving one left in the stock: unjudged, on nobody's desk. Those of older policies, and
    /// those of newer ones (after a roll-back), apart: each is one stretch of the queue's index.
    /// </summary>
    internal static IReadOnlyList<IQueryable<Comparison>> OthersStock(AnnotatorDbContext db, long studyId, int servingNumber, DateTime now)
    {
        var (newer, older) = (QueueOrder.Of(servingNumber), QueueOrder.OlderThan(servingNumber));
        var left = db.Comparisons.Where(c => c.StudyId == studyId && c.Purpose == ComparisonPurpose.Train && c.RetiredAt == null && c.OpenPlaces > 0
            && c.JudgmentCount == 0 && !db.Leases.Any(l => l.ComparisonId == c.Id && l.ExpiresAt > now));
        return [left.Where(c => c.QueueOrder >= older), left.Where(c => c.QueueOrder < newer)];
    }

    /// <summary>Takes <see cref="OthersStock"/> out of the stock.</summary>
    internal static async Task RetireOthersAsync(AnnotatorDbContext db, long studyId, int servingNumber, DateTime now, CancellationToken cancellation)
    {
        foreach (var left in OthersStock(db, studyId, servingNumber, now))
        {
            await left.ExecuteUpdateAsync(set => set.SetProperty(c => c.RetiredAt, now), cancellation);
        }
    }
}

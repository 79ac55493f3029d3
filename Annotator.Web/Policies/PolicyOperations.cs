using Annotator.Model.Policies;
using Annotator.Web.Data;
using Annotator.Web.Languages;
using Annotator.Web.Live;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Localization;

namespace Annotator.Web.Policies;

/// <summary>What an admin does with a study's line of policies. Each operation checks who asks and leaves an audit row.</summary>
public sealed class PolicyOperations(
    IDbContextFactory<AnnotatorDbContext> contexts, WriteGate gate, PolicyLine line, PolicyRegistry registry, PolicyUpload upload, LiveFeed feed, TimeProvider clock, IStringLocalizer<Words> words)
{
    /// <summary>Makes a policy of the line the serving one: a newer one (promote) or an earlier one (roll back).</summary>
    /// <exception cref="NotAllowedException">Not an admin.</exception>
    /// <exception cref="RefusedException">It is not there any more, or its files are not.</exception>
    public async Task ServeAsync(CurrentPerson by, long policyId, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(by);
        by.RequireAdmin();
        await RequireFilesAsync(policyId, cancellation);
        await line.ServeAsync(
            policyId,
            (study, before, now) => now.Number >= before.Number
                ? Audit(by, "policy.promote", $"{by.Name} promoted policy {now.Number} of {study.Name}; policy {before.Number} served before.")
                : Audit(by, "policy.rollback", $"{by.Name} rolled {study.Name} back to policy {now.Number}; policy {before.Number} served before."),
            ifAwaiting: false, cancellation);
    }

    /// <summary>
    /// Lets a second policy serve beside the serving one, or (null) ends it. From then on each new comparison has
    /// responses of both, half and half: people say which of two policies they prefer, and rounds train on it.
    /// </summary>
    /// <exception cref="NotAllowedException">Not an admin.</exception>
    /// <exception cref="RefusedException">It is not of this study's line, or serves already.</exception>
    public async Task ServeBesideAsync(CurrentPerson by, long studyId, long? policyId, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(by);
        by.RequireAdmin();
        if (policyId is { } beside)
        {
            await RequireFilesAsync(beside, cancellation);
        }

        Policy serving;
        using (await gate.EnterAsync(cancellation))
        {
            await using var db = await contexts.CreateDbContextAsync(cancellation);
            await using var transaction = await db.Database.BeginTransactionAsync(cancellation);
            var study = await db.Studies.Include(s => s.CurrentPolicy).SingleOrDefaultAsync(s => s.Id == studyId, cancellation)
                ?? throw new RefusedException(words["This study no longer exists: reload the page."]);
            var second = policyId is null ? null : await db.Policies.SingleOrDefaultAsync(p => p.Id == policyId && p.StudyId == studyId, cancellation)
                ?? throw new RefusedException(words["This policy is not in the study's line: reload the page."]);
            serving = study.CurrentPolicy ?? throw new RefusedException(words["No policy serves this study yet."]);
            if (second?.Id == serving.Id)
            {
                throw new RefusedException(words["Policy {0} serves already: choose another one to serve beside it.", serving.Number]);
            }

            if (study.SecondPolicyId == second?.Id)
            {
                return;
            }

            study.SecondPolicy = second;
            study.SecondPolicyId = second?.Id;
            db.AuditEntries.Add(Audit(by, "policy.beside", second is null
                ? $"{by.Name} let policy {serving.Number} of {study.Name} serve alone again."
                : $"{by.Name} let policy {second.Number} of {study.Name} serve beside policy {serving.Number}."));
            await db.SaveChangesAsync(cancellation);
            await transaction.CommitAsync(cancellation);
        }

        // What is being sampled is sampled as it was asked for; desks and producer look again.
        feed.Publish(new PolicyPublished(studyId, serving.Id, serving.Number));
    }

    /// <summary>Adds the policy of a zip to a study's line, see <see cref="PolicyUpload.TakeAsync"/>; it serves once it is promoted.</summary>
    /// <returns>The policy of the line.</returns>
    /// <exception cref="NotAllowedException">Not an admin.</exception>
    /// <exception cref="RefusedException">It can't be sampled from and trained, has other tokens than the line, or is in it already.</exception>
    public async Task<Policy> ImportAsync(CurrentPerson by, long studyId, string name, Stream zip, CancellationToken cancellation = default) =>
        await AddAsync(by, studyId, await upload.TakeAsync(by, name, zip, null, cancellation), Path.GetFileName(name), cancellation);

    /// <summary>Adds the policy in a directory of this machine, see <see cref="PolicyUpload.TakeDirectoryAsync"/>.</summary>
    /// <inheritdoc cref="ImportAsync"/>
    public async Task<Policy> ImportDirectoryAsync(CurrentPerson by, long studyId, string directory, CancellationToken cancellation = default) =>
        await AddAsync(by, studyId, await upload.TakeDirectoryAsync(by, directory, cancellation), directory.Trim(), cancellation);

    private async Task<Policy> AddAsync(CurrentPerson by, long studyId, string hash, string source, CancellationToken cancellation)
    {
        by.RequireAdmin();
        string? first;
        await using (var db = await contexts.CreateDbContextAsync(cancellation))
        {
            first = await db.Policies.Where(p => p.StudyId == studyId && p.Number == 0).Select(p => p.Hash).SingleOrDefaultAsync(cancellation);
        }

        if (first is not null && registry.Contains(first) && !await Task.Run(() => PolicyFiles.HaveSameTokens(registry.PathOf(first), registry.PathOf(hash)), cancellation))
        {
            throw new RefusedException(words["This policy has other tokens than the policies of this line, and what was sampled is kept and trained on as tokens: begin a new study with it."]);
        }

        return await line.AddAsync(studyId, hash, (study, policy) => Audit(by, "policy.import", $"{by.Name} imported policy {policy.Number} of {study.Name} from {source}."), cancellation);
    }

    /// <summary>A policy whose directory was removed can't be sampled from.</summary>
    private async Task RequireFilesAsync(long policyId, CancellationToken cancellation)
    {
        await using var db = await contexts.CreateDbContextAsync(cancellation);
        if (await db.Policies.AsNoTracking().SingleOrDefaultAsync(p => p.Id == policyId, cancellation) is { } policy && !registry.Contains(policy.Hash))
        {
            throw new RefusedException(words["The files of policy {0} are not in the registry any more: it can't serve.", policy.Number]);
        }
    }

    private AuditEntry Audit(CurrentPerson by, string action, string detail) =>
        new() { PersonId = by.Id, Action = action, Detail = detail, At = clock.GetUtcNow().UtcDateTime };
}

using System.Globalization;
using Annotator.Web.Data;
using Annotator.Web.Languages;
using Annotator.Web.Policies;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Localization;

namespace Annotator.Web.Studies;

/// <summary>New studies, from nothing or as a copy of another. Each operation checks who asks.</summary>
public sealed class StudyCreation(
    IDbContextFactory<AnnotatorDbContext> contexts, WriteGate gate, PolicyRegistry registry, PolicyLine policies, StarterFiles files, TimeProvider time, IStringLocalizer<Words> words)
{
    /// <summary>Creates a study, and makes a policy the first of its line.</summary>
    /// <param name="by">Who creates it.</param>
    /// <param name="settings">As for <see cref="StudyOperations.SaveAsync"/>.</param>
    /// <param name="policyHash">A policy of the registry (<see cref="PolicyUpload"/> brings one there); null = the one that the first study began with.</param>
    /// <param name="cancellation">Leaves no study behind.</param>
    /// <returns>The study's id.</returns>
    /// <exception cref="NotAllowedException">Not an admin.</exception>
    /// <exception cref="RefusedException">A value is out of its range, or the policy can't be used; the message says which.</exception>
    public async Task<long> CreateAsync(CurrentPerson by, StudySettings settings, string? policyHash = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(by);
        ArgumentNullException.ThrowIfNull(settings);
        by.RequireAdmin();
        settings = settings.Tidied();
        if (settings.Fault(words) is { } fault)
        {
            throw new RefusedException(fault);
        }

        policyHash ??= await StarterPolicyAsync(cancellation);
        if (!registry.Contains(policyHash))
        {
            throw new RefusedException(words["The registry has no such policy: bring it there first."]);
        }

        var now = time.GetUtcNow().UtcDateTime;
        var study = new Study
        {
            Name = settings.Name, Guidelines = settings.Guidelines, Sampling = settings.Sampling, Task = settings.Task, IsArchived = settings.IsArchived,
            MembersOnly = settings.Members is not null, CreatedAt = now,
        };
        await AddAsync(study, settings.Members ?? [], new()
        {
            PersonId = by.Id, Action = "study.create", At = now, Detail = $"{by.Name} created the study {study.Name} with the policy {policyHash[..12]}.",
        }, fill: null, cancellation);
        await policies.PublishAsync(study.Id, policyHash, cancellation: CancellationToken.None);
        return study.Id;
    }

    /// <summary>Copies a study's settings and prompts, and begins with the policy that it began with; judgments, rounds and later policies stay where they are.</summary>
    /// <returns>The copy's id.</returns>
    /// <exception cref="NotAllowedException">Not an admin.</exception>
    /// <exception cref="RefusedException">There is no such study, or the name can't be one.</exception>
    public async Task<long> CloneAsync(CurrentPerson by, long studyId, string name, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(by);
        ArgumentNullException.ThrowIfNull(name);
        by.RequireAdmin();
        await using var db = await contexts.CreateDbContextAsync(cancellation);
        var original = await db.Studies.AsNoTracking().SingleOrDefaultAsync(s => s.Id == studyId, cancellation) ?? throw new RefusedException(words["This study no longer exists: reload the page."]);
        if (new StudySettings(name, original.Guidelines, original.Sampling, original.Task).Fault(words) is { } fault)
        {
            throw new RefusedException(fault);
        }

        var now = time.GetUtcNow().UtcDateTime;
        var members = await db.StudyMembers.Where(m => m.StudyId == studyId).Select(m => m.PersonId).ToListAsync(cancellation);
        var policy = await db.Policies.Where(p => p.StudyId == studyId).OrderBy(p => p.Number).Select(p => p.Hash).FirstOrDefaultAsync(cancellation);
        var copy = new Study
        {
            Name = name.Trim(), Guidelines = original.Guidelines, Sampling = original.Sampling, Task = original.Task, MembersOnly = original.MembersOnly,
            AutomaticRoundEvery = original.AutomaticRoundEvery, AutomaticRoundsADay = original.AutomaticRoundsADay, CreatedAt = now,
        };
        await AddAsync(copy, members, new()
        {
            PersonId = by.Id, Action = "study.clone", At = now, Detail = $"{by.Name} cloned the study {original.Name} as {copy.Name}.",
        }, fill: to => to.Database.ExecuteSqlAsync($"""
            INSERT INTO Prompts (StudyId, Text, Messages, Priority, Split, IsPaused, CreatedAt)
            SELECT {copy.Id}, Text, Messages, Priority, Split, IsPaused, {now} FROM Prompts WHERE StudyId = {studyId} ORDER BY Id
            """, cancellation), cancellation);
        if (policy is not null)
        {
            await policies.PublishAsync(copy.Id, policy, cancellation: CancellationToken.None);
        }

        return copy.Id;
    }

    /// <summary>A name for a copy that no study has.</summary>
    public static string NameForCopy(string name, IEnumerable<string> taken)
    {
        ArgumentNullException.ThrowIfNull(name);
        var names = taken.ToHashSet(StringComparer.OrdinalIgnoreCase);
        return Enumerable.Range(2, names.Count + 1)
            .Select(number => string.Create(CultureInfo.InvariantCulture, $" ({number})"))
            .Select(end => name[..Math.Min(name.Length, StudySettings.MaxNameLength - end.Length)] + end)
            .First(copy => !names.Contains(copy));
    }

    private async Task<string> StarterPolicyAsync(CancellationToken cancellation)
    {
        try
        {
            return await registry.ImportAsync(files.Policy, cancellation);
        }
        catch (PolicyRefusedException e)
        {
            throw new RefusedException(e.Message);
        }
    }

    private async Task AddAsync(Study study, IReadOnlyList<string> members, AuditEntry entry, Func<AnnotatorDbContext, Task>? fill, CancellationToken cancellation)
    {
        using var turn = await gate.EnterAsync(cancellation);
        await using var db = await contexts.CreateDbContextAsync(cancellation);
        await using var transaction = await db.Database.BeginTransactionAsync(cancellation);
        db.Studies.Add(study);
        db.AuditEntries.Add(entry);
        await db.SaveChangesAsync(cancellation);
        await StudyOperations.AddMembersAsync(db, words, study.Id, members, cancellation);
        await db.SaveChangesAsync(cancellation);
        await (fill?.Invoke(db) ?? Task.CompletedTask);
        await transaction.CommitAsync(cancellation);
    }
}

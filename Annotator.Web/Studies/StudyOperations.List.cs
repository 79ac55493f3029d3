using Annotator.Web.Data;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Web.Studies;

/// <summary>A study in the list of all.</summary>
/// <param name="Responses">Of a comparison: 2 for pairs.</param>
/// <param name="PolicyNumber">Of the policy that serves; null while there is none.</param>
/// <param name="Judgments">That stand, repeats and edits aside.</param>
/// <param name="AtWork">How many people have a comparison of it on the desk.</param>
/// <param name="Members">How many people were chosen to judge; null = everybody may.</param>
public sealed record StudyRow(
    long Id, string Name, TaskKind Kind, int Responses, int? PolicyNumber, int Judgments, int Prompts, int AtWork, int? Members, bool IsArchived, DateTime CreatedAt);

/// <summary>Somebody who may be chosen to judge.</summary>
public sealed record Judge(string Id, string Name);

/// <content>The studies as a whole: the list, its archive, who there is to judge.</content>
public sealed partial class StudyOperations
{
    /// <summary>All studies, archived ones last, else the oldest first.</summary>
    /// <exception cref="NotAllowedException">Not an admin.</exception>
    public async Task<IReadOnlyList<StudyRow>> ListAsync(CurrentPerson by, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(by);
        by.RequireAdmin();
        var now = time.GetUtcNow().UtcDateTime;
        await using var db = await contexts.CreateDbContextAsync(cancellation);
        return await db.Studies.OrderBy(s => s.IsArchived).ThenBy(s => s.Id)
            .Select(s => new StudyRow(
                s.Id, s.Name, s.Task.Kind, s.Task.ResponsesPerComparison, s.CurrentPolicy == null ? null : s.CurrentPolicy.Number, s.JudgmentCount,
                db.Prompts.Count(p => p.StudyId == s.Id),
                db.Leases.Where(l => l.StudyId == s.Id && l.ExpiresAt > now).Select(l => l.AnnotatorId).Distinct().Count(),
                s.MembersOnly ? db.StudyMembers.Count(m => m.StudyId == s.Id) : null, s.IsArchived, s.CreatedAt))
            .ToListAsync(cancellation);
    }

    /// <summary>Everybody who is an annotator, by name.</summary>
    /// <exception cref="NotAllowedException">Not an admin.</exception>
    public async Task<IReadOnlyList<Judge>> JudgesAsync(CurrentPerson by, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(by);
        by.RequireAdmin();
        await using var db = await contexts.CreateDbContextAsync(cancellation);
        return await db.Users
            .Where(p => !p.IsImported && db.UserRoles.Any(role => role.UserId == p.Id && db.Roles.Any(r => r.Id == role.RoleId && r.Name == Roles.Annotator)))
            .OrderBy(p => p.NormalizedUserName).Select(p => new Judge(p.Id, p.UserName!)).ToListAsync(cancellation);
    }

    /// <summary>Takes a study from the annotators, or offers it again; everything in it stays.</summary>
    /// <exception cref="NotAllowedException">Not an admin.</exception>
    /// <exception cref="RefusedException">There is no such study.</exception>
    public async Task SetArchivedAsync(CurrentPerson by, long studyId, bool archived, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(by);
        by.RequireAdmin();
        using var turn = await gate.EnterAsync(cancellation);
        await using var db = await contexts.CreateDbContextAsync(cancellation);
        await using var transaction = await db.Database.BeginTransactionAsync(cancellation);
        var study = await db.Studies.SingleOrDefaultAsync(s => s.Id == studyId, cancellation) ?? throw Gone;
        if (study.IsArchived == archived)
        {
            return;
        }

        study.IsArchived = archived;
        db.AuditEntries.Add(new()
        {
            PersonId = by.Id, Action = archived ? "study.archive" : "study.restore", At = time.GetUtcNow().UtcDateTime,
            Detail = archived ? $"{by.Name} archived the study {study.Name}." : $"{by.Name} offered the study {study.Name} to annotators again.",
        });
        await db.SaveChangesAsync(cancellation);
        await transaction.CommitAsync(cancellation);
    }
}

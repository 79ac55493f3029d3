using System.Globalization;
using Annotator.Web.Data;
using Annotator.Web.Languages;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Localization;

namespace Annotator.Web.Studies;

/// <summary>A study as its settings page shows it.</summary>
/// <param name="PolicyNumber">Of the policy that serves; null while there is none.</param>
public sealed record StudyView(long Id, StudySettings Settings, int GuidelinesVersion, int? PolicyNumber, int TrainPrompts, int HeldoutPrompts);

/// <summary>Reading and changing a study's settings. Each operation checks who asks.</summary>
public sealed partial class StudyOperations(IDbContextFactory<AnnotatorDbContext> contexts, WriteGate gate, TimeProvider time, IStringLocalizer<Words> words)
{
    private RefusedException Gone => new(words["This study no longer exists: reload the page."]);

    /// <summary>All studies by name, archived ones last.</summary>
    /// <exception cref="NotAllowedException">Neither an admin nor a viewer.</exception>
    public async Task<IReadOnlyList<StudyName>> NamesAsync(CurrentPerson by, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(by);
        by.RequireViewer();
        await using var db = await contexts.CreateDbContextAsync(cancellation);
        return await db.Studies.OrderBy(s => s.IsArchived).ThenBy(s => s.Id).Select(s => new StudyName(s.Id, s.Name, s.IsArchived)).ToListAsync(cancellation);
    }

    /// <summary>The study with this id, or the first one.</summary>
    /// <returns>Null if there is none.</returns>
    /// <exception cref="NotAllowedException">Neither an admin nor a viewer.</exception>
    public async Task<StudyView?> FindAsync(CurrentPerson by, long? studyId = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(by);
        by.RequireViewer();
        await using var db = await contexts.CreateDbContextAsync(cancellation);
        var study = await db.Studies.AsNoTracking().Include(s => s.CurrentPolicy).Where(s => studyId == null || s.Id == studyId).OrderBy(s => s.Id).FirstOrDefaultAsync(cancellation);
        if (study is null)
        {
            return null;
        }

        var heldout = await db.Prompts.CountAsync(p => p.StudyId == study.Id && p.Split == PromptSplit.Heldout, cancellation);
        var all = await db.Prompts.CountAsync(p => p.StudyId == study.Id, cancellation);
        return new(study.Id, Of(study, await MembersAsync(db, study, cancellation)), study.GuidelinesVersion, study.CurrentPolicy?.Number, all - heldout, heldout);
    }

    /// <summary>Saves the settings. Changed guidelines get the next version, which judgments carry from then on.</summary>
    /// <returns>The version of the guidelines.</returns>
    /// <exception cref="NotAllowedException">Not an admin.</exception>
    /// <exception cref="RefusedException">A value is out of its range; the message names it.</exception>
    public async Task<int> SaveAsync(CurrentPerson by, long studyId, StudySettings settings, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(by);
        ArgumentNullException.ThrowIfNull(settings);
        by.RequireAdmin();
        settings = settings.Tidied();
        if (settings.Fault(words) is { } fault)
        {
            throw new RefusedException(fault);
        }

        using var turn = await gate.EnterAsync(cancellation);
        await using var db = await contexts.CreateDbContextAsync(cancellation);
        await using var transaction = await db.Database.BeginTransactionAsync(cancellation);
        var study = await db.Studies.SingleOrDefaultAsync(s => s.Id == studyId, cancellation)
            ?? throw Gone;
        var before = Of(study, await MembersAsync(db, study, cancellation));
        var changes = before.Changes(settings).ToList();
        if (changes.Count == 0)
        {
            return study.GuidelinesVersion;
        }

        study.Name = settings.Name;
        study.Sampling = settings.Sampling;
        study.IsArchived = settings.IsArchived;
        await ChangeMembersAsync(db, study, before.Members, settings.Members, cancellation);
        await ChangeTaskAsync(db, study, settings.Task, cancellation);
        if (study.Guidelines != settings.Guidelines)
        {
            study.Guidelines = settings.Guidelines;
            study.GuidelinesVersion++;
        }

        db.AuditEntries.Add(new()
        {
            PersonId = by.Id, Action = "study.change", At = time.GetUtcNow().UtcDateTime,
            Detail = $"{by.Name} changed the study {settings.Name}: {string.Join(", ", changes)}.",
        });
        await db.SaveChangesAsync(cancellation);
        await transaction.CommitAsync(cancellation);
        return study.GuidelinesVersion;
    }

    /// <summary>
    /// Takes over a new task. Comparisons in stock get or lose places with the overlap. Ones that nobody has judged or on the
    /// desk make way for others if they have another number of responses.
    /// </summary>
    private async Task ChangeTaskAsync(AnnotatorDbContext db, Study study, StudyTask task, CancellationToken cancellation)
    {
        var now = time.GetUtcNow().UtcDateTime;
        var stock = db.Comparisons.Where(c => c.StudyId == study.Id && c.Purpose == ComparisonPurpose.Train && c.RetiredAt == null);
        if (task.Overlap - study.Task.Overlap is var more and not 0)
        {
            await stock.ExecuteUpdateAsync(set => set.SetProperty(c => c.OpenPlaces, c => c.OpenPlaces + more), cancellation);
            // What was full may be open again, to anybody.
            await db.SeenStretches.Where(s => s.StudyId == study.Id).ExecuteDeleteAsync(cancellation);
        }

        if (task.ResponsesPerComparison != study.Task.ResponsesPerComparison)
        {
            await stock.Where(c => c.JudgmentCount == 0 && !db.Leases.Any(l => l.ComparisonId == c.Id && l.ExpiresAt > now))
                .ExecuteUpdateAsync(set => set.SetProperty(c => c.RetiredAt, now), cancellation);
        }

        study.Task = task;
    }

    private static StudySettings Of(Study study, IReadOnlyList<string>? members) =>
        new(study.Name, study.Guidelines, study.Sampling, study.Task) { IsArchived = study.IsArchived, Members = members };

    /// <summary>Null if the study is open to everybody.</summary>
    private static async Task<IReadOnlyList<string>?> MembersAsync(AnnotatorDbContext db, Study study, CancellationToken cancellation) =>
        study.MembersOnly ? await db.StudyMembers.Where(m => m.StudyId == study.Id).Select(m => m.PersonId).Order().ToListAsync(cancellation) : null;

    private async Task ChangeMembersAsync(
        AnnotatorDbContext db, Study study, IReadOnlyList<string>? before, IReadOnlyList<string>? after, CancellationToken cancellation)
    {
        study.MembersOnly = after is not null;
        var gone = (before ?? []).Except(after ?? []).ToList();
        await db.StudyMembers.Where(m => m.StudyId == study.Id && gone.Contains(m.PersonId)).ExecuteDeleteAsync(cancellation);
        await AddMembersAsync(db, words, study.Id, [.. (after ?? []).Except(before ?? [])], cancellation);
    }

    /// <summary>To be saved by the caller.</summary>
    internal static async Task AddMembersAsync(AnnotatorDbContext db, IStringLocalizer<Words> words, long studyId, IReadOnlyList<string> people, CancellationToken cancellation)
    {
        if (await db.Users.CountAsync(p => people.Contains(p.Id), cancellation) < people.Count)
        {
            throw new RefusedException(words["Somebody who was chosen to judge has no account any more: reload the page."]);
        }

        db.StudyMembers.AddRange(people.Select(person => new StudyMember { StudyId = studyId, PersonId = person }));
    }
}

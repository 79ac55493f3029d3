using System.Globalization;
using Annotator.Web.Data;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Web.Studies;

/// <summary>What an admin sets of a study here; when rounds start by themselves is set where rounds are.</summary>
public sealed record StudySettings(string Name, string Guidelines, StudySampling Sampling);

/// <summary>A study as its settings page shows it.</summary>
public sealed record StudyView(long Id, StudySettings Settings, int GuidelinesVersion, int TrainPrompts, int HeldoutPrompts);

/// <summary>Reading and changing a study's settings. Each operation checks who asks.</summary>
public sealed class StudyOperations(IDbContextFactory<AnnotatorDbContext> contexts, TimeProvider time)
{
    public const int MaxNameLength = 80;
    public const int MaxGuidelinesLength = 20_000;

    /// <summary>The study with this id, or the first one.</summary>
    /// <returns>Null if there is none.</returns>
    /// <exception cref="NotAllowedException">Not an admin.</exception>
    public async Task<StudyView?> FindAsync(CurrentPerson by, long? studyId = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(by);
        by.RequireAdmin();
        await using var db = await contexts.CreateDbContextAsync(cancellation);
        var study = await db.Studies.AsNoTracking().Where(s => studyId == null || s.Id == studyId).OrderBy(s => s.Id).FirstOrDefaultAsync(cancellation);
        if (study is null)
        {
            return null;
        }

        var heldout = await db.Prompts.CountAsync(p => p.StudyId == study.Id && p.Split == PromptSplit.Heldout, cancellation);
        var all = await db.Prompts.CountAsync(p => p.StudyId == study.Id, cancellation);
        return new(study.Id, Of(study), study.GuidelinesVersion, all - heldout, heldout);
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
        settings = settings with { Name = settings.Name.Trim(), Guidelines = settings.Guidelines.ReplaceLineEndings("\n").Trim() + "\n" };
        if (Fault(settings) is { } fault)
        {
            throw new RefusedException(fault);
        }

        await using var db = await contexts.CreateDbContextAsync(cancellation);
        await using var transaction = await db.Database.BeginTransactionAsync(cancellation);
        var study = await db.Studies.SingleOrDefaultAsync(s => s.Id == studyId, cancellation)
            ?? throw new RefusedException("This study no longer exists: reload the page.");
        var before = Of(study);
        var changes = Changes(before, settings).ToList();
        if (changes.Count == 0)
        {
            return study.GuidelinesVersion;
        }

        study.Name = settings.Name;
        study.Sampling = settings.Sampling;
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

    /// <summary>What is wrong with the settings, in a sentence for people; null if nothing is.</summary>
    public static string? Fault(StudySettings settings)
    {
        ArgumentNullException.ThrowIfNull(settings);
        var sampling = settings.Sampling;
        return true switch
        {
            _ when settings.Name.Trim() is { Length: 0 or > MaxNameLength } => $"The name must have 1 to {MaxNameLength} characters.",
            _ when settings.Guidelines.Length > MaxGuidelinesLength => $"The guidelines may have {MaxGuidelinesLength} characters at most; they have {settings.Guidelines.Length}.",
            _ when sampling.Temperature is not (> 0 and <= 2) => $"The temperature must be above 0 and at most 2; it is {sampling.Temperature.ToString(CultureInfo.InvariantCulture)}.",
            _ when sampling.TopP is not (> 0 and <= 1) => $"Top-p must be above 0 and at most 1; it is {sampling.TopP.ToString(CultureInfo.InvariantCulture)}.",
            _ when sampling.TopK is not (>= 0 and <= 100_000) => $"Top-k must be from 0 (all tokens) to 100,000; it is {sampling.TopK}.",
            _ when sampling.MaxTokens is not (>= 1 and <= 1024) => $"The longest response must be from 1 to 1,024 tokens; it is {sampling.MaxTokens}.",
            _ => null,
        };
    }

    private static StudySettings Of(Study study) => new(study.Name, study.Guidelines, study.Sampling);

    private static IEnumerable<string> Changes(StudySettings before, StudySettings after)
    {
        if (before.Name != after.Name)
        {
            yield return $"name (was {before.Name})";
        }

        if (before.Guidelines != after.Guidelines)
        {
            yield return "guidelines";
        }

        if (before.Sampling != after.Sampling)
        {
            yield return string.Create(CultureInfo.InvariantCulture,
                $"sampling (temperature {after.Sampling.Temperature}, top-p {after.Sampling.TopP}, top-k {after.Sampling.TopK}, at most {after.Sampling.MaxTokens} tokens)");
        }
    }
}

using System.Globalization;
using Annotator.Web.Data;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Web.Studies;

/// <summary>What an admin sets of a study here; when rounds start by themselves is set where rounds are.</summary>
public sealed record StudySettings(string Name, string Guidelines, StudySampling Sampling, StudyTask Task)
{
    /// <summary>No longer offered to annotators.</summary>
    public bool IsArchived { get; init; }
}

/// <summary>A study as its settings page shows it.</summary>
public sealed record StudyView(long Id, StudySettings Settings, int GuidelinesVersion, int TrainPrompts, int HeldoutPrompts);

/// <summary>Reading and changing a study's settings. Each operation checks who asks.</summary>
public sealed class StudyOperations(IDbContextFactory<AnnotatorDbContext> contexts, TimeProvider time)
{
    public const int MaxNameLength = 80;
    public const int MaxGuidelinesLength = 20_000;
    public const int MostChips = 9;
    public const int MaxChipLength = 40;

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
        settings = settings with { Task = settings.Task with { ReasonChips = [.. settings.Task.ReasonChips.Select(chip => chip.Trim()).Where(chip => chip.Length > 0).Distinct()] } };
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
        study.IsArchived = settings.IsArchived;
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
            _ => Fault(settings.Task),
        };
    }

    private static string? Fault(StudyTask task) => true switch
    {
        _ when task is { Kind: TaskKind.Pairwise, ResponsesPerComparison: not 2 } => $"A pair has two responses; it is set to {task.ResponsesPerComparison}.",
        _ when task.Kind == TaskKind.Ranking && task.ResponsesPerComparison is not (>= 3 and <= StudyTask.MostResponses) =>
            $"A ranking has 3 to {StudyTask.MostResponses} responses; it is set to {task.ResponsesPerComparison}.",
        _ when task is { Kind: TaskKind.Ranking, AsksStrength: true } => "Strength is asked of pairs only: a ranking says more by its order.",
        _ when task.ReasonChips.Count > MostChips => $"There may be {MostChips} reasons at most, one for each digit key; there are {task.ReasonChips.Count}.",
        _ when task.ReasonChips.FirstOrDefault(chip => chip.Length > MaxChipLength) is { } chip => $"A reason may have {MaxChipLength} characters at most; this one has {chip.Length}: {chip}",
        _ when task is { RequiresReason: true, ReasonChips.Count: 0 } => "A reason is required, but there is none to choose: add some, or do not require one.",
        _ when task.Overlap is not (>= 1 and <= 50) => $"The judgments for each comparison must be from 1 to 50; they are set to {task.Overlap}.",
        _ when task.GoldRate is not (>= 0 and <= 0.5) => "The share of gold comparisons must be from 0 to one half.",
        _ when task.RepeatRate is not (>= 0 and <= 0.5) => "The share of repeats must be from 0 to one half.",
        _ when task.DailyTarget is <= 0 => "The target for a day must be at least 1; leave it empty for none.",
        _ => null,
    };

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

    private static StudySettings Of(Study study) => new(study.Name, study.Guidelines, study.Sampling, study.Task) { IsArchived = study.IsArchived };

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

        if (before.Task != after.Task)
        {
            var task = after.Task;
            yield return string.Create(CultureInfo.InvariantCulture,
                $"task ({(task.Kind == TaskKind.Pairwise ? "pairs" : $"rankings of {task.ResponsesPerComparison}")}, {task.Overlap} judgments each, gold {task.GoldRate:P0}, repeats {task.RepeatRate:P0}, {(task.DailyTarget is { } target ? $"{target} a day" : "no target")})");
        }

        if (before.IsArchived != after.IsArchived)
        {
            yield return after.IsArchived ? "archived" : "offered to annotators again";
        }
    }
}

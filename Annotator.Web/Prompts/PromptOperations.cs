using System.Globalization;
using Annotator.Web.Data;
using Annotator.Web.Languages;
using Annotator.Web.Live;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Localization;

namespace Annotator.Web.Prompts;

/// <summary>The prompts of a study: listing and changing them (<see cref="PromptImport"/> adds them). Each operation checks who asks.</summary>
public sealed class PromptOperations(IDbContextFactory<AnnotatorDbContext> contexts, WriteGate gate, LiveFeed feed, TimeProvider clock, IStringLocalizer<Words> words)
{
    public const int PageSize = 50;
    public const int LargestPage = 500;
    private const int ShownCharacters = 600;

    /// <summary>Changed in one transaction; annotators wait no longer than for so many.</summary>
    private const int BatchSize = 1000;

    /// <summary>A page of a study's prompts.</summary>
    /// <param name="by">Who looks.</param>
    /// <param name="studyId">The study.</param>
    /// <param name="filter">Which of its prompts.</param>
    /// <param name="after">The last id of the page before; null = from the first.</param>
    /// <param name="size">At most so many, from 1 to <see cref="LargestPage"/>.</param>
    /// <param name="cancellation">Ends the reading.</param>
    /// <exception cref="NotAllowedException">Not an admin.</exception>
    public async Task<PromptPage> ListAsync(
        CurrentPerson by, long studyId, PromptFilter filter, long? after = null, int size = PageSize, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(by);
        ArgumentNullException.ThrowIfNull(filter);
        by.RequireAdmin();
        size = Math.Clamp(size, 1, LargestPage);
        await using var db = await contexts.CreateDbContextAsync(cancellation);
        var rows = await filter.Of(db, studyId).Where(p => p.Id > (after ?? 0)).OrderBy(p => p.Id).Take(size + 1)
            .Select(p => new PromptRow(
                p.Id, p.Text.Substring(0, ShownCharacters), p.Messages != null, p.Split, p.Priority, p.IsPaused,
                db.Comparisons.Count(c => c.PromptId == p.Id), db.Comparisons.Where(c => c.PromptId == p.Id).Sum(c => c.JudgmentCount)))
            .ToListAsync(cancellation);
        return rows.Count <= size ? new(rows, null) : new(rows[..size], rows[size - 1].Id);
    }

    /// <summary>How many prompts a filter lets through.</summary>
    /// <exception cref="NotAllowedException">Not an admin.</exception>
    public async Task<int> CountAsync(CurrentPerson by, long studyId, PromptFilter filter, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(by);
        ArgumentNullException.ThrowIfNull(filter);
        by.RequireAdmin();
        await using var db = await contexts.CreateDbContextAsync(cancellation);
        return await filter.Of(db, studyId).CountAsync(cancellation);
    }

    /// <summary>
    /// Pauses, resumes, moves up or down in the queue, holds out or trains on. What is in stock follows: comparisons of a prompt
    /// that is paused or held out make way unless somebody has judged them or has them on the desk, and a new priority moves the
    /// prompt's comparisons too.
    /// </summary>
    /// <returns>How many prompts it was for.</returns>
    /// <exception cref="NotAllowedException">Not an admin.</exception>
    /// <exception cref="RefusedException">The priority is out of its range, or nothing is to be changed.</exception>
    public async Task<int> ChangeAsync(CurrentPerson by, long studyId, PromptSelection which, PromptChange change, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(by);
        ArgumentNullException.ThrowIfNull(which);
        ArgumentNullException.ThrowIfNull(change);
        by.RequireAdmin();
        if (change.Priority is < QueueOrder.LowestPriority or > QueueOrder.HighestPriority)
        {
            throw new RefusedException(words["A priority must be from {0} to {1}; it is {2}.", QueueOrder.LowestPriority, QueueOrder.HighestPriority, change.Priority]);
        }

        if (change == new PromptChange())
        {
            throw new RefusedException(words["Say what is to be changed: the split, the priority, or whether they are paused."]);
        }

        var changed = 0;
        await foreach (var batch in BatchesAsync(studyId, which, cancellation))
        {
            using var turn = await gate.EnterAsync(cancellation);
            await using var db = await contexts.CreateDbContextAsync(cancellation);
            await using var transaction = await db.Database.BeginTransactionAsync(cancellation);
            var now = clock.GetUtcNow().UtcDateTime;
            await ApplyAsync(db, studyId, batch, change, now, cancellation);
            db.AuditEntries.Add(new()
            {
                PersonId = by.Id, Action = "prompts.change", At = now,
                Detail = string.Create(CultureInfo.InvariantCulture, $"{by.Name} changed {(batch.Count == 1 ? $"prompt {batch[0]}" : $"{batch.Count:N0} prompts (ids {batch[0]} to {batch[^1]})")} of study {studyId}: {string.Join(", ", Words(change))}."),
            });
            await db.SaveChangesAsync(cancellation);
            await transaction.CommitAsync(cancellation);
            changed += batch.Count;
        }

        if (changed > 0)
        {
            feed.Publish(new PromptsChanged(studyId));
        }

        return changed;
    }

    private static async Task ApplyAsync(AnnotatorDbContext db, long studyId, IReadOnlyList<long> ids, PromptChange change, DateTime now, CancellationToken cancellation)
    {
        var prompts = db.Prompts.Where(p => ids.Contains(p.Id));
        if (change.Priority is { } priority)
        {
            // All of them, not only those in stock: what is judged comes back with an undo, and has its place then.
            var moved = await prompts.Where(p => p.Priority != priority).Select(p => new { p.Id, p.Priority }).ToListAsync(cancellation);
            foreach (var same in moved.ToLookup(p => p.Priority, p => p.Id))
            {
                var (by, those) = (QueueOrder.Moved(same.Key, priority), same.ToList());
                await db.Comparisons.Where(c => those.Contains(c.PromptId)).ExecuteUpdateAsync(set => set.SetProperty(c => c.QueueOrder, c => c.QueueOrder + by), cancellation);
            }

            // What was passed over may stand elsewhere now.
            await db.SeenStretches.Where(s => s.StudyId == studyId).ExecuteDeleteAsync(cancellation);
            await prompts.ExecuteUpdateAsync(set => set.SetProperty(p => p.Priority, priority), cancellation);
        }

        if (change.IsPaused is { } paused)
        {
            await prompts.ExecuteUpdateAsync(set => set.SetProperty(p => p.IsPaused, paused), cancellation);
        }

        if (change.Split is { } split)
        {
            await prompts.ExecuteUpdateAsync(set => set.SetProperty(p => p.Split, split), cancellation);
        }

        if (change.IsPaused == true || change.Split == PromptSplit.Heldout)
        {
            await db.Comparisons
                .Where(c => ids.Contains(c.PromptId) && c.Purpose == ComparisonPurpose.Train && c.RetiredAt == null && c.JudgmentCount == 0
                    && !db.Leases.Any(l => l.ComparisonId == c.Id && l.ExpiresAt > now))
                .ExecuteUpdateAsync(set => set.SetProperty(c => c.RetiredAt, now), cancellation);
        }
    }

    /// <summary>The ids of a selection's prompts that are the study's, ascending.</summary>
    private async IAsyncEnumerable<IReadOnlyList<long>> BatchesAsync(
        long studyId, PromptSelection which, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellation)
    {
        // As ids all at once: what is changed may no longer be what the filter lets through.
        List<long> ids;
        await using (var db = await contexts.CreateDbContextAsync(cancellation))
        {
            ids = which.Filter is { } filter
                ? await filter.Of(db, studyId).OrderBy(p => p.Id).Select(p => p.Id).ToListAsync(cancellation)
                : await db.Prompts.Where(p => p.StudyId == studyId && which.Ids!.Contains(p.Id)).OrderBy(p => p.Id).Select(p => p.Id).ToListAsync(cancellation);
        }

        foreach (var batch in ids.Chunk(BatchSize))
        {
            yield return batch;
        }
    }

    private static IEnumerable<string> Words(PromptChange change)
    {
        if (change.IsPaused is { } paused)
        {
            yield return paused ? "paused" : "resumed";
        }

        if (change.Priority is { } priority)
        {
            yield return string.Create(CultureInfo.InvariantCulture, $"priority {priority}");
        }

        if (change.Split is { } split)
        {
            yield return split == PromptSplit.Train ? "trained on" : "held out";
        }
    }
}

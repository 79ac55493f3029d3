using Annotator.Web.Data;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Web.Dataset.Importing;

/// <summary>The rows of an import as a whole: how they become the study's, and how they go.</summary>
internal static class ImportRows
{
    /// <summary>The import's own row, of which all others speak.</summary>
    public static async Task<Import> BeginAsync(
        IDbContextFactory<AnnotatorDbContext> contexts, CurrentPerson by, long studyId, Upload upload, string format, DateTime now, CancellationToken cancellation)
    {
        await using var db = await contexts.CreateDbContextAsync(cancellation);
        var import = new Import { StudyId = studyId, FileName = upload.Name, Format = format, Sha256 = upload.Sha256, StartedById = by.Id, CreatedAt = now };
        db.Imports.Add(import);
        await db.SaveChangesAsync(cancellation);
        return import;
    }

    /// <summary>Makes them the study's, within a transaction of the caller's.</summary>
    public static async Task PublishAsync(AnnotatorDbContext db, Import import, ImportRequest request, bool keepsIds, CancellationToken cancellation)
    {
        var staging = Import.StagingStudyId(import.Id);
        if (request.Format == ImportRequest.LogFormat)
        {
            await db.Database.ExecuteSqlAsync($"""
                UPDATE Comparisons SET JudgmentCount = (
                  SELECT count(*) FROM Judgments j WHERE j.ComparisonId = Comparisons.Id AND NOT j.IsSuperseded AND j.Verdict <> {(int)Verdict.Withdrawn} AND j.Origin NOT IN ({(int)JudgmentOrigin.Repeat}, {(int)JudgmentOrigin.Adjudication}))
                WHERE Id IN (SELECT ComparisonId FROM Judgments WHERE StudyId = {staging})
                """, cancellation);
        }

        if (keepsIds)
        {
            await ReserveIdsAsync(db, staging, cancellation);
        }

        await db.Database.ExecuteSqlAsync(AnnotatorDbContext.Summarize("SELECT ComparisonId FROM Judgments WHERE StudyId = {0}", staging), cancellation);
        await db.Judgments.Where(j => j.StudyId == staging).ExecuteUpdateAsync(set => set.SetProperty(j => j.StudyId, import.StudyId), cancellation);
        if (request.SamplePrompts)
        {
            await db.Prompts.Where(p => p.ImportId == import.Id).ExecuteUpdateAsync(set => set.SetProperty(p => p.IsPaused, false), cancellation);
        }
    }

    /// <summary>Removes all of an import that did not come to its end, cancelled or not: what is half there must go.</summary>
    public static async Task RemoveAsync(IDbContextFactory<AnnotatorDbContext> contexts, WriteGate gate, long importId)
    {
        using var turn = await gate.EnterAsync(CancellationToken.None);
        await using var db = await contexts.CreateDbContextAsync(CancellationToken.None);
        await using var transaction = await db.Database.BeginTransactionAsync(CancellationToken.None);
        await RemoveAsync(db, importId, CancellationToken.None);
        await transaction.CommitAsync(CancellationToken.None);
    }

    private static async Task RemoveAsync(AnnotatorDbContext db, long importId, CancellationToken cancellation)
    {
        // Rows refer to one another in any order; the rules are looked at when all are gone.
        await db.Database.ExecuteSqlRawAsync("PRAGMA defer_foreign_keys = ON", cancellation);
        var staging = Import.StagingStudyId(importId);
        await db.Judgments.Where(j => j.StudyId == staging).ExecuteDeleteAsync(cancellation);
        await db.Database.ExecuteSqlAsync($"""
            DELETE FROM Responses WHERE Id IN (
              SELECT r.ResponseId FROM ComparisonResponses r JOIN Comparisons c ON c.Id = r.ComparisonId WHERE c.ImportId = {importId})
            """, cancellation);
        await db.Database.ExecuteSqlAsync($"DELETE FROM ComparisonResponses WHERE ComparisonId IN (SELECT Id FROM Comparisons WHERE ImportId = {importId})", cancellation);
        await db.Comparisons.Where(c => c.ImportId == importId).ExecuteDeleteAsync(cancellation);
        await db.Prompts.Where(p => p.ImportId == importId).ExecuteDeleteAsync(cancellation);
        await db.Imports.Where(i => i.Id == importId).ExecuteDeleteAsync(cancellation);
    }

    /// <summary>Rows that are made from now on get ids above those of the log: no id of the study's log stands for two things.</summary>
    private static async Task ReserveIdsAsync(AnnotatorDbContext db, long staging, CancellationToken cancellation)
    {
        var (judgment, comparison, response, prompt) = (0L, 0L, 0L, 0L);
        await foreach (var source in db.Judgments.Where(j => j.StudyId == staging).Select(j => j.Source).AsAsyncEnumerable().WithCancellation(cancellation))
        {
            var ids = source!.Log!;
            (judgment, comparison, response, prompt) =
                (Math.Max(judgment, ids.Id), Math.Max(comparison, ids.Comparison), Math.Max(response, ids.Responses.Max()), Math.Max(prompt, ids.Prompt));
        }

        foreach (var (table, id) in new[] { ("Judgments", judgment), ("Comparisons", comparison), ("Responses", response), ("Prompts", prompt) })
        {
            await db.Database.ExecuteSqlAsync($"UPDATE sqlite_sequence SET seq = max(seq, {id}) WHERE name = {table}", cancellation);
        }
    }
}

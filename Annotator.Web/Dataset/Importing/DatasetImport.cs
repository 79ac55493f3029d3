using System.Globalization;
using System.Runtime.CompilerServices;
using Annotator.Model.Preferences;
using Annotator.Model.Preferences.Datasets;
using Annotator.Web.Data;
using Annotator.Web.Languages;
using Annotator.Web.Live;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Localization;

namespace Annotator.Web.Dataset.Importing;

/// <summary>
/// Reads files of judgments into a study. First one looks (nothing is stored), then one imports: the same reading, and all
/// of what it takes or nothing. One import at a time.
/// </summary>
public sealed class DatasetImport(IDbContextFactory<AnnotatorDbContext> contexts, WriteGate gate, LiveFeed feed, TimeProvider clock, IStringLocalizer<Words> words) : IDisposable
{
    /// <summary>Lines a transaction: annotators wait for one at most.</summary>
    private const int BatchSize = 250;

    private readonly SemaphoreSlim oneAtATime = new(1);

    private DateTime Now => clock.GetUtcNow().UtcDateTime;

    /// <summary>The format of a file by its first record: a name of <see cref="DatasetFormats"/>, <c>log</c>, or null if it is of none.</summary>
    /// <exception cref="NotAllowedException">Not an admin.</exception>
    /// <exception cref="DatasetFileException">The file can't be read.</exception>
    public static async Task<string?> RecogniseAsync(CurrentPerson by, Upload upload, RecordKind kind, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(by);
        ArgumentNullException.ThrowIfNull(upload);
        by.RequireAdmin();
        await using var file = upload.Open();
        await foreach (var record in Records.ReadAsync(file, kind, cancellation))
        {
            if (record.Json is { } json)
            {
                return LogLines.Recognises(json) ? ImportRequest.LogFormat : DatasetFormats.Recognise(json)?.Name;
            }
        }

        return null;
    }

    /// <summary>All that can be read, in the order by which <c>tooLong</c> counts.</summary>
    public async IAsyncEnumerable<(TextOrMessages Prompt, IReadOnlyList<string> Completions)> EntriesAsync(
        Upload upload, ImportRequest request, [EnumeratorCancellation] CancellationToken cancellation = default)
    {
        await foreach (var line in new ImportReading(upload, request, KnownJudgments.None, tooLong: null, DateTime.UnixEpoch, words).LinesAsync(cancellation))
        {
            yield return (line.PromptAsAsked, [.. line.Judgment.Responses.Select(response => response.Text)]);
        }
    }

    /// <summary>What an import of the file would bring. Nothing is stored.</summary>
    /// <param name="tooLong">The judgments, counted from 0 over all that can be read, that do not fit the policy's context; null if that is not known.</param>
    /// <exception cref="NotAllowedException">Not an admin.</exception>
    /// <exception cref="DatasetFileException">The file as a whole can't be read.</exception>
    public async Task<ImportReport> LookAsync(CurrentPerson by, Upload upload, ImportRequest request, IReadOnlySet<int>? tooLong = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(by);
        ArgumentNullException.ThrowIfNull(upload);
        ArgumentNullException.ThrowIfNull(request);
        by.RequireAdmin();
        await using var db = await contexts.CreateDbContextAsync(cancellation);
        return await ReadToTheEndAsync(new(upload, request, await KnownJudgments.ReadAsync(db, request, cancellation), tooLong, Now, words), cancellation);
    }

    /// <summary>Imports the file. Only when all of it is stored is any of it the study's; cancelled or failed, nothing is left.</summary>
    /// <param name="stored">Hears how many judgments are stored so far.</param>
    /// <inheritdoc cref="LookAsync"/>
    /// <exception cref="RefusedException">There is nothing to import, the file contradicts itself, or the study has no policy.</exception>
    public async Task<ImportReport> ImportAsync(
        CurrentPerson by, Upload upload, ImportRequest request, IReadOnlySet<int>? tooLong = null, Action<int>? stored = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(by);
        ArgumentNullException.ThrowIfNull(upload);
        ArgumentNullException.ThrowIfNull(request);
        by.RequireAdmin();
        await oneAtATime.WaitAsync(cancellation);
        try
        {
            await using var db = await contexts.CreateDbContextAsync(cancellation);
            var known = await KnownJudgments.ReadAsync(db, request, cancellation);
            var (now, policyId) = (Now, await PolicyAsync(db, request.StudyId, cancellation));
            var report = await ReadToTheEndAsync(new(upload, request, known, tooLong, now, words), cancellation);
            if ((report.Fault ?? (report.Judgments == 0 ? words["The file holds nothing that could be imported."].Value : null)) is { } fault)
            {
                throw new RefusedException(fault);
            }

            var import = await ImportRows.BeginAsync(contexts, by, request.StudyId, upload, request.Format, now, cancellation);
            try
            {
                var reading = new ImportReading(upload, request, known, tooLong, now, words);
                var writer = new ImportWriter(contexts, import, policyId, known, reading, report.KeepsIds);
                await foreach (var batch in reading.TakenAsync(cancellation).Chunk(BatchSize).WithCancellation(cancellation))
                {
                    using var turn = await gate.EnterAsync(cancellation);
                    await writer.WriteAsync(batch, cancellation);
                    stored?.Invoke(writer.Written);
                }

                await EndAsync(by, import, request, writer, report, cancellation);
            }
            catch
            {
                await ImportRows.RemoveAsync(contexts, gate, import.Id);
                throw;
            }

            return report;
        }
        finally
        {
            oneAtATime.Release();
        }
    }

    /// <summary>Removes what imports left that the app's end cut off; at start, before anybody is let in.</summary>
    public async Task RemoveUnfinishedAsync(CancellationToken cancellation = default)
    {
        await using var db = await contexts.CreateDbContextAsync(cancellation);
        foreach (var id in await db.Imports.Where(i => i.EndedAt == null).Select(i => i.Id).ToListAsync(cancellation))
        {
            await ImportRows.RemoveAsync(contexts, gate, id);
        }
    }

    public void Dispose() => oneAtATime.Dispose();

    private static async Task<ImportReport> ReadToTheEndAsync(ImportReading reading, CancellationToken cancellation)
    {
        await foreach (var line in reading.TakenAsync(cancellation))
        {
            // The reading counts by itself.
            _ = line;
        }

        return reading.Report();
    }

    /// <summary>Comparisons need a policy that they were made for; imported ones get the study's first.</summary>
    private async Task<long> PolicyAsync(AnnotatorDbContext db, long studyId, CancellationToken cancellation) =>
        await db.Policies.Where(p => p.StudyId == studyId).OrderBy(p => p.Number).Select(p => (long?)p.Id).FirstOrDefaultAsync(cancellation)
            ?? throw new RefusedException(words["The study has no policy yet: give it one first."]);

    private async Task EndAsync(CurrentPerson by, Import import, ImportRequest request, ImportWriter writer, ImportReport report, CancellationToken cancellation)
    {
        int count;
        using (await gate.EnterAsync(cancellation))
        {
            await using var db = await contexts.CreateDbContextAsync(cancellation);
            await using var transaction = await db.Database.BeginTransactionAsync(cancellation);
            await ImportRows.PublishAsync(db, import, request, report.KeepsIds, cancellation);
            var study = await db.Studies.SingleAsync(s => s.Id == import.StudyId, cancellation);
            count = study.JudgmentCount += writer.Standing;
            db.Attach(import);
            (import.JudgmentCount, import.EndedAt) = (writer.Written, Now);
            db.AuditEntries.Add(new()
            {
                PersonId = by.Id, Action = "dataset.import", At = Now,
                Detail = string.Create(CultureInfo.InvariantCulture,
                    $"{by.Name} imported {writer.Written:N0} {(writer.Written == 1 ? "judgment" : "judgments")} into {study.Name} from {import.FileName} ({import.Format}, SHA-256 {import.Sha256}); {report.RefusedRecords:N0} {(report.RefusedRecords == 1 ? "record was" : "records were")} refused."),
            });
            await db.SaveChangesAsync(cancellation);
            await transaction.CommitAsync(cancellation);
        }

        feed.Publish(new JudgmentCounted(import.StudyId, count));
    }
}

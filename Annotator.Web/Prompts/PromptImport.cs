using System.Globalization;
using System.Runtime.CompilerServices;
using Annotator.Model.Preferences;
using Annotator.Model.Preferences.Datasets;
using Annotator.Web.Data;
using Annotator.Web.Dataset.Importing;
using Annotator.Web.Languages;
using Annotator.Web.Live;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Localization;

namespace Annotator.Web.Prompts;

/// <summary>How a file of prompts is read into a study.</summary>
public sealed record PromptImportRequest
{
    public required long StudyId { get; init; }
    public required RecordKind Kind { get; init; }

    /// <summary>The share, from 0 to one half, of prompts that are held out, among those of which the file does not say.</summary>
    public double HeldOutShare { get; init; }

    /// <summary>Another seed holds out others; the same one, of the same prompts the same.</summary>
    public int Seed { get; init; }

    /// <summary>Of prompts of which the file does not say.</summary>
    public int Priority { get; init; }

    /// <summary>Leave out what does not fit the policy's context.</summary>
    public bool SkipTooLong { get; init; } = true;
}

/// <summary>What reading a file of prompts gave.</summary>
public sealed record PromptImportReport
{
    public required int Records { get; init; }

    /// <summary>Prompts that are taken, and of these the held-out ones.</summary>
    public required int Prompts { get; init; }
    public required int HeldOut { get; init; }
    public required IReadOnlyList<LineGroup> Refused { get; init; }

    /// <summary>Prompts that stand in the file before, or that the study has; left out.</summary>
    public required LineGroup Repeated { get; init; }
    public required LineGroup Known { get; init; }

    /// <summary>Prompts that do not fit the policy's context; null if that could not be found out.</summary>
    public required LineGroup? TooLong { get; init; }

    /// <summary>The import that brought them; null as long as it is only looked at.</summary>
    public long? ImportId { get; init; }

    /// <summary>The first that are taken.</summary>
    public required IReadOnlyList<TextOrMessages> First { get; init; }
}

/// <summary>Reads files of prompts into a study: first one looks, then one imports, all of it or nothing.</summary>
public sealed class PromptImport(IDbContextFactory<AnnotatorDbContext> contexts, WriteGate gate, LengthCheck lengths, LiveFeed feed, TimeProvider clock, IStringLocalizer<Words> words)
{
    private const int BatchSize = 500;
    private const int Shown = 5;

    private DateTime Now => clock.GetUtcNow().UtcDateTime;

    /// <summary>What an import of the file would bring. Nothing is stored.</summary>
    /// <exception cref="NotAllowedException">Not an admin.</exception>
    /// <exception cref="RefusedException">The share to hold out or the priority is out of its range, or there is no such study.</exception>
    /// <exception cref="DatasetFileException">The file as a whole can't be read.</exception>
    public async Task<PromptImportReport> LookAsync(CurrentPerson by, Upload upload, PromptImportRequest request, CancellationToken cancellation = default)
    {
        var reading = await BeginReadingAsync(by, upload, request, cancellation);
        await foreach (var prompt in reading.TakenAsync(cancellation))
        {
            // The reading counts by itself.
            _ = prompt;
        }

        return reading.Report();
    }

    /// <summary>Imports the file. Responses are sampled for its prompts once all of them are there; cancelled or failed, none is.</summary>
    /// <inheritdoc cref="LookAsync"/>
    public async Task<PromptImportReport> ImportAsync(CurrentPerson by, Upload upload, PromptImportRequest request, CancellationToken cancellation = default)
    {
        var reading = await BeginReadingAsync(by, upload, request, cancellation);
        var import = await ImportRows.BeginAsync(contexts, by, request.StudyId, upload, "prompts", Now, cancellation);
        try
        {
            await foreach (var batch in reading.TakenAsync(cancellation).Chunk(BatchSize).WithCancellation(cancellation))
            {
                using var turn = await gate.EnterAsync(cancellation);
                await using var db = await contexts.CreateDbContextAsync(cancellation);
                db.Prompts.AddRange(batch.Select(prompt => new Prompt
                {
                    StudyId = request.StudyId, Text = prompt.Prompt.Text ?? Prompt.Rendered(prompt.Prompt.Messages!), Messages = prompt.Prompt.Messages,
                    Split = prompt.IsHeldOut ? PromptSplit.Heldout : PromptSplit.Train, Priority = prompt.Priority, IsPaused = true, ImportId = import.Id, CreatedAt = import.CreatedAt,
                }));
                await db.SaveChangesAsync(cancellation);
            }

            var report = reading.Report();
            if (report.Prompts == 0)
            {
                throw new RefusedException(words["The file holds no prompt that could be imported."]);
            }

            await EndAsync(by, import, report, cancellation);
            feed.Publish(new PromptsChanged(request.StudyId));
            return report with { ImportId = import.Id };
        }
        catch
        {
            await ImportRows.RemoveAsync(contexts, gate, import.Id);
            throw;
        }
    }

    private async Task EndAsync(CurrentPerson by, Import import, PromptImportReport report, CancellationToken cancellation)
    {
        using var turn = await gate.EnterAsync(cancellation);
        await using var db = await contexts.CreateDbContextAsync(cancellation);
        await using var transaction = await db.Database.BeginTransactionAsync(cancellation);
        await db.Prompts.Where(p => p.ImportId == import.Id).ExecuteUpdateAsync(set => set.SetProperty(p => p.IsPaused, false), cancellation);
        db.Attach(import);
        import.EndedAt = Now;
        var study = await db.Studies.Where(s => s.Id == import.StudyId).Select(s => s.Name).SingleAsync(cancellation);
        db.AuditEntries.Add(new()
        {
            PersonId = by.Id, Action = "prompts.import", At = Now,
            Detail = string.Create(CultureInfo.InvariantCulture,
                $"{by.Name} imported {report.Prompts:N0} {(report.Prompts == 1 ? "prompt" : "prompts")} into {study} from {import.FileName} (SHA-256 {import.Sha256}), {report.HeldOut:N0} of them held out."),
        });
        await db.SaveChangesAsync(cancellation);
        await transaction.CommitAsync(cancellation);
    }

    private async Task<PromptReader> BeginReadingAsync(CurrentPerson by, Upload upload, PromptImportRequest request, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(by);
        ArgumentNullException.ThrowIfNull(upload);
        ArgumentNullException.ThrowIfNull(request);
        by.RequireAdmin();
        if (request.HeldOutShare is not (>= 0 and <= 0.5))
        {
            throw new RefusedException(words["The share to hold out must be from 0 to one half."]);
        }

        if (request.Priority is < QueueOrder.LowestPriority or > QueueOrder.HighestPriority)
        {
            throw new RefusedException(words["A priority must be from {0} to {1}; it is {2}.", QueueOrder.LowestPriority, QueueOrder.HighestPriority, request.Priority]);
        }

        await using var db = await contexts.CreateDbContextAsync(cancellation);
        if (!await db.Studies.AnyAsync(s => s.Id == request.StudyId, cancellation))
        {
            throw new RefusedException(words["This study no longer exists: reload the page."]);
        }

        var known = new HashSet<UInt128>();
        await foreach (var prompt in db.Prompts.AsNoTracking().Where(p => p.StudyId == request.StudyId).AsAsyncEnumerable().WithCancellation(cancellation))
        {
            known.Add(ImportedLine.PromptKey(prompt.Text, prompt.Messages));
        }

        var tooLong = await lengths.TooLongAsync(request.StudyId, PromptReader.AllAsync(upload, request.Kind, cancellation).Select(prompt => (prompt, (IReadOnlyList<string>)[])), cancellation);
        return new(upload, request, known, tooLong);
    }

    private sealed record TakenPrompt(TextOrMessages Prompt, bool IsHeldOut, int Priority);

    /// <summary>One reading of a file against the prompts that a study has.</summary>
    private sealed class PromptReader(Upload upload, PromptImportRequest request, IReadOnlySet<UInt128> known, IReadOnlySet<int>? tooLong)
    {
        private readonly LineGroups refused = new(), groups = new();
        private readonly HashSet<UInt128> seen = [];
        private readonly List<TextOrMessages> first = [];
        private int records, readable, taken, heldOut;

        public static async IAsyncEnumerable<TextOrMessages> AllAsync(Upload upload, RecordKind kind, [EnumeratorCancellation] CancellationToken cancellation)
        {
            await using var file = upload.Open();
            await foreach (var prompt in PromptRecords.ReadAsync(file, kind, cancellation))
            {
                if (prompt.Prompt is { } readable)
                {
                    yield return readable;
                }
            }
        }

        public async IAsyncEnumerable<TakenPrompt> TakenAsync([EnumeratorCancellation] CancellationToken cancellation)
        {
            await using var file = upload.Open();
            await foreach (var reading in PromptRecords.ReadAsync(file, request.Kind, cancellation))
            {
                records++;
                if (reading.Prompt is not { } prompt)
                {
                    refused.Add(reading.Refusal!, reading.Line);
                }
                else if (Takes(prompt, readable++, reading.Line) is { } key)
                {
                    var isHeldOut = reading.IsHeldOut ?? Draw(key, request.Seed) < request.HeldOutShare;
                    taken++;
                    heldOut += isHeldOut ? 1 : 0;
                    if (first.Count < Shown)
                    {
                        first.Add(prompt);
                    }

                    yield return new(prompt, isHeldOut, reading.Priority ?? request.Priority);
                }
            }
        }

        public PromptImportReport Report() => new()
        {
            Records = records, Prompts = taken, HeldOut = heldOut, Refused = refused.All, First = first,
            Repeated = groups.Of(nameof(PromptImportReport.Repeated)), Known = groups.Of(nameof(PromptImportReport.Known)),
            TooLong = tooLong is null ? null : groups.Of(nameof(PromptImportReport.TooLong)),
        };

        /// <summary>A number from 0 to 1 that depends on the prompt and the seed alone, not on what else the file holds.</summary>
        private static double Draw(UInt128 key, int seed)
        {
            // The finalizer of MurmurHash3: one bit of the seed changes half of the result's.
            var hash = (ulong)(key >> 64) ^ ((ulong)seed * 0x9E3779B97F4A7C15);
            hash = (hash ^ (hash >> 33)) * 0xFF51AFD7ED558CCD;
            hash = (hash ^ (hash >> 33)) * 0xC4CEB9FE1A85EC53;
            return (hash ^ (hash >> 33)) / (double)ulong.MaxValue;
        }

        /// <summary>The prompt's key, a hash of its text, if it is taken.</summary>
        private UInt128? Takes(TextOrMessages prompt, int index, int line)
        {
            var key = ImportedLine.PromptKey(prompt.Text ?? "", prompt.Messages);
            var why = known.Contains(key) ? nameof(PromptImportReport.Known) : !seen.Add(key) ? nameof(PromptImportReport.Repeated) : tooLong?.Contains(index) == true ? nameof(PromptImportReport.TooLong) : null;
            if (why is not null)
            {
                groups.Add(why, line);
            }

            return why is null || (why == nameof(PromptImportReport.TooLong) && !request.SkipTooLong) ? key : null;
        }
    }
}

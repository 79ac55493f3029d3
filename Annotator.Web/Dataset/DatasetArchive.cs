using System.IO.Compression;
using System.Text;
using Annotator.Web.Data;
using Annotator.Web.Languages;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Localization;

namespace Annotator.Web.Dataset;

/// <summary>A dataset to hand on: a zip of the file, its card (<c>README.md</c>) and its checksum (<c>SHA256SUMS</c>), streamed.</summary>
public sealed class DatasetArchive(IDbContextFactory<AnnotatorDbContext> contexts, DatasetExport export, TimeProvider clock, IStringLocalizer<Words> words)
{
    /// <summary>Writes the zip; the stream stays open and need not be one to seek in.</summary>
    /// <exception cref="NotAllowedException">Neither an admin nor a viewer.</exception>
    /// <exception cref="RefusedException">There is no such study, or its judgments can't be put into such a file.</exception>
    public async Task WriteAsync(CurrentPerson who, long studyId, DatasetFile file, Stream stream, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(file);
        who.RequireViewer();
        var counts = await export.CountAsync(who, studyId, cancellation);
        await using var zip = await ZipArchive.CreateAsync(stream, ZipArchiveMode.Create, leaveOpen: true, entryNameEncoding: null, cancellation);
        long lines;
        string sha256;
        // Parquet is packed already.
        await using (var entry = await Entry(zip, file.Name, file.Ending == "parquet" ? CompressionLevel.NoCompression : CompressionLevel.Fastest).OpenAsync(cancellation))
        await using (var hashed = new HashingStream(entry))
        {
            lines = await export.WriteAsync(who, studyId, file, hashed, cancellation);
            sha256 = hashed.Sha256;
        }

        await WriteAsync(zip, "README.md", await CardAsync(studyId, file, counts, lines, sha256, cancellation), cancellation);
        await WriteAsync(zip, "SHA256SUMS", $"{sha256}  {file.Name}\n", cancellation);
    }

    private async Task<string> CardAsync(long studyId, DatasetFile file, DatasetCounts counts, long lines, string sha256, CancellationToken cancellation)
    {
        await using var db = await contexts.CreateDbContextAsync(cancellation);
        var study = await db.Studies.AsNoTracking().SingleOrDefaultAsync(s => s.Id == studyId, cancellation)
            ?? throw new RefusedException(words["This study no longer exists: reload the page."]);
        return DatasetCard.Text(new()
        {
            Study = study,
            File = file,
            Lines = lines,
            Sha256 = sha256,
            Counts = counts,
            Annotators = await db.Judgments.Where(j => j.StudyId == studyId).Select(j => j.AnnotatorId).Distinct().CountAsync(cancellation),
            Policies = await db.Policies.AsNoTracking().Where(p => p.StudyId == studyId).OrderBy(p => p.Number).ToListAsync(cancellation),
            Imports = await db.Imports.AsNoTracking().Where(i => i.StudyId == studyId && i.EndedAt != null).OrderBy(i => i.Id).ToListAsync(cancellation),
            At = clock.GetUtcNow().UtcDateTime,
        });
    }

    private ZipArchiveEntry Entry(ZipArchive zip, string name, CompressionLevel level)
    {
        var entry = zip.CreateEntry(name, level);
        entry.LastWriteTime = clock.GetUtcNow();
        return entry;
    }

    private async Task WriteAsync(ZipArchive zip, string name, string text, CancellationToken cancellation)
    {
        await using var entry = await Entry(zip, name, CompressionLevel.Fastest).OpenAsync(cancellation);
        await entry.WriteAsync(Encoding.UTF8.GetBytes(text), cancellation);
    }
}

using System.Formats.Tar;
using System.Text.Json;
using Annotator.Model.Preferences;
using Annotator.Web.Data;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Web.Housekeeping;

/// <summary>What a backup says of itself, in its first entry.</summary>
/// <param name="Studies">Their names.</param>
public sealed record BackupManifest(int Format, DateTime CreatedAt, IReadOnlyList<string> Studies, long Judgments, int Policies, int Rounds)
{
    public const string FileName = "backup.json";
    public const int CurrentFormat = 1;
}

/// <summary>
/// Everything in one file while the app runs: a tar of the data folder with the database as of one moment (SQLite's online
/// backup), the policies, the rounds and the keys. <c>tar xf</c> opens it, too.
/// </summary>
public sealed class Backup(IDbContextFactory<AnnotatorDbContext> contexts, DataFolder folder, FilesInUse inUse, TimeProvider clock)
{
    /// <summary>Streams the backup; the stream stays open and need not be one to seek in.</summary>
    /// <exception cref="NotAllowedException">Not an admin.</exception>
    public async Task WriteAsync(CurrentPerson by, Stream stream, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(by);
        by.RequireAdmin();
        await using (var db = await contexts.CreateDbContextAsync(cancellation))
        {
            db.AuditEntries.Add(new() { PersonId = by.Id, Action = "backup.make", Detail = $"{by.Name} took a backup away.", At = clock.GetUtcNow().UtcDateTime });
            await db.SaveChangesAsync(cancellation);
        }

        await WriteFromConsoleAsync(stream, cancellation);
    }

    /// <summary>The command line's way: whoever can read the data folder may.</summary>
    public async Task<BackupManifest> WriteFromConsoleAsync(Stream stream, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(stream);
        using var turn = await inUse.EnterAsync(cancellation);
        var copy = Path.Combine(folder.Root, $".backup-{Guid.NewGuid():N}.db");
        try
        {
            await Task.Run(() => CopyDatabase(copy), cancellation);
            var (manifest, running) = await DescribeAsync(copy, cancellation);
            await using var tar = new TarWriter(stream, TarEntryFormat.Pax, leaveOpen: true);
            using (var text = new MemoryStream(JsonSerializer.SerializeToUtf8Bytes(manifest, JsonLines.IndentedSpelling)))
            {
                await tar.WriteEntryAsync(new PaxTarEntry(TarEntryType.RegularFile, BackupManifest.FileName) { DataStream = text, ModificationTime = manifest.CreatedAt }, cancellation);
            }

            await AddAsync(tar, copy, Path.GetFileName(folder.Database), cancellation);
            foreach (var place in new[] { folder.Keys, folder.Policies, folder.Rounds })
            {
                foreach (var file in FilesIn(place, running))
                {
                    await AddAsync(tar, file, Path.GetRelativePath(folder.Root, file).Replace('\\', '/'), cancellation);
                }
            }

            return manifest;
        }
        finally
        {
            File.Delete(copy);
        }
    }

    private void CopyDatabase(string copy)
    {
        using var source = new SqliteConnection($"Data Source={folder.Database};Mode=ReadWrite;Pooling=False;Default Timeout=30");
        using var target = new SqliteConnection($"Data Source={copy};Pooling=False");
        source.Open();
        target.Open();
        source.BackupDatabase(target);
        // One file, without a log beside it.
        using var command = target.CreateCommand();
        command.CommandText = "PRAGMA journal_mode=DELETE";
        command.ExecuteNonQuery();
    }

    private async Task<(BackupManifest Manifest, IReadOnlySet<string> Running)> DescribeAsync(string copy, CancellationToken cancellation)
    {
        await using var db = new AnnotatorDbContext(new DbContextOptionsBuilder<AnnotatorDbContext>().UseSqlite($"Data Source={copy};Mode=ReadOnly;Pooling=False").Options);
        var manifest = new BackupManifest(
            BackupManifest.CurrentFormat, clock.GetUtcNow().UtcDateTime, await db.Studies.OrderBy(s => s.Id).Select(s => s.Name).ToListAsync(cancellation),
            await db.Judgments.LongCountAsync(cancellation), await db.Policies.CountAsync(cancellation), await db.Rounds.CountAsync(cancellation));
        var running = await db.Rounds.Where(r => r.State == RoundState.Running).Select(r => r.DirectoryName).ToListAsync(cancellation);
        return (manifest, running.Select(folder.Round).ToHashSet(StringComparer.Ordinal));
    }

    /// <summary>
    /// What is whole: not what is being written beside its place, nor the checkpoint of a round at work, which may be half
    /// of one; the restored round starts over on the same preferences.
    /// </summary>
    private static IEnumerable<string> FilesIn(string place, IReadOnlySet<string> running) => !Directory.Exists(place) ? [] :
        Directory.EnumerateDirectories(place).Where(directory => !Path.GetFileName(directory).StartsWith('.')).Order(StringComparer.Ordinal)
            .SelectMany(directory => Directory.EnumerateFiles(directory, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal)
                .Where(file => !running.Contains(directory) || !Path.GetRelativePath(directory, file).StartsWith("checkpoint", StringComparison.Ordinal)))
            .Concat(Directory.EnumerateFiles(place).Order(StringComparer.Ordinal));

    private static async Task AddAsync(TarWriter tar, string path, string name, CancellationToken cancellation)
    {
        FileStream file;
        try
        {
            file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, 128 * 1024, FileOptions.Asynchronous | FileOptions.SequentialScan);
        }
        catch (IOException e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return; // A trainer took it away while we came to it.
        }

        await using (file)
        {
            // A file that is being appended to has the length that it has now.
            var length = file.Length;
            await using var whole = new FirstBytes(file, length);
            await tar.WriteEntryAsync(new PaxTarEntry(TarEntryType.RegularFile, name) { DataStream = whole, ModificationTime = File.GetLastWriteTimeUtc(path) }, cancellation);
        }
    }

    /// <summary>The first bytes of a file, however long it grows.</summary>
    private sealed class FirstBytes(FileStream file, long length) : Stream
    {
        public override bool CanRead => true;
        public override bool CanSeek => true;
        public override bool CanWrite => false;
        public override long Length => length;

        public override long Position
        {
            get => file.Position;
            set => file.Position = value;
        }

        public override int Read(byte[] buffer, int offset, int count) => file.Read(buffer, offset, (int)Math.Min(count, length - file.Position));

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            file.ReadAsync(buffer[..(int)Math.Min(buffer.Length, length - file.Position)], cancellationToken);

        public override void Flush()
        {
        }

        public override long Seek(long offset, SeekOrigin origin) => file.Seek(offset, origin);

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}

using System.Formats.Tar;
using System.Globalization;
using System.Text.Json;
using Annotator.Model.Policies;
using Annotator.Model.Preferences;
using Annotator.Web.Data;
using Annotator.Web.Languages;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Localization;

namespace Annotator.Web.Housekeeping;

/// <summary>
/// Brings a backup back. It is unpacked beside the data folder's present content and looked over; then it takes its place,
/// which moves into a folder of its own: nothing is overwritten. An app that runs does that at its next start.
/// </summary>
public sealed class Restore(DataFolder folder, IDbContextFactory<AnnotatorDbContext> contexts, TimeProvider clock, IStringLocalizer<Words> words)
{
    private const string Waiting = "restore";
    private const string Agreed = "agreed";

    /// <summary>What belongs to a data folder, and so to a backup.</summary>
    private IEnumerable<string> Parts => new[] { folder.Database, folder.Policies, folder.Rounds, folder.Keys }.Select(path => Path.GetFileName(path)!);

    private string WaitingPlace => Path.Combine(folder.Root, Waiting);

    /// <summary>The backup that takes its place at the next start; null if there is none.</summary>
    public BackupManifest? Prepared() => File.Exists(Path.Combine(WaitingPlace, BackupManifest.FileName)) ? ManifestIn(WaitingPlace) : null;

    /// <summary>Unpacks a backup and looks it over; it takes its place with <see cref="Finish"/>.</summary>
    /// <exception cref="RefusedException">It is no backup of ours, or something in it is broken.</exception>
    public async Task<BackupManifest> PrepareAsync(Stream backup, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(backup);
        var beside = Path.Combine(folder.Root, $".{Waiting}-{Guid.NewGuid():N}");
        Directory.CreateDirectory(beside);
        try
        {
            await UnpackAsync(backup, beside, cancellation);
            var manifest = await Task.Run(() => Checked(beside), cancellation);
            Forget();
            Directory.Move(beside, WaitingPlace);
            return manifest;
        }
        finally
        {
            if (Directory.Exists(beside))
            {
                Directory.Delete(beside, recursive: true);
            }
        }
    }

    /// <summary>The page's way to <see cref="PrepareAsync(Stream, CancellationToken)"/>.</summary>
    /// <exception cref="NotAllowedException">Not an admin; so with the two below.</exception>
    public Task<BackupManifest> PrepareAsync(CurrentPerson by, Stream backup, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(by);
        by.RequireAdmin();
        return PrepareAsync(backup, cancellation);
    }

    /// <summary>Lets what was prepared take its place at the next start.</summary>
    public Task AgreeAsync(CurrentPerson by, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(by);
        by.RequireAdmin();
        return AgreeFromConsoleAsync(by.Name, cancellation);
    }

    /// <summary>The command line's way: whoever can write the data folder may.</summary>
    public Task AgreeFromConsoleAsync(string who, CancellationToken cancellation = default) =>
        File.WriteAllTextAsync(Path.Combine(WaitingPlace, Agreed), who, cancellation);

    /// <summary>Gives up what was prepared.</summary>
    public void Forget(CurrentPerson by)
    {
        ArgumentNullException.ThrowIfNull(by);
        by.RequireAdmin();
        Forget();
    }

    private void Forget()
    {
        if (Directory.Exists(WaitingPlace))
        {
            Directory.Delete(WaitingPlace, recursive: true);
        }
    }

    /// <summary>Lets a backup that was prepared and agreed to take its place, before the database is opened.</summary>
    /// <returns>What was done, one sentence; null if there was nothing to do.</returns>
    public string? Finish()
    {
        if (Prepared() is not { } manifest || !File.Exists(Path.Combine(WaitingPlace, Agreed)))
        {
            return null;
        }

        var who = File.ReadAllText(Path.Combine(WaitingPlace, Agreed));

        // An app that starts again in this process may hold the old file open for the next who asks.
        SqliteConnection.ClearAllPools();
        var before = Path.Combine(folder.Root, $"before-restore-{clock.GetUtcNow():yyyyMMdd-HHmmss}");
        var anything = false;
        // The manifest goes last: as long as it is there, an end in the middle is made good at the next start.
        foreach (var part in Parts.SelectMany(part => new[] { part, part + "-wal", part + "-shm" }))
        {
            var (there, comes) = (Path.Combine(folder.Root, part), Path.Combine(WaitingPlace, part));
            var isDatabase = part.StartsWith(Path.GetFileName(folder.Database), StringComparison.Ordinal);
            if ((Path.Exists(comes) || (isDatabase && Path.Exists(Path.Combine(WaitingPlace, Path.GetFileName(folder.Database))))) && Path.Exists(there))
            {
                Directory.CreateDirectory(before);
                Move(there, Path.Combine(before, part));
                anything = true;
            }
        }

        foreach (var part in Parts.Where(part => Path.Exists(Path.Combine(WaitingPlace, part))))
        {
            Move(Path.Combine(WaitingPlace, part), Path.Combine(folder.Root, part));
        }

        Directory.Delete(WaitingPlace, recursive: true);
        return string.Create(CultureInfo.InvariantCulture, $"{who} restored the backup of {manifest.CreatedAt:yyyy-MM-dd HH:mm} UTC with {manifest.Judgments} {(manifest.Judgments == 1 ? "judgment" : "judgments")}{(anything ? $"; what was there before is in {before}" : "")}.");
    }

    /// <summary>Says in the restored log what was done.</summary>
    public async Task RecordAsync(string done, CancellationToken cancellation = default)
    {
        await using var db = await contexts.CreateDbContextAsync(cancellation);
        db.AuditEntries.Add(new() { Action = "backup.restore", Detail = done, At = clock.GetUtcNow().UtcDateTime });
        await db.SaveChangesAsync(cancellation);
    }

    private static void Move(string from, string to)
    {
        if (Directory.Exists(from))
        {
            Directory.Move(from, to);
        }
        else
        {
            File.Move(from, to);
        }
    }

    private async Task UnpackAsync(Stream backup, string target, CancellationToken cancellation)
    {
        try
        {
            await using var tar = new TarReader(backup, leaveOpen: true);
            var parts = Parts.Append(BackupManifest.FileName).ToHashSet(StringComparer.Ordinal);
            while (await tar.GetNextEntryAsync(copyData: false, cancellation) is { } entry)
            {
                var name = entry.Name.Replace('\\', '/');
                var path = Path.GetFullPath(Path.Combine(target, name));
                if (entry.EntryType is TarEntryType.Directory)
                {
                    continue;
                }

                // Only files, only where a backup has some: an archive must not write elsewhere.
                if (entry.EntryType is not (TarEntryType.RegularFile or TarEntryType.V7RegularFile) || !parts.Contains(name.Split('/')[0]) || !path.StartsWith(target + Path.DirectorySeparatorChar, StringComparison.Ordinal))
                {
                    throw new RefusedException(words["This is no backup of Annotator: it holds {0}.", entry.Name]);
                }

                Directory.CreateDirectory(Path.GetDirectoryName(path)!);
                await entry.ExtractToFileAsync(path, overwrite: false, cancellation);
            }
        }
        catch (Exception e) when (e is InvalidDataException or EndOfStreamException or FormatException)
        {
            throw new RefusedException(words["The backup can't be read to its end ({0}): take it again.", e.Message.TrimEnd('.')]);
        }
        catch (IOException e) when (e is not FileNotFoundException)
        {
            throw new RefusedException(words["The backup can't be unpacked into {0} ({1}).", folder.Root, e.Message.TrimEnd('.')]);
        }
    }

    private BackupManifest Checked(string place)
    {
        if (!File.Exists(Path.Combine(place, BackupManifest.FileName)) || !File.Exists(Path.Combine(place, Path.GetFileName(folder.Database))))
        {
            throw new RefusedException(words["This is no backup of Annotator: it lacks backup.json or the database."]);
        }

        var manifest = ManifestIn(place);
        if (manifest.Format != BackupManifest.CurrentFormat)
        {
            throw new RefusedException(words["The backup is of format {0}; this app reads format {1}.", manifest.Format, BackupManifest.CurrentFormat]);
        }

        using (var connection = new SqliteConnection($"Data Source={Path.Combine(place, Path.GetFileName(folder.Database))};Mode=ReadOnly;Pooling=False"))
        {
            connection.Open();
            using var command = connection.CreateCommand();
            command.CommandText = "PRAGMA quick_check(1)";
            if (command.ExecuteScalar() as string != "ok")
            {
                throw new RefusedException(words["The backup's database is broken: take another backup."]);
            }
        }

        var policies = Path.Combine(place, Path.GetFileName(folder.Policies));
        foreach (var policy in Directory.Exists(policies) ? Directory.EnumerateDirectories(policies) : [])
        {
            // A policy is named by its content.
            if (PolicyFiles.Hash(policy) != Path.GetFileName(policy))
            {
                throw new RefusedException(words["The backup's policy {0} is broken: take another backup.", Path.GetFileName(policy)]);
            }
        }

        return manifest;
    }

    private BackupManifest ManifestIn(string place)
    {
        try
        {
            return JsonSerializer.Deserialize<BackupManifest>(File.ReadAllBytes(Path.Combine(place, BackupManifest.FileName)), JsonLines.Spelling)
                ?? throw new RefusedException(words["The backup's backup.json is empty."]);
        }
        catch (JsonException e)
        {
            throw new RefusedException(words["The backup's backup.json can't be read: {0}", e.Message]);
        }
    }
}

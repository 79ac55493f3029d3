using Annotator.Web.Data;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Web.Housekeeping;

/// <summary>Looks after the disk.</summary>
public sealed class HousekeepingOperations(IDbContextFactory<AnnotatorDbContext> contexts, DataFolder folder, FilesInUse inUse, TimeProvider clock)
{
    /// <summary>A directory that was written lately may be about to become a policy.</summary>
    public static readonly TimeSpan Grace = TimeSpan.FromHours(1);

    /// <exception cref="NotAllowedException">Not an admin; so with every operation below.</exception>
    public async Task<DiskUse> UseAsync(CurrentPerson by, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(by);
        by.RequireAdmin();
        await using var db = await contexts.CreateDbContextAsync(cancellation);
        var studies = await db.Studies.OrderBy(s => s.Id).Select(s => new { s.Id, s.Name, s.IsArchived }).ToListAsync(cancellation);
        var policies = (await db.Policies.Select(p => new { p.StudyId, p.Hash }).Distinct().ToListAsync(cancellation)).ToLookup(p => p.StudyId, p => p.Hash);
        var rounds = (await db.Rounds.Select(r => new { r.StudyId, r.DirectoryName }).ToListAsync(cancellation)).ToLookup(r => r.StudyId, r => r.DirectoryName);
        return await Task.Run(
            () =>
            {
                var sizes = policies.SelectMany(ofStudy => ofStudy).Distinct().ToDictionary(hash => hash, hash => Size(folder.Policy(hash)));
                return new DiskUse(
                    folder.Root,
                    [
                        .. studies.Select(s => new StudyUse(
                            s.Id, s.Name, s.IsArchived, policies[s.Id].Count(), policies[s.Id].Sum(hash => sizes[hash]), rounds[s.Id].Count(), rounds[s.Id].Sum(name => Size(folder.Round(name))))),
                    ],
                    new[] { folder.Database, folder.Database + "-wal" }.Sum(file => File.Exists(file) ? new FileInfo(file).Length : 0),
                    Size(folder.Policies), Size(folder.Rounds), Size(folder.Policies) - sizes.Values.Sum(), new DriveInfo(folder.Root).AvailableFreeSpace);
            },
            cancellation);
    }

    /// <summary>The policies in the registry that nobody points to, the largest first.</summary>
    public async Task<IReadOnlyList<UnusedPolicy>> UnusedAsync(CurrentPerson by, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(by);
        by.RequireAdmin();
        await using var db = await contexts.CreateDbContextAsync(cancellation);
        var used = (await db.Policies.Select(p => p.Hash).Distinct().ToListAsync(cancellation)).ToHashSet(StringComparer.Ordinal);
        var before = clock.GetUtcNow().UtcDateTime - Grace;
        return !Directory.Exists(folder.Policies)
            ? []
            : await Task.Run<IReadOnlyList<UnusedPolicy>>(
                () =>
                [
                    .. new DirectoryInfo(folder.Policies).EnumerateDirectories()
                        .Where(policy => !used.Contains(policy.Name) && policy.LastWriteTimeUtc < before)
                        .Select(policy => new UnusedPolicy(policy.Name, Size(policy.FullName), policy.LastWriteTimeUtc))
                        .OrderByDescending(policy => policy.Bytes),
                ],
                cancellation);
    }

    /// <summary>Removes policies that nobody points to.</summary>
    /// <param name="hashes">Those that were seen in the preview; what is used by now is left.</param>
    /// <returns>What was removed.</returns>
    public async Task<IReadOnlyList<UnusedPolicy>> PruneAsync(CurrentPerson by, IReadOnlyCollection<string> hashes, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(by);
        ArgumentNullException.ThrowIfNull(hashes);
        by.RequireAdmin();
        using var turn = await inUse.EnterAsync(cancellation);
        IReadOnlyList<UnusedPolicy> removed = [.. (await UnusedAsync(by, cancellation)).Where(policy => hashes.Contains(policy.Hash))];
        if (removed.Count == 0)
        {
            return [];
        }

        await using var db = await contexts.CreateDbContextAsync(cancellation);
        db.AuditEntries.Add(new()
        {
            PersonId = by.Id, Action = "policy.prune", At = clock.GetUtcNow().UtcDateTime,
            Detail = $"{by.Name} removed {removed.Count} unused {(removed.Count == 1 ? "policy" : "policies")} from the disk: {string.Join(", ", removed.Select(policy => policy.Hash[..Math.Min(12, policy.Hash.Length)]))}.",
        });
        await db.SaveChangesAsync(cancellation);
        foreach (var policy in removed)
        {
            // Renamed first: a directory of that name is whole or not there.
            var aside = Path.Combine(folder.Policies, $".removed-{Guid.NewGuid():N}");
            Directory.Move(folder.Policy(policy.Hash), aside);
            Directory.Delete(aside, recursive: true);
        }

        return removed;
    }

    private static long Size(string directory) => Directory.Exists(directory) ? new DirectoryInfo(directory).EnumerateFiles("*", Everything).Sum(SizeOf) : 0;

    private static readonly EnumerationOptions Everything = new() { RecurseSubdirectories = true, AttributesToSkip = 0, IgnoreInaccessible = true };

    private static long SizeOf(FileInfo file)
    {
        try
        {
            return file.Length;
        }
        catch (IOException)
        {
            return 0; // Gone while we looked.
        }
    }
}

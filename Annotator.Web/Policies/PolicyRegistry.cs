using System.IO.Compression;
using Annotator.Model.Policies;
using Annotator.Web.Data;

namespace Annotator.Web.Policies;

/// <summary>A directory can't become a policy; the message is one sentence for people that names the directory and the fault.</summary>
public sealed class PolicyRefusedException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>
/// The registry of policies: one Hugging Face directory each under <see cref="DataFolder.Policies"/>, named by the hash of
/// its content. It is written beside its place and renamed, so a directory that is there is whole, and never changed.
/// </summary>
public sealed class PolicyRegistry(DataFolder folder)
{
    /// <summary>Where the policy of a hash lies.</summary>
    public string PathOf(string hash) => folder.Policy(hash);

    public bool Contains(string hash) => Directory.Exists(PathOf(hash));

    /// <summary>Copies a directory of somebody's into the registry; one that is there already is left as it is.</summary>
    /// <returns>Its hash.</returns>
    /// <exception cref="PolicyRefusedException">It is not a policy that can be sampled from and trained.</exception>
    public Task<string> ImportAsync(string directory, CancellationToken cancellation = default) => AddAsync(directory, CopyAsync, cancellation);

    /// <summary>Moves a round's <c>policy/</c> into the registry. The directory is gone afterwards, also if the registry had it already.</summary>
    /// <inheritdoc cref="ImportAsync" />
    public async Task<string> MoveInAsync(string directory, CancellationToken cancellation = default)
    {
        var hash = await AddAsync(directory, MoveAsync, cancellation);
        if (Directory.Exists(directory))
        {
            Directory.Delete(directory, recursive: true);
        }

        return hash;
    }

    /// <summary>Streams a policy as a zip whose one folder is the policy's directory.</summary>
    /// <exception cref="DirectoryNotFoundException">The registry has no such policy.</exception>
    public async Task WriteZipAsync(string hash, Stream output, CancellationToken cancellation = default)
    {
        var files = Directory.EnumerateFiles(PathOf(hash)).Order(StringComparer.Ordinal).ToList();
        await using var zip = await ZipArchive.CreateAsync(output, ZipArchiveMode.Create, leaveOpen: true, entryNameEncoding: null, cancellation);
        foreach (var file in files)
        {
            // Weights are noise to a compressor: packing them would only make the download wait.
            var level = Path.GetExtension(file) == ".safetensors" ? CompressionLevel.NoCompression : CompressionLevel.Fastest;
            await using var entry = await zip.CreateEntry($"{hash[..12]}/{Path.GetFileName(file)}", level).OpenAsync(cancellation);
            await using var source = File.OpenRead(file);
            await source.CopyToAsync(entry, cancellation);
        }
    }

    private async Task<string> AddAsync(string directory, Func<string, string, CancellationToken, Task> bring, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(directory);
        if (PolicyFiles.Problem(directory) is { } problem)
        {
            throw new PolicyRefusedException(problem);
        }

        try
        {
            var hash = await Task.Run(() => PolicyFiles.Hash(directory), cancellation);
            if (Contains(hash))
            {
                return hash;
            }

            Directory.CreateDirectory(folder.Policies);
            var beside = Path.Combine(folder.Policies, $".{hash[..12]}-{Guid.NewGuid():N}");
            try
            {
                await bring(directory, beside, cancellation);
                Rename(beside, PathOf(hash));
            }
            finally
            {
                if (Directory.Exists(beside))
                {
                    Directory.Delete(beside, recursive: true);
                }
            }

            return hash;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new PolicyRefusedException($"The policy {directory} can't be taken into {folder.Policies}: {e.Message}", e);
        }
    }

    private static void Rename(string beside, string place)
    {
        try
        {
            Directory.Move(beside, place);
        }
        catch (IOException) when (Directory.Exists(place))
        {
            // Another import of the same content was quicker, and what it brought is the same.
        }
    }

    /// <summary>The policy's files and its card: not whatever else lies in somebody's folder.</summary>
    private static async Task CopyAsync(string directory, string beside, CancellationToken cancellation)
    {
        Directory.CreateDirectory(beside);
        foreach (var file in PolicyFiles.In(directory).Concat(Cards(directory)))
        {
            await using var source = File.OpenRead(file);
            await using var copy = new FileStream(Path.Combine(beside, Path.GetFileName(file)), FileMode.CreateNew, FileAccess.Write);
            await source.CopyToAsync(copy, cancellation);
            copy.Flush(flushToDisk: true);
        }
    }

    /// <summary>The model card and licence, which a downloaded policy should carry.</summary>
    private static IEnumerable<string> Cards(string directory) =>
        Directory.EnumerateFiles(directory).Where(file => IsCard(Path.GetFileName(file)));

    internal static bool IsCard(string name) => name == "README.md" || PolicyFiles.Licences.Contains(name);

    private static async Task MoveAsync(string directory, string beside, CancellationToken cancellation)
    {
        try
        {
            Directory.Move(directory, beside);
        }
        catch (IOException)
        {
            // Another file system: a copy does it, the caller removes the original.
            await CopyAsync(directory, beside, cancellation);
        }
    }
}

using System.IO.Compression;
using Annotator.Model.Policies;
using Annotator.Web.Data;
using Annotator.Web.Languages;
using Microsoft.Extensions.Localization;

namespace Annotator.Web.Policies;

/// <summary>
/// Brings a policy of somebody's into the registry: a zip that was sent (such as another Annotator's download), or a
/// directory of this machine. Of a zip only the files that make a policy are written, by their names alone: whatever
/// path an entry claims, nothing lands outside the folder made for it.
/// </summary>
public sealed class PolicyUpload(PolicyRegistry registry, DataFolder folder, IStringLocalizer<Words> words)
{
    public const long LargestMegabytes = 8 * 1024;
    private const int MostEntries = 1000;

    /// <summary>In bytes, of the zip and of what is in it.</summary>
    public long Largest { get; init; } = LargestMegabytes * 1024 * 1024;

    /// <summary>Takes a zip in, streamed to the disk, and imports the policy in it.</summary>
    /// <param name="by">Who sends it.</param>
    /// <param name="name">What the file is called, for messages.</param>
    /// <param name="zip">Read to its end, or to <see cref="Largest"/>.</param>
    /// <param name="taken">Told how many bytes have come so far.</param>
    /// <param name="cancellation">Leaves nothing behind.</param>
    /// <returns>The policy's hash in the registry.</returns>
    /// <exception cref="NotAllowedException">Not an admin.</exception>
    /// <exception cref="RefusedException">It is no zip, is too large, or has no policy in it that can be sampled from and trained.</exception>
    public async Task<string> TakeAsync(CurrentPerson by, string name, Stream zip, Action<long>? taken = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(by);
        ArgumentNullException.ThrowIfNull(zip);
        by.RequireAdmin();
        var place = Path.Combine(folder.Uploads, Guid.NewGuid().ToString("N"));
        var unpacked = Directory.CreateDirectory(Path.Combine(place, "policy")).FullName;
        try
        {
            var packed = Path.Combine(place, "policy.zip");
            await using (var file = new FileStream(packed, FileMode.CreateNew, FileAccess.Write))
            {
                await CopyAsync(zip, file, Largest, taken, cancellation);
            }

            await UnpackAsync(packed, unpacked, cancellation);
            return await registry.ImportAsync(unpacked, cancellation);
        }
        catch (PolicyRefusedException e)
        {
            throw new RefusedException(e.Message.Replace(unpacked + Path.DirectorySeparatorChar, "", StringComparison.Ordinal).Replace(unpacked, Path.GetFileName(name), StringComparison.Ordinal));
        }
        catch (InvalidDataException)
        {
            throw new RefusedException(words["{0} is not a zip that can be read: send the policy's Hugging Face directory as a zip.", Path.GetFileName(name)]);
        }
        catch (IOException e)
        {
            throw new RefusedException(words["{0} can't be stored: {1}. Free some space, or try again.", Path.GetFileName(name), e.Message.TrimEnd('.')]);
        }
        finally
        {
            Directory.Delete(place, recursive: true);
        }
    }

    /// <summary>Imports a Hugging Face directory that lies on the machine on which the app runs.</summary>
    /// <returns>The policy's hash in the registry.</returns>
    /// <exception cref="NotAllowedException">Not an admin.</exception>
    /// <exception cref="RefusedException">There is no policy in it that can be sampled from and trained.</exception>
    public async Task<string> TakeDirectoryAsync(CurrentPerson by, string directory, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(by);
        ArgumentNullException.ThrowIfNull(directory);
        by.RequireAdmin();
        if (!Path.IsPathFullyQualified(directory.Trim()))
        {
            throw new RefusedException(words["Name the directory by its full path on the machine on which the app runs, such as /models/gpt2."]);
        }

        try
        {
            return await registry.ImportAsync(directory.Trim(), cancellation);
        }
        catch (PolicyRefusedException e)
        {
            throw new RefusedException(e.Message);
        }
    }

    private async Task UnpackAsync(string packed, string unpacked, CancellationToken cancellation)
    {
        await using var zip = await ZipFile.OpenReadAsync(packed, cancellation);
        if (zip.Entries.Count > MostEntries)
        {
            throw new RefusedException(words["The zip has {0} files, {1} at most are expected of a policy: send its directory alone.", zip.Entries.Count, MostEntries]);
        }

        var room = Largest;
        foreach (var entry in zip.Entries.Where(entry => IsOfAPolicy(entry.Name)))
        {
            if (entry.FullName.Split('/', '\\').Contains("..") || Path.IsPathRooted(entry.FullName))
            {
                throw new RefusedException(words["The zip has a file that leads out of its folder ({0}): pack the policy's directory anew.", entry.FullName]);
            }

            var path = Path.Combine(unpacked, entry.Name);
            if (File.Exists(path))
            {
                throw new RefusedException(words["The zip has {0} twice, so it is not clear which files belong together: send one policy's directory alone.", entry.Name]);
            }

            await using var content = await entry.OpenAsync(cancellation);
            await using var file = new FileStream(path, FileMode.CreateNew, FileAccess.Write);
            // What an entry says of its own length may be a lie: what counts is what comes.
            room -= await CopyAsync(content, file, room, null, cancellation);
        }
    }

    private static bool IsOfAPolicy(string name) => PolicyFiles.IsOne(name) || PolicyRegistry.IsCard(name);

    private async Task<long> CopyAsync(Stream from, FileStream to, long room, Action<long>? taken, CancellationToken cancellation)
    {
        var (buffer, length) = (new byte[128 * 1024], 0L);
        while (await from.ReadAsync(buffer, cancellation) is var read and > 0)
        {
            length += read;
            if (length > room)
            {
                throw new RefusedException(words["A policy may have {0:N0} MB at most, packed and unpacked: put a larger one on the machine and name its directory.", Largest / (1024 * 1024)]);
            }

            await to.WriteAsync(buffer.AsMemory(0, read), cancellation);
            taken?.Invoke(length);
        }

        return length;
    }
}

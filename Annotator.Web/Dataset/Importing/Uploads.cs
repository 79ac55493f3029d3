using System.Security.Cryptography;
using Annotator.Web.Data;
using Annotator.Web.Languages;
using Microsoft.Extensions.Localization;

namespace Annotator.Web.Dataset.Importing;

/// <summary>A file that an admin sent, as it lies in the data folder until it is imported or given up.</summary>
/// <param name="Name">As it was called where it came from.</param>
public sealed record Upload(string Path, string Name, long Length, string Sha256) : IDisposable
{
    public FileStream Open() => new(Path, FileMode.Open, FileAccess.Read, FileShare.Read, 64 * 1024, FileOptions.Asynchronous | FileOptions.SequentialScan);

    /// <summary>Removes the file.</summary>
    public void Dispose() => File.Delete(Path);
}

/// <summary>Takes in files, streamed, none larger than a bound.</summary>
public sealed class Uploads(DataFolder folder, IStringLocalizer<Words> words)
{
    public const long LargestMegabytes = 1024;
    public const long Largest = LargestMegabytes * 1024 * 1024;

    /// <summary>Stores a file until its <see cref="Upload"/> is disposed.</summary>
    /// <exception cref="NotAllowedException">Not an admin.</exception>
    /// <exception cref="RefusedException">It is larger than <see cref="Largest"/>, or empty.</exception>
    public async Task<Upload> TakeAsync(CurrentPerson by, string name, Stream content, Action<long>? taken = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(by);
        ArgumentNullException.ThrowIfNull(content);
        by.RequireAdmin();
        Directory.CreateDirectory(folder.Uploads);
        var path = Path.Combine(folder.Uploads, Guid.NewGuid().ToString("N"));
        try
        {
            using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            var (buffer, length) = (new byte[64 * 1024], 0L);
            await using (var file = new FileStream(path, FileMode.CreateNew, FileAccess.Write))
            {
                while (await content.ReadAsync(buffer, cancellation) is var read and > 0)
                {
                    length += read;
                    if (length > Largest)
                    {
                        throw new RefusedException(words["A file may have {0} MB at most: divide it, or pack it with gzip.", LargestMegabytes]);
                    }

                    hash.AppendData(buffer, 0, read);
                    await file.WriteAsync(buffer.AsMemory(0, read), cancellation);
                    taken?.Invoke(length);
                }
            }

            return length > 0
                ? new(path, Path.GetFileName(name), length, Convert.ToHexStringLower(hash.GetCurrentHash()))
                : throw new RefusedException(words["The file is empty."]);
        }
        catch
        {
            File.Delete(path);
            throw;
        }
    }

    /// <summary>Removes what an earlier run of the app left.</summary>
    public void Clear()
    {
        if (Directory.Exists(folder.Uploads))
        {
            Directory.Delete(folder.Uploads, recursive: true);
        }
    }
}

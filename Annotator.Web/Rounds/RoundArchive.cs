using System.IO.Compression;
using Annotator.Model.Preferences;
using Annotator.Web.Data;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Web.Rounds;

/// <summary>
/// A round to hand on: a zip of its directory, streamed. With its policies it holds all that the round is a function of:
/// unpacked anywhere, <c>Annotator.Model dpo --round rounds/NAME</c> repeats it.
/// </summary>
public sealed class RoundArchive(IDbContextFactory<AnnotatorDbContext> contexts, DataFolder folder)
{
    /// <summary>The file's name; null if there is no such round, or nothing of it on disk.</summary>
    /// <exception cref="NotAllowedException">Neither an admin nor a viewer.</exception>
    public async Task<string?> NameAsync(CurrentPerson who, long roundId, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(who);
        who.RequireViewer();
        await using var db = await contexts.CreateDbContextAsync(cancellation);
        var name = await db.Rounds.Where(r => r.Id == roundId && r.State != RoundState.Deleted).Select(r => r.DirectoryName).SingleOrDefaultAsync(cancellation);
        return name is not null && Directory.Exists(folder.Round(name)) ? name : null;
    }

    /// <summary>Writes the zip: <c>rounds/NAME/…</c>, and <c>policies/HASH/…</c> as options.json names them from there.</summary>
    /// <param name="name">Of <see cref="NameAsync"/>.</param>
    /// <param name="withPolicies">The policy that it began with and its reference go along.</param>
    /// <param name="output">Need not be one to seek in.</param>
    /// <param name="cancellation">Leaves it unfinished.</param>
    public async Task WriteAsync(string name, bool withPolicies, Stream output, CancellationToken cancellation = default)
    {
        var round = new RoundDirectory(folder.Round(name));
        await using var zip = await ZipArchive.CreateAsync(output, ZipArchiveMode.Create, leaveOpen: true, entryNameEncoding: null, cancellation);
        await AddAsync(zip, round.Root, $"rounds/{name}", cancellation);
        if (withPolicies && File.Exists(round.Options))
        {
            var options = RoundOptions.Read(round.Options);
            foreach (var policy in new[] { options.Policy, options.Reference }.Select(round.Resolve).Distinct().Where(Directory.Exists))
            {
                await AddAsync(zip, policy, $"policies/{Path.GetFileName(policy)}", cancellation);
            }
        }
    }

    private static async Task AddAsync(ZipArchive zip, string directory, string at, CancellationToken cancellation)
    {
        foreach (var file in Directory.EnumerateFiles(directory, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal))
        {
            var level = Path.GetExtension(file) == ".safetensors" ? CompressionLevel.NoCompression : CompressionLevel.Fastest;
            // A trainer may be writing it.
            await using var source = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            await using var entry = await zip.CreateEntry($"{at}/{Path.GetRelativePath(directory, file).Replace('\\', '/')}", level).OpenAsync(cancellation);
            await source.CopyToAsync(entry, cancellation);
        }
    }

    /// <summary><c>GET /api/rounds/{id}.zip</c>, for admins and viewers; <c>?policies=true</c> adds the policies.</summary>
    internal static async Task<IResult> DownloadAsync(HttpContext http, long id, RoundArchive archive, bool policies = false)
    {
        if (await archive.NameAsync(CurrentPerson.From(http.User), id, http.RequestAborted) is not { } name)
        {
            return Results.NotFound();
        }

        // The end of each compressed file in a zip is written synchronously, whatever one does; it is a few bytes.
        http.Features.GetRequiredFeature<IHttpBodyControlFeature>().AllowSynchronousIO = true;
        return Results.Stream(output => archive.WriteAsync(name, policies, output, http.RequestAborted), "application/zip", $"{name}.zip");
    }
}

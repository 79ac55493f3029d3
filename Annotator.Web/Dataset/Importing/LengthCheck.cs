using System.Text.Json;
using Annotator.Model.Preferences;
using Annotator.Web.Data;
using Annotator.Web.Engine;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Web.Dataset.Importing;

/// <summary>
/// Finds what does not fit the context of a study's policy, by its tokenizer: <c>Annotator.Model lengths</c> as a child, as no
/// model lives in this process.
/// </summary>
public sealed class LengthCheck(IDbContextFactory<AnnotatorDbContext> contexts, ModelExecutable executable, EngineOptions options, DataFolder folder)
{
    private sealed record Length(bool Fits);

    /// <summary>The entries, counted from 0, that do not fit; null where that can't be found out: no policy, no tokenizer, no model.</summary>
    public async Task<IReadOnlySet<int>?> TooLongAsync(
        long studyId, IAsyncEnumerable<(TextOrMessages Prompt, IReadOnlyList<string> Completions)> entries, CancellationToken cancellation = default)
    {
        await using var db = await contexts.CreateDbContextAsync(cancellation);
        var hash = await db.Studies.Where(s => s.Id == studyId).Select(s => s.CurrentPolicy!.Hash).SingleOrDefaultAsync(cancellation);
        if (!options.Enabled || hash is null || !Directory.Exists(folder.Policy(hash)))
        {
            return null;
        }

        Directory.CreateDirectory(folder.Uploads);
        var path = Path.Combine(folder.Uploads, $"{Guid.NewGuid():N}.jsonl");
        try
        {
            await using (var file = File.Create(path))
            {
                await JsonLines.WriteAsync(file, entries.Select(entry => new { entry.Prompt, Completions = entry.Completions.Select(text => new { Text = text }) }), cancellation);
            }

            return await MeasureAsync(folder.Policy(hash), path, cancellation);
        }
        finally
        {
            File.Delete(path);
        }
    }

    private async Task<IReadOnlySet<int>?> MeasureAsync(string policy, string path, CancellationToken cancellation)
    {
        await using var child = executable.Start(ChildPriority.Sampler, "lengths", "--policy", policy, "--input", path, "--json", "--exit-when-stdin-closes");
        var tooLong = new HashSet<int>();
        var index = 0;
        await foreach (var line in child.OutputAsync(cancellation))
        {
            if (JsonSerializer.Deserialize<Length>(line, JsonLines.Spelling) is { Fits: false })
            {
                tooLong.Add(index);
            }

            index++;
        }

        return (await child.Exited).Code == 0 ? tooLong : null;
    }
}

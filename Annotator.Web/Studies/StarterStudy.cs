using Annotator.Web.Data;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Web.Studies;

/// <summary>The first run's study, "Film reviews": starter prompts and guidelines, ready to annotate.</summary>
public sealed class StarterStudy(IDbContextFactory<AnnotatorDbContext> contexts, TimeProvider time)
{
    public const string Name = "Film reviews";

    /// <summary>Creates the study if there is none at all.</summary>
    /// <returns>Its id; null if a study exists.</returns>
    /// <exception cref="StartupException">A starter file is missing, empty, or has a line that can't be read.</exception>
    public async Task<long?> EnsureAsync(CancellationToken cancellation = default)
    {
        await using var db = await contexts.CreateDbContextAsync(cancellation);
        if (await db.Studies.AnyAsync(cancellation))
        {
            return null;
        }

        var now = time.GetUtcNow().UtcDateTime;
        var study = new Study
        {
            Name = Name,
            Guidelines = Read(StarterData.Guidelines),
            Sampling = new() { Temperature = 0.9, TopP = 0.95, MaxTokens = 64 },
            CreatedAt = now,
        };
        db.Studies.Add(study);
        db.Prompts.AddRange(PromptFile.Read(StarterData.Prompts)
            .Select(line => new Prompt { Study = study, Text = line.Text, Split = line.Split, CreatedAt = now }));
        await db.SaveChangesAsync(cancellation);
        return study.Id;
    }

    private static string Read(string path)
    {
        try
        {
            return File.ReadAllText(path);
        }
        catch (IOException e)
        {
            throw new StartupException($"The starter guidelines can't be read from {path} ({e.Message.TrimEnd('.')}): install the app again.", e);
        }
    }
}

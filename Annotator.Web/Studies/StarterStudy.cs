using Annotator.Web.Data;
using Annotator.Web.Policies;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Web.Studies;

/// <summary>The first run's study, "Film reviews": starter prompts and guidelines, ready to annotate.</summary>
public sealed class StarterStudy(IDbContextFactory<AnnotatorDbContext> contexts, PolicyRegistry registry, PolicyLine policies, TimeProvider time)
{
    public const string Name = "Film reviews";

    /// <summary>Creates the study if there is none at all, and gives every study without a policy the embedded one as policy 0.</summary>
    /// <exception cref="StartupException">A starter file is missing, empty, or can't be read; the embedded policy is not one.</exception>
    public async Task EnsureAsync(CancellationToken cancellation = default)
    {
        await CreateIfNoneAsync(cancellation);
        await GiveSftPolicyAsync(cancellation);
    }

    private async Task CreateIfNoneAsync(CancellationToken cancellation)
    {
        await using var db = await contexts.CreateDbContextAsync(cancellation);
        if (await db.Studies.AnyAsync(cancellation))
        {
            return;
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
    }

    private async Task GiveSftPolicyAsync(CancellationToken cancellation)
    {
        await using var db = await contexts.CreateDbContextAsync(cancellation);
        var without = await db.Studies.Where(s => s.CurrentPolicyId == null).Select(s => s.Id).ToListAsync(cancellation);
        if (without.Count == 0 || !Directory.Exists(StarterData.SftPolicy))
        {
            return;
        }

        try
        {
            var hash = await registry.ImportAsync(StarterData.SftPolicy, cancellation);
            foreach (var studyId in without)
            {
                await policies.PublishAsync(studyId, hash, cancellation: cancellation);
            }
        }
        catch (PolicyRefusedException e)
        {
            throw new StartupException(e.Message, e);
        }
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

using Annotator.Web.Data;
using Annotator.Web.Policies;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Web.Studies;

/// <summary>
/// What the first run begins with: the film reviews that travel with the app, or what <c>--prompts FILE</c> and
/// <c>--policy DIR</c> (a Hugging Face directory) name in their place.
/// </summary>
public sealed record StarterFiles
{
    public string Name { get; private init; } = "Film reviews";
    public string Prompts { get; private init; } = StarterData.Prompts;
    public string Policy { get; private init; } = StarterData.SftPolicy;

    /// <summary>Whether somebody asked for this policy: then it must be there, and be the study's.</summary>
    public bool PolicyIsAskedFor { get; private init; }

    public static StarterFiles From(IConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        var files = new StarterFiles();
        if (configuration["prompts"] is { Length: > 0 } prompts)
        {
            files = files with { Prompts = Path.GetFullPath(prompts), Name = Path.GetFileNameWithoutExtension(prompts) };
        }

        return configuration["policy"] is { Length: > 0 } policy ? files with { Policy = Path.GetFullPath(policy), PolicyIsAskedFor = true } : files;
    }
}

/// <summary>The first run's study, ready to annotate.</summary>
public sealed class StarterStudy(
    IDbContextFactory<AnnotatorDbContext> contexts, PolicyRegistry registry, PolicyLine policies, StarterFiles files, TimeProvider time)
{
    /// <summary>Creates the study if there is none at all, and gives every study without a policy the first one as policy 0.</summary>
    /// <exception cref="StartupException">
    /// A starter file is missing, empty, or can't be read; the policy is not one; or another policy is asked for than the study has.
    /// </exception>
    public async Task EnsureAsync(CancellationToken cancellation = default)
    {
        await CreateIfNoneAsync(cancellation);
        await GivePolicyAsync(cancellation);
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
            Name = files.Name,
            Guidelines = Read(StarterData.Guidelines),
            Sampling = StudySettings.NewSampling,
            CreatedAt = now,
        };
        db.Studies.Add(study);
        db.Prompts.AddRange((await PromptFile.ReadAsync(files.Prompts, cancellation))
            .Select(line => new Prompt { Study = study, Text = line.Text, Messages = line.Messages, Priority = line.Priority, Split = line.Split, CreatedAt = now }));
        await db.SaveChangesAsync(cancellation);
    }

    private async Task GivePolicyAsync(CancellationToken cancellation)
    {
        await using var db = await contexts.CreateDbContextAsync(cancellation);
        var without = await db.Studies.Where(s => s.CurrentPolicyId == null).Select(s => s.Id).ToListAsync(cancellation);
        if (!files.PolicyIsAskedFor && (without.Count == 0 || !Directory.Exists(files.Policy)))
        {
            return;
        }

        try
        {
            var hash = await registry.ImportAsync(files.Policy, cancellation);
            // Studies that an admin added may have begun with any.
            var first = await db.Policies.Where(p => p.Number == 0 && !p.Study!.IsDemo).OrderBy(p => p.StudyId).Select(p => new { p.Hash, p.Study!.Name }).FirstOrDefaultAsync(cancellation);
            if (first is not null && first.Hash != hash)
            {
                throw new StartupException(
                    $"The study {first.Name} began with another policy than {files.Policy}: leave --policy out, or choose a new folder with --data DIR.");
            }

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

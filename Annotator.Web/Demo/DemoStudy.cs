using System.Security.Cryptography;
using Annotator.Web.Data;
using Annotator.Web.Policies;
using Annotator.Web.Studies;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Web.Demo;

/// <summary>The study that simulated annotators judge, and they themselves: made once, found again.</summary>
public sealed class DemoStudy(IDbContextFactory<AnnotatorDbContext> contexts, PolicyRegistry registry, PolicyLine policies, TimeProvider clock)
{
    public const string Name = "Demo (simulated annotators)";

    private const string Guidelines = """
        **This is a demonstration.** No person judges here: programs prefer the more positive of two film reviews, by a small
        table of words and weights, and err in one of five. They judge at a human pace, so that rounds, curves and
        evaluations can be watched. Their judgments stay in this study and are never mixed with people's.

        """;

    private const int RoundEvery = 60;

    /// <summary>So much that a visitor sees whether a round helped before the next one is done.</summary>
    private const double EvaluationShare = 0.5;
    private const int RoundsADay = 30;

    /// <summary>The id of the demo study; made with prompts and the embedded policy if there is none.</summary>
    public async Task<long> EnsureAsync(CancellationToken cancellation = default)
    {
        await using var db = await contexts.CreateDbContextAsync(cancellation);
        var study = await db.Studies.FirstOrDefaultAsync(s => s.IsDemo && !s.IsArchived, cancellation);
        if (study is null)
        {
            var now = clock.GetUtcNow().UtcDateTime;
            study = new()
            {
                Name = Name,
                IsDemo = true,
                Guidelines = Guidelines,
                Sampling = new() { Temperature = 1, MaxTokens = 48 },
                // Twice each, so that agreement can be told.
                Task = new() { Overlap = 2, AllowsEdit = false },
                Evaluation = new() { Share = EvaluationShare },
                AutomaticRoundEvery = RoundEvery,
                AutomaticRoundsADay = RoundsADay,
                CreatedAt = now,
            };
            db.Studies.Add(study);
            db.Prompts.AddRange((await PromptFile.ReadAsync(StarterData.Prompts, cancellation)).Select(line => new Prompt { Study = study, Text = line.Text, Split = line.Split, CreatedAt = now }));
            await db.SaveChangesAsync(cancellation);
        }

        if (study.CurrentPolicyId is null)
        {
            await policies.PublishAsync(study.Id, await registry.ImportAsync(StarterData.SftPolicy, cancellation), cancellation: cancellation);
        }

        return study.Id;
    }

    /// <summary>So many simulated annotators, those that are there first. Their pseudonyms, which exports name, say what they are.</summary>
    public async Task<IReadOnlyList<CurrentPerson>> AnnotatorsAsync(int count, CancellationToken cancellation = default)
    {
        await using var db = await contexts.CreateDbContextAsync(cancellation);
        var there = await db.Users.Where(p => p.IsSimulated).OrderBy(p => p.CreatedAt).ThenBy(p => p.Id).Take(count).ToListAsync(cancellation);
        var now = clock.GetUtcNow().UtcDateTime;
        while (there.Count < count)
        {
            var person = new Person
            {
                UserName = $"simulated-{there.Count + 1}",
                Pseudonym = $"simulated-{Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(4))}",
                IsSimulated = true,
                CreatedAt = now.AddTicks(there.Count),
            };
            // Their names are taken from nobody: a person's may be the same, as they never sign in.
            db.Users.Add(person);
            there.Add(person);
        }

        await db.SaveChangesAsync(cancellation);
        return [.. there.Select(p => new CurrentPerson(p.Id, p.UserName!, IsAdmin: false, IsAnnotator: true) { IsSimulated = true })];
    }
}

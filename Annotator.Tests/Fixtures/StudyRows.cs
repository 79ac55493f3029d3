using Annotator.Web.Data;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Tests.Fixtures;

/// <summary>Rows put straight into a database, as the seed, the sampler and the trainer would.</summary>
public static class StudyRows
{
    private static readonly DateTime Made = new(2026, 1, 1, 0, 0, 0, DateTimeKind.Utc);

    /// <summary>Openings of film reviews with two continuations each.</summary>
    private static readonly (string Prompt, string First, string Second)[] Reviews =
    [
        ("I went in expecting", " very little, and came out humming the theme and wanting to ring my sister about the last scene.", " a comedy. What I got was two hours of people shouting at each other in a kitchen, and not one joke."),
        ("Nobody in this film", " behaves like a person who has ever had a bill to pay, but the camera loves them and so, in the end, did I.", " is likeable and the plot is about nothing. I fell asleep twice and I do not think that I missed anything important."),
        ("The first half hour", " is slow, but it pays for every minute of it in the storm scene, which is the best thing he has ever shot.", " was so boring that my friends left, and they were right to leave because the rest of it is the same."),
        ("As a fan of the book", ", I was nervous. I need not have been: the changes are clever and the ending is better than the one on paper.", " i hated this movie and the actor is bad bad bad, the worst movie ever made in the world."),
        ("What a beautiful", " mess this is: half of it belongs in the bin and the other half in a museum, and I would watch it again tomorrow.", ", quiet film about two brothers and a boat."),
        ("My grandmother loved", " every minute of it, and she has not stayed awake through a film since 1987.", " this kind of melodrama; I can see why, and I can also see why nobody has made one for thirty years."),
    ];

    /// <summary>A study with its policy 0.</summary>
    public static Study AddStudy(this AnnotatorDbContext db, string guidelines = "Choose the better one.")
    {
        ArgumentNullException.ThrowIfNull(db);
        var study = new Study { Name = "Film reviews", Guidelines = guidelines, Sampling = new(), CreatedAt = Made };
        db.Studies.Add(study);
        db.SaveChanges();
        db.AddPolicy(study.Id);
        return study;
    }

    /// <summary>The study that the app made at its first start, with a policy 0 if it has none.</summary>
    public static Study StarterStudy(this AnnotatorDbContext db)
    {
        ArgumentNullException.ThrowIfNull(db);
        var study = db.Studies.OrderBy(s => s.Id).First();
        if (study.CurrentPolicyId is null)
        {
            db.AddPolicy(study.Id);
        }

        return study;
    }

    /// <summary>The next policy of the study's line, which becomes the current one.</summary>
    public static Policy AddPolicy(this AnnotatorDbContext db, long studyId)
    {
        ArgumentNullException.ThrowIfNull(db);
        var number = db.Policies.Count(p => p.StudyId == studyId);
        var policy = new Policy { StudyId = studyId, Number = number, Hash = $"hash-{number}", CreatedAt = Made };
        db.Policies.Add(policy);
        db.SaveChanges();
        db.Studies.Where(s => s.Id == studyId).ExecuteUpdate(set => set.SetProperty(s => s.CurrentPolicyId, policy.Id));
        return policy;
    }

    /// <summary>Comparisons by the newest policy, of as many responses as the study wants, each to a prompt of its own unless one is given.</summary>
    public static IReadOnlyList<Comparison> AddComparisons(
        this AnnotatorDbContext db, long studyId, int count, long? promptId = null, ComparisonPurpose purpose = ComparisonPurpose.Train)
    {
        ArgumentNullException.ThrowIfNull(db);
        var study = db.Studies.AsNoTracking().Single(s => s.Id == studyId);
        var policy = db.Policies.Where(p => p.StudyId == studyId).OrderByDescending(p => p.Number).First();
        var prompts = Enumerable.Range(0, count).Select(i => promptId is { } id
            ? db.Prompts.Single(p => p.Id == id)
            : new Prompt { StudyId = studyId, Text = Reviews[i % Reviews.Length].Prompt, CreatedAt = Made }).ToList();
        db.Prompts.AddRange(prompts.Where(p => p.Id == 0));
        db.SaveChanges();
        var added = new List<Comparison>();
        foreach (var (i, prompt) in prompts.Index())
        {
            var review = Reviews[i % Reviews.Length];
            var comparison = new Comparison
            {
                StudyId = studyId, Prompt = prompt, PolicyId = policy.Id, Purpose = purpose, OpenPlaces = study.Task.Overlap,
                QueueOrder = QueueOrder.Of(policy.Number, prompt.Priority, prompt.Id), CreatedAt = Made,
            };
            foreach (var position in Enumerable.Range(0, study.Task.ResponsesPerComparison))
            {
                var text = position switch { 0 => review.First, 1 => review.Second, _ => $" the {position + 1}th thing one could say of it." };
                comparison.Responses.Add(new() { Position = position, Response = NewResponse(prompt, policy, text) });
            }

            db.Comparisons.Add(comparison);
            added.Add(comparison);
        }

        db.SaveChanges();
        return added;
    }

    private static Response NewResponse(Prompt prompt, Policy policy, string text) => new()
    {
        Prompt = prompt, PolicyId = policy.Id, Text = text, Sampling = new(), Seed = 1, FinishReason = "stop", CreatedAt = Made,
    };
}

using Annotator.Web.Data;
using Annotator.Web.Policies;
using Microsoft.Extensions.DependencyInjection;

namespace Annotator.Tests.Fixtures;

/// <summary>Studies of a test's own in a real app.</summary>
public static class StudyOf
{
    /// <summary>Adds a study with prompts "Prompt 1", "Prompt 2", …; it has no policy yet.</summary>
    public static async Task<long> AddStudyAsync(this WebApp app, int prompts)
    {
        ArgumentNullException.ThrowIfNull(app);
        await using var db = app.OpenDb();
        var study = new Study { Name = "A study", Guidelines = "", Sampling = new() { MaxTokens = 16 }, CreatedAt = DateTime.UtcNow };
        db.Studies.Add(study);
        db.Prompts.AddRange(Enumerable.Range(1, prompts).Select(number => new Prompt { Study = study, Text = $"Prompt {number}", CreatedAt = DateTime.UtcNow }));
        await db.SaveChangesAsync();
        return study.Id;
    }

    /// <summary>Publishes the next policy of a study.</summary>
    public static Task<Policy> PublishAsync(this WebApp app, long studyId, string hash)
    {
        ArgumentNullException.ThrowIfNull(app);
        return app.Services.GetRequiredService<PolicyLine>().PublishAsync(studyId, hash);
    }
}

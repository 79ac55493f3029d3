using Annotator.Model.Preferences;
using Annotator.Tests.Browser;
using Annotator.Tests.Fixtures;
using Annotator.Web.Data;
using Microsoft.Playwright;

[assembly: AssemblyFixture(typeof(DeskApp))]

namespace Annotator.Tests.Browser;

/// <summary>
/// One app for all tests of the desk, started when the first sits down. Each test has a study and annotators of its own, so
/// they run side by side: <c>await using var desk = await desks.SitDownAsync(browser, "ada", task => task with { AsksStrength = true });</c>
/// </summary>
public sealed class DeskApp : IAsyncLifetime
{
    private readonly SemaphoreSlim starting = new(1, 1);
    private WebApp? app;

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    /// <summary>A new annotator at the desk of a new study.</summary>
    /// <param name="ask">What the study asks.</param>
    /// <param name="comparisons">Made-up film reviews in stock.</param>
    /// <param name="fill">Puts other comparisons in stock.</param>
    public async Task<DeskScreen> SitDownAsync(
        Fixtures.Browser browser, string userName, Func<StudyTask, StudyTask>? ask = null, int comparisons = 6, Action<AnnotatorDbContext, long>? fill = null, BrowserNewContextOptions? options = null)
    {
        var web = await StartAsync();
        long studyId;
        await using (var db = web.OpenDb())
        {
            var study = db.AddStudy();
            (study.Name, study.Task) = ($"Study of {userName}", ask?.Invoke(study.Task) ?? study.Task);
            await db.SaveChangesAsync();
            studyId = study.Id;
            fill?.Invoke(db, studyId);
            db.AddComparisons(studyId, comparisons);
        }

        var annotator = await web.CreateAnnotatorAsync(userName);
        var desk = new DeskScreen(web, studyId, annotator, await browser.OpenAsync(web, annotator, options));
        await desk.OpenAsync();
        return desk;
    }

    public async ValueTask DisposeAsync()
    {
        if (app is not null)
        {
            await app.DisposeAsync();
        }

        starting.Dispose();
    }

    private async Task<WebApp> StartAsync()
    {
        await starting.WaitAsync();
        try
        {
            return app ??= await WebApp.StartAsync();
        }
        finally
        {
            starting.Release();
        }
    }
}

/// <summary>Comparisons of a test's own words.</summary>
internal static class OwnWords
{
    /// <summary>A comparison by the newest policy, before all that are there already.</summary>
    /// <param name="messages">The turns of a chat; null for a text.</param>
    public static Comparison AddComparison(this AnnotatorDbContext db, long studyId, string prompt, IReadOnlyList<ChatMessage>? messages, params string[] texts)
    {
        var policy = db.Policies.Where(p => p.StudyId == studyId).OrderByDescending(p => p.Number).First();
        var overlap = db.Studies.Single(s => s.Id == studyId).Task.Overlap;
        var added = new Prompt { StudyId = studyId, Text = messages is null ? prompt : Prompt.Rendered(messages), Messages = messages, Priority = 1, CreatedAt = DateTime.UtcNow };
        db.Prompts.Add(added);
        db.SaveChanges();
        var comparison = new Comparison
        {
            StudyId = studyId, Prompt = added, PolicyId = policy.Id, Purpose = ComparisonPurpose.Train, OpenPlaces = overlap,
            QueueOrder = QueueOrder.Of(policy.Number, added.Priority, added.Id), CreatedAt = DateTime.UtcNow,
        };
        comparison.Responses.AddRange(texts.Select((text, position) => new ComparisonResponse
        {
            Position = position,
            Response = new() { Prompt = added, PolicyId = policy.Id, Text = text, Sampling = new(), Seed = 1, FinishReason = "stop", CreatedAt = DateTime.UtcNow },
        }));
        db.Comparisons.Add(comparison);
        db.SaveChanges();
        return comparison;
    }
}

using Annotator.Model.Preferences;
using Annotator.Tests.Fixtures;
using Annotator.Web.Data;
using Annotator.Web.Live;
using Annotator.Web.Sampling;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Annotator.Tests.Browser;

/// <summary>The overview as an admin finds it after signing in.</summary>
public sealed class OverviewPageTests(Fixtures.Browser browser)
{
    private readonly CancellationToken cancellation = TestContext.Current.CancellationToken;

    [Fact]
    public async Task An_admin_lands_on_the_overview_which_follows_what_happens_and_starts_the_demo()
    {
        await using var app = await WebApp.StartAsync("--Simulation:SecondsPerJudgment=0.3");
        var admin = await app.CreateAdminAsync();
        await using var db = app.OpenDb();
        var study = db.StarterStudy();
        await using var page = await browser.OpenAsync(app);
        await page.Page.GotoAsync(app.Url.ToString());
        await page.Page.GetByLabel("User name").FillAsync(admin.UserName);
        await page.Page.GetByLabel("Password").FillAsync(admin.Password);
        await page.Page.GetByRole(AriaRole.Button, new() { Name = "Sign in" }).ClickAsync();
        await page.ReadyAsync();
        await Expect(page.Page).ToHaveURLAsync(new Uri(app.Url, "overview").ToString());
        await Expect(Answer("judging")).ToContainTextAsync("Nobody right now");
        await Expect(Answer("health")).ToContainTextAsync("Engine:Enabled is false");
        await Expect(Answer("last")).ToContainTextAsync("There was none yet");

        // Somebody judges, and a round starts: the page says so without being asked.
        var comparison = db.AddComparisons(study.Id, 1)[0];
        db.Judgments.Add(new()
        {
            ComparisonId = comparison.Id, StudyId = study.Id, PolicyId = comparison.PolicyId, PromptId = comparison.PromptId, AnnotatorId = admin.Current.Id, Verdict = Verdict.Ranked, Ranking = [[0], [1]],
            SidesShown = [0, 1], Seconds = 2, GuidelinesVersion = 1, RequestId = Guid.NewGuid(), CreatedAt = DateTime.UtcNow,
        });
        var round = new Round
        {
            StudyId = study.Id, Number = 1, State = RoundState.Running, DirectoryName = "overview-1", Options = "{}", Init = RoundInit.Previous, Reference = RoundReference.Sft, Data = RoundData.All, CreatedAt = DateTime.UtcNow,
        };
        db.Rounds.Add(round);
        await db.SaveChangesAsync(cancellation);
        var feed = app.Services.GetRequiredService<LiveFeed>();
        feed.Publish(new JudgmentCounted(study.Id, 1));
        feed.Publish(new RoundProgress(study.Id, round.Id, 20, 60, new Dictionary<string, double>()));
        await Expect(Answer("judging")).ToContainTextAsync("1 person is at work");
        await Expect(Answer("round")).ToContainTextAsync("Round 1 is running");
        await Expect(Answer("round")).ToContainTextAsync("Update 20 of 60");
        await Expect(Answer("stock")).ToHaveAttributeAsync("data-tone", new System.Text.RegularExpressions.Regex("good|mind|bad|quiet"));
        await db.Rounds.Where(r => r.Id == round.Id).ExecuteUpdateAsync(set => set.SetProperty(r => r.State, RoundState.Cancelled), cancellation);

        // A round has ended, and one held-out comparison says that it helped: said as what it is.
        var (from, made) = (db.AddPolicy(study.Id), db.AddPolicy(study.Id));
        var directory = new RoundDirectory(app.Data.Round("overview-2"));
        Directory.CreateDirectory(directory.Root);
        new RoundResult { Status = RoundStatus.Succeeded, FinalMetrics = new() { Step = 8, MaxSteps = 8, EvalRewardsAccuracies = 1 }, Used = new() { EvalComparisons = 1 } }.Write(directory.Result);
        db.Rounds.Add(new()
        {
            StudyId = study.Id, Number = 2, State = RoundState.Succeeded, DirectoryName = "overview-2", Options = "{}", Init = RoundInit.Previous, Reference = RoundReference.Sft, Data = RoundData.All,
            InitPolicyId = from.Id, ResultPolicyId = made.Id, CreatedAt = DateTime.UtcNow, EndedAt = DateTime.UtcNow,
        });
        await db.SaveChangesAsync(cancellation);
        feed.Publish(new PolicyPublished(study.Id, made.Id, made.Number));
        await Expect(Answer("last")).ToContainTextAsync("100% right of 1 held out");
        await Expect(Answer("last")).ToHaveAttributeAsync("data-tone", "mind");
        await page.ShouldFindNothingInBothThemesAndSizesAsync("the overview");
        await Shots.TakeInAllWaysAsync(page, "overview");

        await page.Page.GetByTestId("demo-start").ClickAsync();
        await Expect(page.Page.GetByTestId("demo")).ToHaveAttributeAsync("data-running", "true");
        await Expect(page.Page.GetByTestId("overview")).ToContainTextAsync("Demo (simulated annotators)");
        var demo = await db.Studies.SingleAsync(s => s.IsDemo, cancellation);
        db.AddComparisons(demo.Id, 40);
        await Expect(Answer("judging")).ToContainTextAsync("simulated annotators are at work");
        await Expect(Answer("agreement")).ToContainTextAsync("It can be told once ten comparisons");
        await Shots.TakeInAllWaysAsync(page, "overview-demo");
        await page.Page.GetByTestId("demo-stop").ClickAsync();
        await Expect(page.Page.GetByTestId("demo")).ToHaveAttributeAsync("data-running", "false");
        page.Problems.ShouldBeEmpty();

        ILocator Answer(string name) => page.Page.Locator($"[data-answer={name}]");
    }

    [Fact]
    public async Task An_annotator_lands_at_the_desk_and_finds_no_overview()
    {
        await using var app = await WebApp.StartAsync();
        var annotator = await app.CreateAnnotatorAsync();
        using var client = app.CreateClient();
        var answer = await WebApp.PostFormAsync(client, "/sign-in", new() { ["Input.UserName"] = annotator.UserName, ["Input.Password"] = annotator.Password });
        answer.Headers.Location.ShouldNotBeNull().OriginalString.ShouldEndWith("/");
        (await client.GetAsync("/overview", cancellation)).StatusCode.ShouldNotBe(System.Net.HttpStatusCode.OK);
        app.Services.GetRequiredService<SampleProducer>().ShouldNotBeNull();
    }
}

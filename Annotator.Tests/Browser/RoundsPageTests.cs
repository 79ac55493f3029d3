using System.Globalization;
using System.Text.Json.Nodes;
using Annotator.Model.Preferences;
using Annotator.Tests.Fixtures;
using Annotator.Web.Data;
using Annotator.Web.Live;
using Annotator.Web.Rounds;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Annotator.Tests.Browser;

/// <summary>The pages of rounds and dataset as an admin uses them. The app runs without a trainer: the tests write what one would.</summary>
public sealed class RoundsPageTests(WebApp app, Fixtures.Browser browser) : IClassFixture<WebApp>, IAsyncLifetime
{
    private readonly CancellationToken cancellation = TestContext.Current.CancellationToken;
    private TestPerson admin = null!;
    private long studyId;

    public async ValueTask InitializeAsync()
    {
        admin = await app.CreateAdminAsync($"ada{Guid.NewGuid():N}"[..12]);
        await using var db = app.OpenDb();
        // Beside whatever the first run seeds: a study of this test's own.
        var study = new Study { Name = $"Study of {admin.UserName}", Guidelines = "", Sampling = new(), CreatedAt = DateTime.UtcNow };
        db.Studies.Add(study);
        await db.SaveChangesAsync(cancellation);
        studyId = study.Id;
        var policy = new Policy { StudyId = studyId, Number = 0, Hash = new string('a', 64), CreatedAt = DateTime.UtcNow };
        db.Policies.Add(policy);
        await db.SaveChangesAsync(cancellation);
        study.CurrentPolicyId = policy.Id;
        foreach (var i in Enumerable.Range(0, 12))
        {
            var prompt = new Prompt { StudyId = studyId, Text = $"Film {i}", CreatedAt = DateTime.UtcNow };
            var comparison = new Comparison { StudyId = studyId, Prompt = prompt, PolicyId = policy.Id, QueueOrder = i, CreatedAt = DateTime.UtcNow };
            foreach (var (position, text) in new[] { $" is good, says person {i}.", " is bad." }.Index())
            {
                comparison.Responses.Add(new()
                {
                    Position = position,
                    Response = new() { Prompt = prompt, PolicyId = policy.Id, Text = text, Sampling = new(), Seed = 1, FinishReason = "stop", CreatedAt = DateTime.UtcNow },
                });
            }

            db.Comparisons.Add(comparison);
            await db.SaveChangesAsync(cancellation);
            db.Judgments.Add(new()
            {
                ComparisonId = comparison.Id, StudyId = studyId, PolicyId = policy.Id, PromptId = prompt.Id, AnnotatorId = admin.Current.Id, Verdict = Verdict.Ranked, Ranking = i < 10 ? [[0], [1]] : [[0, 1]], SidesShown = [0, 1],
                Seconds = 2, GuidelinesVersion = 1, RequestId = Guid.NewGuid(), CreatedAt = DateTime.UtcNow,
            });
        }

        await db.SaveChangesAsync(cancellation);
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    [Fact]
    public async Task Options_that_cannot_be_trained_with_are_told_in_sentences_before_anything_starts()
    {
        await using var page = await browser.OpenAsync(app, admin);
        await page.GoAsync($"/rounds?study={studyId}");
        var beta = page.Page.GetByLabel("beta", new() { Exact = true });
        await Expect(page.Page.GetByTestId("preview")).ToContainTextAsync("Left out: 2 ties.");

        await beta.FillAsync("0");
        await Expect(page.Page.GetByTestId("problems")).ToHaveTextAsync("beta must be > 0; it is 0.");
        await Expect(page.Page.GetByTestId("start")).ToBeDisabledAsync();
        await beta.FillAsync("much");
        await Expect(page.Page.GetByTestId("problems")).ToHaveTextAsync("beta must be a number, such as 0.1 or 1e-6; it is “much”.");

        await page.Page.GetByTestId("preset-paper").ClickAsync();
        await Expect(beta).ToHaveValueAsync("0.1");
        await Expect(page.Page.GetByLabel("learning_rate")).ToHaveValueAsync("1e-6");
        await Expect(page.Page.GetByTestId("preset-paper")).ToHaveAttributeAsync("aria-pressed", "true");
        await page.Page.GetByTestId("all-options").ClickAsync();
        await Expect(page.Page.GetByLabel("warmup_steps")).ToHaveValueAsync("150");
        await Expect(page.Page.GetByTestId("start")).ToBeEnabledAsync();
        page.Problems.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_round_that_fails_says_why_on_the_page()
    {
        await using var page = await browser.OpenAsync(app, admin);
        await page.GoAsync($"/rounds?study={studyId}");

        await page.Page.GetByTestId("start").ClickAsync();

        await Expect(page.Page.GetByTestId("failed")).ToContainTextAsync("Round 1 failed. No trainer is started because Engine:Enabled is false in the configuration.");
        await page.Page.GetByTestId("past").GetByRole(AriaRole.Link, new() { Name = "Round 1" }).ClickAsync();
        await Expect(page.Page.GetByTestId("reason")).ToContainTextAsync("No trainer is started");
        await Expect(page.Page.GetByTestId("command")).ToContainTextAsync("dpo --round");
        await using var db = app.OpenDb();
        (await db.AuditEntries.CountAsync(a => a.PersonId == admin.Current.Id && a.Action == "round.start", cancellation)).ShouldBe(1);
        page.Problems.ShouldBeEmpty();
    }

    [Fact]
    public async Task The_curves_of_a_running_round_grow_while_its_trainer_logs()
    {
        var (round, directory) = await AddRunningAsync();
        await using var page = await browser.OpenAsync(app, admin);
        await page.GoAsync($"/rounds?study={studyId}");
        var curves = page.Page.GetByTestId("curves");
        await Expect(curves).ToHaveAttributeAsync("data-steps", "0");

        for (var step = 0; step <= 40; step++)
        {
            await LogAsync(round, directory, step);
        }

        await Expect(curves).ToHaveAttributeAsync("data-steps", "41");
        await Expect(page.Page.GetByText("Update 40 of 100")).ToBeVisibleAsync();
        await Expect(page.Page.GetByTestId("step0")).ToHaveTextAsync("0.6931");
        var loss = page.Page.Locator("[data-chart=loss]");
        (await loss.Locator(".chart-line").First.GetAttributeAsync("d")).ShouldNotBeNull().Count(c => c is 'M' or 'L').ShouldBe(41);
        await Expect(loss.Locator("svg")).ToHaveAttributeAsync("aria-description", "train: 41 values, from 0.6931 at step 0 to 0.4931 at step 40.");

        await loss.Locator(".chart-plot").HoverAsync(new() { Position = new() { X = 60, Y = 40 } });
        await Expect(loss.Locator(".chart-tip")).ToContainTextAsync("train 0.");

        await LogAsync(round, directory, 41);
        await Expect(curves).ToHaveAttributeAsync("data-steps", "42");
        page.Problems.ShouldBeEmpty();
        await EndAsync(round);
    }

    [Fact]
    public async Task A_fast_trainer_does_not_flood_the_page()
    {
        var (round, directory) = await AddRunningAsync();
        await using var page = await browser.OpenAsync(app, admin);
        await page.GoAsync($"/rounds?study={studyId}");
        await Expect(page.Page.GetByTestId("curves")).ToHaveAttributeAsync("data-steps", "0");
        await page.Page.EvaluateAsync("""
            () => { window.draws = 0; new MutationObserver(() => window.draws++).observe(document.querySelector('[data-testid=curves]'), { attributes: true, attributeFilter: ['data-steps'] }); }
            """);

        var watch = System.Diagnostics.Stopwatch.StartNew();
        for (var step = 0; step < 300; step++)
        {
            await LogAsync(round, directory, step);
        }

        await Expect(page.Page.GetByTestId("curves")).ToHaveAttributeAsync("data-steps", "300");
        var draws = await page.Page.EvaluateAsync<int>("() => window.draws");
        draws.ShouldBeLessThanOrEqualTo((int)(watch.Elapsed.TotalSeconds / 0.25) + 1);
        await EndAsync(round);
    }

    [Fact]
    public async Task The_dataset_page_counts_and_downloads()
    {
        await using var page = await browser.OpenAsync(app, admin);
        await page.GoAsync($"/dataset?study={studyId}");
        await Expect(page.Page.GetByTestId("trl-count")).ToHaveTextAsync("10");
        await Expect(page.Page.GetByTestId("log-count")).ToHaveTextAsync("12");
        await Expect(page.Page.GetByTestId("counts")).ToContainTextAsync("never turned into a preference−2");
        await Expect(page.Page.GetByTestId("latest").Locator("tbody tr")).ToHaveCountAsync(8);

        var trl = await DownloadAsync(page.Page, "download-trl");
        var log = await DownloadAsync(page.Page, "download-log");

        trl.Length.ShouldBe(10);
        log.Length.ShouldBe(12);
        JsonNode.Parse(trl[0])!.ToJsonString().ShouldBe("""{"prompt":"Film 0","chosen":" is good, says person 0.","rejected":" is bad."}""");
        page.Problems.ShouldBeEmpty();
    }

    [Fact]
    public async Task The_pages_are_closed_to_annotators()
    {
        var annotator = await app.CreateAnnotatorAsync($"ben{Guid.NewGuid():N}"[..12]);
        await using var page = await browser.OpenAsync(app, annotator);
        foreach (var path in (string[])["/rounds", "/rounds/1", "/dataset"])
        {
            await page.Page.GotoAsync(new Uri(app.Url, path).ToString());
            await Expect(page.Page.GetByTestId("rounds").Or(page.Page.GetByTestId("round")).Or(page.Page.GetByTestId("dataset"))).ToHaveCountAsync(0);
            await Expect(page.Page.Locator("h1")).ToBeVisibleAsync();
        }
    }

    private static async Task<string[]> DownloadAsync(IPage page, string testId)
    {
        var download = await page.RunAndWaitForDownloadAsync(() => page.GetByTestId(testId).ClickAsync());
        return await File.ReadAllLinesAsync(await download.PathAsync(), TestContext.Current.CancellationToken);
    }

    /// <summary>A round in the state that the queue brings it into before the trainer logs.</summary>
    private async Task<(Round Round, RoundDirectory Directory)> AddRunningAsync()
    {
        await using var db = app.OpenDb();
        var round = new Round
        {
            StudyId = studyId, Number = 1, State = RoundState.Running, DirectoryName = $"study-{studyId}-round-1",
            Options = RoundOptionsText.Format(RoundOptions.AppDefaults("policy", "reference")), Init = RoundInit.Previous, Reference = RoundReference.Sft, Data = RoundData.All,
            CreatedAt = DateTime.UtcNow, StartedAt = DateTime.UtcNow, StartedById = admin.Current.Id,
        };
        db.Rounds.Add(round);
        await db.SaveChangesAsync(cancellation);
        var directory = new RoundDirectory(app.Data.Round(round.DirectoryName));
        Directory.CreateDirectory(directory.Root);
        return (round, directory);
    }

    private async Task LogAsync(Round round, RoundDirectory directory, int step)
    {
        var metrics = new RoundMetrics { Step = step, MaxSteps = 100, Loss = 0.69314 - (0.005 * step), RewardsMargins = 0.01 * step, RewardsAccuracies = 0.6 };
        await File.AppendAllTextAsync(directory.Metrics, JsonLines.Format(metrics) + "\n", cancellation);
        app.Services.GetRequiredService<LiveFeed>().Publish(new RoundProgress(studyId, round.Id, step, 100, MetricNames.Of(metrics)));
    }

    /// <summary>A round left running would be settled as interrupted when the app of this class starts again; end it instead.</summary>
    private async Task EndAsync(Round round)
    {
        await using var db = app.OpenDb();
        await db.Rounds.Where(r => r.Id == round.Id).ExecuteUpdateAsync(set => set.SetProperty(r => r.State, RoundState.Cancelled), cancellation);
    }
}

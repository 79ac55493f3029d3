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
        await Expect(loss.Locator("svg")).ToHaveAttributeAsync("aria-description", "train: 41 values, from 0.6931 at step 0 to 0.4931 at step 40.");
        (await loss.Locator(".chart-line").First.GetAttributeAsync("d")).ShouldNotBeNull().Count(c => c is 'M' or 'L').ShouldBe(41);

        await Expect(loss.Locator(".chart-plot")).ToHaveAttributeAsync("data-hears", "");
        await loss.Locator(".chart-plot").HoverAsync(new() { Position = new() { X = 60, Y = 40 } });
        await Expect(loss.Locator(".chart-tip")).ToContainTextAsync("train 0.");
        await Expect(page.Page.Locator("[data-chart='rewards/accuracies'] .chart-now")).ToHaveTextAsync("60% of 8");

        await LogAsync(round, directory, 41);
        await Expect(curves).ToHaveAttributeAsync("data-steps", "42");
        page.Problems.ShouldBeEmpty();
        await EndAsync(round);
    }

    [Fact]
    public async Task A_past_round_shows_its_samples_warnings_and_log_lies_over_another_and_can_be_deleted()
    {
        await AddPastAsync(1, kl: 4.5);
        var second = await AddPastAsync(2, kl: 17.25);
        await using var page = await browser.OpenAsync(app, admin);
        await page.GoAsync($"/rounds?study={studyId}");
        await Expect(page.Page.GetByTestId("preview-details")).ToContainTextAsync("policy 0: ");
        await Expect(page.Page.GetByTestId("preview-details")).ToContainTextAsync(admin.UserName);
        await Expect(page.Page.GetByTestId("estimate")).ToContainTextAsync("as the last rounds took");
        await Expect(page.Page.Locator("[data-chart='objective/kl'] .chart-now")).ToHaveTextAsync("17.25");
        await Expect(page.Page.Locator("[data-chart='eval_rewards/accuracies'] .chart-now")).ToHaveTextAsync("68% of 2");
        await page.ShouldFindNothingInBothThemesAndSizesAsync("the rounds page");
        await Shots.TakeInAllWaysAsync(page, "rounds");

        await page.Page.GetByTestId("past").GetByRole(AriaRole.Link, new() { Name = "Round 2" }).ClickAsync();
        await Expect(page.Page.GetByTestId("warnings")).ToContainTextAsync("The policy has moved 17.2 ± 1.0 nats");
        await Expect(page.Page.GetByTestId("samples").Locator("article")).ToHaveCountAsync(3);
        await Expect(page.Page.GetByTestId("final")).ToContainTextAsync("objective/kl");
        await Expect(page.Page.GetByTestId("final")).ToContainTextAsync("eval_rewards/accuracies68% of 2");
        await Expect(page.Page.GetByTestId("final")).ToContainTextAsync("rewards/accuracies98% of 10");
        await page.Page.GetByTestId("compare-1").ClickAsync();
        await Expect(page.Page.Locator("[data-chart=loss] .chart-hue-1 .chart-line")).ToHaveCountAsync(1);
        await page.Page.GetByTestId("all-metrics").ClickAsync();
        await Expect(page.Page.Locator("[data-chart=grad_norm] .chart-line")).Not.ToHaveCountAsync(0);
        await page.Page.GetByTestId("log-scale").ClickAsync();
        await Expect(page.Page.Locator("[data-chart=loss] .chart-plot")).ToHaveAttributeAsync("data-log", "true");
        await Expect(page.Page.Locator("[data-chart=loss] .chart-plot")).ToHaveAttributeAsync("data-hears", "");
        await page.Page.Locator("[data-chart=loss] .chart-plot").HoverAsync(new() { Position = new() { X = 2, Y = 40 } });
        await Expect(page.Page.Locator("[data-chart=loss] .chart-tip")).ToContainTextAsync("train 0.6931");
        await page.Page.GetByTestId("log").Locator("summary").ClickAsync();
        await Expect(page.Page.GetByTestId("log")).ToContainTextAsync("KL to the reference");
        await page.ShouldFindNothingInBothThemesAndSizesAsync("a round's page");
        await Shots.TakeInAllWaysAsync(page, "round");
        var zip = await page.Page.RunAndWaitForDownloadAsync(() => page.Page.GetByTestId("zip").ClickAsync());
        using (var archive = System.IO.Compression.ZipFile.OpenRead(await zip.PathAsync()))
        {
            archive.Entries.Select(entry => entry.FullName).ShouldContain($"rounds/{second.DirectoryName}/metrics.jsonl");
        }

        await page.Page.GetByTestId("delete").ClickAsync();
        await page.Page.GetByRole(AriaRole.Dialog).GetByRole(AriaRole.Button, new() { Name = "Delete" }).ClickAsync();
        await Expect(page.Page.GetByTestId("past").GetByRole(AriaRole.Link, new() { Name = "Round 1" })).ToBeVisibleAsync();
        await Expect(page.Page.GetByTestId("past").GetByRole(AriaRole.Link, new() { Name = "Round 2" })).ToHaveCountAsync(0);
        Directory.Exists(app.Data.Round(second.DirectoryName)).ShouldBeFalse();
        page.Problems.ShouldBeEmpty();
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
        await page.GoAsync($"/dataset/files?study={studyId}");
        await Expect(page.Page.GetByTestId("trl-count")).ToHaveTextAsync("10");
        await Expect(page.Page.GetByTestId("log-count")).ToHaveTextAsync("12");
        await Expect(page.Page.GetByTestId("counts")).ToContainTextAsync("never turned into a preference−2");

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

    /// <summary>A round as one leaves it that succeeded.</summary>
    private async Task<Round> AddPastAsync(int number, double kl)
    {
        await using var db = app.OpenDb();
        var policy = await db.Policies.Where(p => p.StudyId == studyId).OrderBy(p => p.Number).LastAsync(cancellation);
        var made = new Policy { StudyId = studyId, Number = number, Hash = new string((char)('a' + number), 64), ParentId = policy.Id, CreatedAt = DateTime.UtcNow };
        var round = new Round
        {
            StudyId = studyId, Number = number, State = RoundState.Succeeded, DirectoryName = $"study-{studyId}-round-{number}", InitPolicyId = policy.Id, ResultPolicy = made, PreferenceCount = 10,
            Options = RoundOptionsText.Format(RoundOptions.AppDefaults("policy", "reference")), Init = RoundInit.Previous, Reference = RoundReference.Sft, Data = RoundData.All,
            CreatedAt = DateTime.UtcNow, StartedAt = DateTime.UtcNow, EndedAt = DateTime.UtcNow.AddSeconds(40), StartedById = admin.Current.Id,
        };
        db.Rounds.Add(round);
        await db.SaveChangesAsync(cancellation);
        made.RoundId = round.Id;
        await db.SaveChangesAsync(cancellation);
        var directory = new RoundDirectory(app.Data.Round(round.DirectoryName));
        Directory.CreateDirectory(directory.Root);
        var lines = Enumerable.Range(0, 61).Select(step => new RoundMetrics
        {
            Step = step, MaxSteps = 60, Epoch = step / 30.0, BatchSize = 10, Loss = 0.693147 * Math.Exp(-0.02 * number * step) + (step % 7 * 0.004), RewardsAccuracies = Math.Min(1, 0.5 + (0.008 * step)), RewardsMargins = 0.02 * number * step,
            RewardsChosen = 0.01 * step, RewardsRejected = -0.01 * number * step, LogpsChosen = -60 - (0.1 * step), LogpsRejected = -60 - (0.3 * step), GradNorm = step == 60 ? null : 4 + Math.Sin(step), LearningRate = step == 60 ? null : 3e-5,
            NumTokens = 900 * step, ExamplesPerSecond = step == 0 ? null : 31, EvalLoss = step % 20 == 0 ? 0.69 - (0.003 * step) : null, EvalRewardsAccuracies = step % 20 == 0 ? 0.5 + (0.003 * step) : null, EvalRewardsMargins = step % 20 == 0 ? 0.01 * step : null,
        }).ToList();
        JsonLines.Write(directory.Metrics, lines);
        new RoundResult
        {
            Status = RoundStatus.Succeeded, Steps = 60, MaxSteps = 60, Step0Loss = 0.693147, ExpectedStep0Loss = Math.Log(2), FinalMetrics = lines[^1], ObjectiveKl = kl, ObjectiveKlStandardError = 0.5, MeanLength = 41, MeanLengthBefore = 38, Used = new() { TrainComparisons = 10, TrainPairs = 10, EvalComparisons = 2, EvalPairs = 2 },
            Warnings = kl > 15 ? ["the policy has moved 17.2 ± 1.0 nats of KL away from its reference, more than 15: read its samples before you trust it"] : [], Hashes = new Dictionary<string, string> { ["output"] = made.Hash },
        }.Write(directory.Result);
        JsonLines.Write(directory.Samples, Enumerable.Range(1, 5).Select(i => new RoundSampleLine { Prompt = $"The {i}th film of the evening", Before = " was a film that I saw, and then there was another one.", After = " was a delight from the first scene to the last; I would see it again tomorrow." }));
        await File.WriteAllTextAsync(directory.Log, "2026-11-26 02:00:00  10 comparisons to train on, 2 to measure on, 0 left out\n2026-11-26 02:00:20  KL to the reference 4.50 ± 0.50 nats on 64 fresh samples\n", cancellation);
        return round;
    }

    private async Task LogAsync(Round round, RoundDirectory directory, int step)
    {
        var metrics = new RoundMetrics { Step = step, MaxSteps = 100, BatchSize = 8, Loss = 0.69314 - (0.005 * step), RewardsMargins = 0.01 * step, RewardsAccuracies = 0.6 };
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

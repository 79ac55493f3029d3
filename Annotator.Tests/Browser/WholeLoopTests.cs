using System.Text.Json;
using Annotator.Tests.Fixtures;
using static Microsoft.Playwright.Assertions;

namespace Annotator.Tests.Browser;

/// <summary>
/// What the product is for, once from end to end, with nothing in it made up: the real app as its own process, the
/// embedded policy, the sampler, the trainer, a real browser.
/// </summary>
[Collection(TimedCollection.Name)]
public sealed class WholeLoopTests(Fixtures.Browser browser)
{
    private const float Patience = 180_000;

    [Fact]
    public async Task People_compare_an_admin_starts_a_round_and_the_new_policys_responses_arrive()
    {
        await using var app = await AppProcess.StartAsync();
        await using var desk = await browser.OpenAsync(app);

        // The link on the console makes the admin, who annotates too.
        await FirstAdmin.CreateAsync(desk, app);

        // Ten comparisons by keyboard alone.
        var judged = 0;
        for (; judged < 10; judged++)
        {
            await DeskKeys.JudgeAsync(desk, judged % 3 == 0 ? "ArrowRight" : "ArrowLeft", judged + 1);
        }

        // A round on what was said so far: its curves move while it runs, and it makes policy 1.
        await using var studio = await desk.NewTabAsync();
        await studio.GoAsync("/rounds");
        await Expect(studio.Page.GetByTestId("preview")).ToContainTextAsync("10");
        await studio.Page.GetByTestId("start").ClickAsync();
        await Expect(studio.Page.GetByTestId("running").GetByTestId("curves").Locator(".chart-line").First).ToBeAttachedAsync(new() { Timeout = Patience });
        await Expect(studio.Page.GetByTestId("past")).ToContainTextAsync("Policy 1", new() { Timeout = Patience });

        // The annotator's page says so by itself and goes on with the new responses; no reload.
        await Expect(desk.Page.Locator("[data-live=notice] span")).ToContainTextAsync("fresh responses", new() { Timeout = Patience });
        for (var end = judged + 4; judged < end; judged++)
        {
            await DeskKeys.JudgeAsync(desk, "ArrowLeft", judged + 1);
        }

        // Both exports, read back.
        await studio.GoAsync("/dataset/files");
        var preferences = await DownloadAsync(studio, "download-trl");
        var log = await DownloadAsync(studio, "download-log");

        preferences.Count.ShouldBe(judged);
        foreach (var line in preferences)
        {
            line.GetProperty("prompt").GetString().ShouldNotBeNullOrWhiteSpace();
            line.GetProperty("chosen").GetString().ShouldNotBe(line.GetProperty("rejected").GetString());
        }

        log.Count.ShouldBe(judged);
        var policies = log.Select(line => line.GetProperty("responses")[0].GetProperty("policy_number").GetInt32()).ToList();
        policies.Take(10).ShouldAllBe(number => number == 0);
        policies.ShouldContain(1);

        desk.Problems.ShouldBeEmpty();
        studio.Problems.ShouldBeEmpty();
    }

    [Fact]
    public async Task Judging_goes_on_while_the_sampler_is_killed_and_comes_back()
    {
        LinuxProcess.Require();
        await using var app = await AppProcess.StartAsync();
        await using var desk = await browser.OpenAsync(app);
        await FirstAdmin.CreateAsync(desk, app);
        await DeskKeys.JudgeAsync(desk, "ArrowLeft", 1);
        var sampler = LinuxProcess.Find("Annotator.Model.dll", "serve", app.Data).Single();

        sampler.Kill();

        for (var judged = 1; judged < 4; judged++)
        {
            await DeskKeys.JudgeAsync(desk, "ArrowRight", judged + 1);
        }

        await Until.TrueAsync(() => LinuxProcess.Find("Annotator.Model.dll", "serve", app.Data).Any(child => child.IsRunning && child.Id != sampler.Id));
        desk.Problems.ShouldBeEmpty();
    }

    [Fact]
    public async Task Judgments_that_the_page_confirmed_survive_a_kill_of_the_app_and_no_child_is_left_behind()
    {
        LinuxProcess.Require();
        await using var app = await AppProcess.StartAsync();
        await using var desk = await browser.OpenAsync(app);
        await FirstAdmin.CreateAsync(desk, app);
        for (var judged = 0; judged < 5; judged++)
        {
            await DeskKeys.JudgeAsync(desk, "ArrowLeft", judged + 1);
        }

        var children = LinuxProcess.Find("Annotator.Model.dll", app.Data);
        children.ShouldNotBeEmpty();
        app.Process.Maps.ShouldNotContain("libtorch");
        await app.KillAsync();

        await Until.TrueAsync(() => !children.Any(child => child.IsRunning));
        await app.StartAgainAsync();
        await using var again = await browser.OpenAsync(app);
        await again.Page.GotoAsync(app.PrintedLink.ToString());
        await again.Page.GetByLabel("User name").FillAsync(FirstAdmin.UserName);
        await again.Page.GetByLabel("Password").FillAsync(FirstAdmin.Password);
        await again.Page.Keyboard.PressAsync("Enter");
        await Expect(again.Page.Locator("h1")).ToHaveTextAsync("Overview");                       // where admins begin
        await again.GoAsync("/");
        await DeskKeys.ComparisonOnScreenAsync(again);
        await Expect(again.Page.Locator(".progress strong").Last).ToHaveTextAsync("5");
    }

    private static async Task<List<JsonElement>> DownloadAsync(TestPage page, string testId)
    {
        var download = await page.Page.RunAndWaitForDownloadAsync(() => page.Page.GetByTestId(testId).ClickAsync());
        var lines = await File.ReadAllLinesAsync((await download.PathAsync())!, TestContext.Current.CancellationToken);
        return [.. lines.Select(line => JsonSerializer.Deserialize<JsonElement>(line))];
    }
}

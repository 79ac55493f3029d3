using Annotator.Tests.Fixtures;
using Microsoft.EntityFrameworkCore;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Annotator.Tests.Browser;

/// <summary>Nothing that was begun is lost, and nothing is judged twice.</summary>
public sealed class DeskDraftTests(DeskApp desks, Fixtures.Browser browser)
{
    private const float Patience = 60_000;

    [Fact]
    public async Task A_comment_and_an_edit_in_the_making_survive_a_reload_on_another_device_too()
    {
        await using var desk = await desks.SitDownAsync(browser, "drafts");
        await desk.PressAsync("c");
        await desk.Keys.TypeAsync("half a thought");
        await desk.PressAsync("Escape", "e", "1");
        await Expect(desk.Page.GetByLabel("My version of response 1")).ToBeFocusedAsync();
        await desk.Keys.TypeAsync(" And a new end");
        await desk.DraftIsKeptAsync("And a new end");

        await desk.ReloadAsync();
        await Expect(desk.Comment).ToHaveValueAsync("half a thought");
        await Expect(desk.Card(1).GetByRole(AriaRole.Region, new() { Name = "My version" })).ToContainTextAsync("And a new end");

        await using var elsewhere = new DeskScreen(desk.App, desk.StudyId, desk.Annotator, await browser.OpenAsync(desk.App, desk.Annotator));
        await elsewhere.OpenAsync();
        (await elsewhere.ComparisonAsync()).ShouldBe(await desk.ComparisonAsync());
        await Expect(elsewhere.Comment).ToHaveValueAsync("half a thought");
        await Expect(elsewhere.Card(1)).ToContainTextAsync("And a new end");
    }

    [Fact]
    public async Task Two_tabs_of_one_annotator_never_judge_the_same_comparison_twice()
    {
        await using var desk = await desks.SitDownAsync(browser, "two-tabs");
        var tab = new DeskScreen(desk.App, desk.StudyId, desk.Annotator, await desk.Screen.NewTabAsync());
        await tab.OpenAsync();
        var same = await desk.ComparisonAsync();
        (await tab.ComparisonAsync()).ShouldBe(same);

        await desk.JudgeAsync("1");
        await tab.PressAsync("2");

        await Expect(tab.Page.Locator("[data-live=next]")).ToContainTextAsync("You had judged this one in another window.");
        await Expect(tab.Root).Not.ToHaveAttributeAsync("data-comparison", same);
        (await desk.JudgmentsAsync()).ShouldHaveSingleItem().ComparisonId.ShouldBe(long.Parse(same));
    }

    [Fact]
    public async Task What_is_typed_without_a_connection_is_there_after_the_server_came_back()
    {
        await using var app = await WebApp.StartAsync();
        var annotator = await app.CreateAnnotatorAsync();
        long study;
        await using (var db = app.OpenDb())
        {
            study = db.StarterStudy().Id;
            db.AddComparisons(study, 3);
        }

        await using var desk = new DeskScreen(app, study, annotator, await browser.OpenAsync(app, annotator));
        await desk.OpenAsync();
        await desk.PressAsync("c");
        await desk.Keys.TypeAsync("with");
        await app.StopAsync();
        await Expect(desk.Page.Locator("#components-reconnect-modal")).ToBeVisibleAsync(new() { Timeout = Patience });
        await desk.Keys.TypeAsync(" and without");
        await desk.Page.EvaluateAsync("delete document.documentElement.dataset.ready");

        await app.InitializeAsync();

        await Expect(desk.Page.Locator("html[data-ready=true]")).ToBeAttachedAsync(new() { Timeout = Patience });
        await desk.ReadyAsync();
        await Expect(desk.Comment).ToHaveValueAsync("with and without");
        await desk.JudgeAsync("1");
        (await desk.JudgmentsAsync()).ShouldHaveSingleItem().Comment.ShouldBe("with and without");
    }
}

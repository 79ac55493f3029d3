using Annotator.Tests.Fixtures;
using Microsoft.EntityFrameworkCore;
using static Microsoft.Playwright.Assertions;

namespace Annotator.Tests.Browser;

/// <summary>The desk when the network or the server goes away under it.</summary>
public sealed class ConnectionTests(Fixtures.Browser browser)
{
    private const float Patience = 60_000;

    [Fact]
    public async Task A_dropped_connection_is_told_in_a_calm_line_and_the_desk_goes_on_where_it_was()
    {
        await using var app = await WebApp.StartAsync();
        await using var desk = await browser.OpenAsync(app, await SeatAsync(app));
        var wire = await OneJudgedAsync(desk);
        var onScreen = await ComparisonAsync(desk);
        var banner = desk.Page.GetByText("The connection was lost");

        await wire.CutAsync();
        await Expect(banner).ToBeVisibleAsync(new() { Timeout = Patience });
        await desk.Page.Keyboard.PressAsync("2");
        wire.Mend();

        await Expect(desk.Page.Locator("html[data-connection=live]")).ToBeAttachedAsync(new() { Timeout = Patience });
        await Expect(banner).ToBeHiddenAsync();
        (await ComparisonAsync(desk)).ShouldBe(onScreen, "a key without a connection is no answer");
        await DeskKeys.JudgeAsync(desk, "2", 2);
        (await JudgmentsAsync(app)).ShouldBe(2);
    }

    [Fact]
    public async Task A_network_that_falls_silent_is_told_within_seconds_and_what_was_held_up_arrives()
    {
        await using var app = await WebApp.StartAsync();
        await using var desk = await browser.OpenAsync(app, await SeatAsync(app));
        var wire = await OneJudgedAsync(desk);
        var banner = desk.Page.GetByText("The connection was lost");

        wire.FallSilent();
        await Expect(banner).ToBeVisibleAsync(new() { Timeout = 12_000 }); // SignalR alone takes up to thirty seconds.
        await desk.Page.Keyboard.PressAsync("c");
        await desk.Page.Keyboard.TypeAsync("said into silence");
        wire.Speak();

        await Expect(banner).ToBeHiddenAsync();
        await Until.TrueAsync(async () =>
        {
            await using var db = app.OpenDb();
            return await db.Drafts.AnyAsync(draft => draft.Content.Contains("said into silence"));
        });
        await desk.Page.WaitForFunctionAsync("sessionStorage.getItem('desk.unsent') === null");
        await desk.Page.Keyboard.PressAsync("Escape");
        await DeskKeys.JudgeAsync(desk, "2", 2);
        desk.Problems.ShouldBeEmpty();
    }

    [Fact]
    public async Task After_a_restart_of_the_server_the_page_comes_back_by_itself_with_the_draft_and_repeats_no_judgment()
    {
        await using var app = await WebApp.StartAsync();
        var annotator = await SeatAsync(app);
        await using var desk = await browser.OpenAsync(app, annotator);
        await desk.GoAsync("/");
        await DeskKeys.JudgeAsync(desk, "1", 1);
        await DeskKeys.ComparisonOnScreenAsync(desk);
        var onScreen = await ComparisonAsync(desk);
        await desk.Page.Keyboard.PressAsync("c");
        await desk.Page.Keyboard.TypeAsync("half a thought");
        await desk.Page.EvaluateAsync("delete document.documentElement.dataset.ready");

        await app.RestartAsync();

        await Expect(desk.Page.Locator("html[data-ready=true]")).ToBeAttachedAsync(new() { Timeout = Patience });
        await DeskKeys.ComparisonOnScreenAsync(desk);
        (await ComparisonAsync(desk)).ShouldBe(onScreen);
        await desk.Page.Keyboard.PressAsync("c");
        await Expect(desk.Page.GetByLabel("Comment", new() { Exact = true })).ToHaveValueAsync("half a thought");
        await desk.Page.Keyboard.PressAsync("Escape");
        await DeskKeys.JudgeAsync(desk, "2", 2);
        (await JudgmentsAsync(app)).ShouldBe(2);
    }

    [Fact]
    public async Task What_was_typed_just_before_the_server_went_away_and_never_arrived_is_there_when_it_is_back()
    {
        await using var app = await WebApp.StartAsync();
        await using var desk = await browser.OpenAsync(app, await SeatAsync(app));
        var wire = await OneJudgedAsync(desk);
        await desk.Page.Keyboard.PressAsync("c");
        await desk.Page.Keyboard.TypeAsync("half a ");
        wire.FallSilent();
        await desk.Page.Keyboard.TypeAsync("thought");
        await desk.Page.EvaluateAsync("delete document.documentElement.dataset.ready");

        await app.StopAsync();
        wire.Lose();
        await app.InitializeAsync();

        await Expect(desk.Page.Locator("html[data-ready=true]")).ToBeAttachedAsync(new() { Timeout = Patience });
        await DeskKeys.ComparisonOnScreenAsync(desk);
        await desk.Page.Keyboard.PressAsync("c");
        await Expect(desk.Page.GetByLabel("Comment", new() { Exact = true })).ToHaveValueAsync("half a thought");
    }

    /// <summary>One comparison is judged, and the next on screen.</summary>
    /// <returns>What carries the page's messages from here on.</returns>
    private static async Task<Wire> OneJudgedAsync(TestPage desk)
    {
        var wire = await Wire.OfAsync(desk);
        await desk.GoAsync("/");
        await DeskKeys.JudgeAsync(desk, "1", 1);
        await DeskKeys.ComparisonOnScreenAsync(desk);
        return wire;
    }

    private static async Task<TestPerson> SeatAsync(WebApp app)
    {
        await using var db = app.OpenDb();
        db.AddComparisons(db.StarterStudy().Id, 5);
        return await app.CreateAnnotatorAsync();
    }

    private static async Task<string> ComparisonAsync(TestPage desk) => (await desk.Page.Locator(".desk").GetAttributeAsync("data-comparison"))!;

    private static async Task<int> JudgmentsAsync(WebApp app)
    {
        await using var db = app.OpenDb();
        return await db.Judgments.CountAsync();
    }
}

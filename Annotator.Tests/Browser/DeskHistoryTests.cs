using Annotator.Web.Data;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Annotator.Tests.Browser;

/// <summary>A second look at one's own answers.</summary>
public sealed class DeskHistoryTests(DeskApp desks, Fixtures.Browser browser)
{
    [Fact]
    public async Task An_answer_from_the_history_is_answered_anew_and_nothing_is_overwritten()
    {
        await using var desk = await desks.SitDownAsync(browser, "reviser", task => task with { AsksStrength = true });
        var texts = await desk.SidesAsync();
        await desk.PressAsync("c");
        await desk.Keys.TypeAsync("hasty");
        await desk.JudgeAsync("Escape", "1", "1");
        await desk.JudgeAsync("t");

        await desk.PressAsync("h");
        await desk.Page.GetByRole(AriaRole.Link, new() { Name = "Change this answer: 1 is slightly better" }).ClickAsync();
        await Expect(desk.Group("A second look")).ToContainTextAsync("You look at an earlier answer again: 1 is slightly better.");
        await desk.ReadyAsync();
        (await desk.SidesAsync()).ShouldBe(texts);
        await Expect(desk.Comment).ToHaveValueAsync("hasty");
        await desk.ShouldFindNothingAsync("a second look");
        await desk.PressAsync("ArrowRight", "3");

        var changed = desk.Judged.Filter(new() { HasText = "2 is much better" });
        await Expect(changed).ToContainTextAsync("changed");
        await Expect(changed).ToContainTextAsync("hasty");
        await Expect(changed).ToBeFocusedAsync();
        await Expect(desk.Judged).ToHaveCountAsync(2);
        await desk.ShouldFindNothingAsync("the history");
        var rows = await desk.JudgmentsAsync();
        rows.Select(j => (j.IsSuperseded, j.Strength)).ShouldBe([(true, 1), (false, null), (false, 3)]);
        rows[2].SupersedesId.ShouldBe(rows[0].Id);
        desk.Problems.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_second_look_may_leave_everything_as_it_is()
    {
        await using var desk = await desks.SitDownAsync(browser, "content");
        await desk.JudgeAsync("b");
        var onScreen = await desk.ComparisonAsync();
        await desk.PressAsync("h");
        await desk.Page.GetByRole(AriaRole.Link, new() { Name = "Change this answer: Both bad" }).ClickAsync();
        await Expect(desk.Group("A second look")).ToBeVisibleAsync();
        await desk.ReadyAsync();

        await desk.PressAsync("Escape");

        await Expect(desk.Judged).ToContainTextAsync("Both bad");
        await Expect(desk.Page.GetByRole(AriaRole.Link, new() { Name = "Go on esc" })).ToBeVisibleAsync();
        await Expect(desk.Page.Locator("[data-keys-ready]")).ToBeAttachedAsync();
        await desk.PressAsync("Escape");
        await Expect(desk.Root).ToHaveAttributeAsync("data-comparison", onScreen);
        (await desk.JudgmentsAsync()).ShouldHaveSingleItem().Verdict.ShouldBe(Verdict.BothBad);
    }
}

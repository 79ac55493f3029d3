using Annotator.Web.Data;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Annotator.Tests.Browser;

/// <summary>The desk without a mouse.</summary>
public sealed class DeskKeyboardTests(DeskApp desks, Fixtures.Browser browser)
{
    [Fact]
    public async Task The_whole_desk_is_driven_by_keyboard_alone()
    {
        await using var desk = await desks.SitDownAsync(browser,
            "keys-only", task => task with { AsksStrength = true, ReasonChips = ["Clearer", "Truer"] }, comparisons: 8,
            fill: (db, study) => db.AddComparison(study, "", ConversationTests.Turns, ConversationTests.WithCode, ConversationTests.WithFormula));
        var guidelines = desk.Page.GetByRole(AriaRole.Complementary, new() { Name = "Guidelines" });
        var keys = desk.Page.GetByRole(AriaRole.Dialog, new() { Name = "Keys" });

        // Look around: keys, guidelines, the whole prompt, raw text.
        await desk.PressAsync("?");
        await Expect(keys).ToBeVisibleAsync();
        await desk.PressAsync("Escape");
        await Expect(keys).ToBeHiddenAsync();
        await desk.PressAsync("g");
        await Expect(guidelines).ToBeVisibleAsync();
        await desk.PressAsync("g", "p");
        await Expect(desk.Page.Locator(".role")).ToHaveCountAsync(4);
        await desk.PressAsync("r");
        await Expect(desk.Page.GetByRole(AriaRole.Button, new() { Name = "Raw text" })).ToHaveAttributeAsync("aria-pressed", "true");
        await desk.PressAsync("r");

        // Say everything there is to say, and answer with strength and reason.
        await desk.PressAsync("c");
        await desk.Keys.TypeAsync("1 tells more, but 2 is kind");
        await desk.PressAsync("Escape", "f", "2", "Escape", "e", "1");
        await Expect(desk.Page.GetByLabel("My version of response 1")).ToBeFocusedAsync();
        await desk.PressAsync("Control+End");
        await desk.Keys.TypeAsync(" The end.");
        await desk.JudgeAsync("Escape", "ArrowLeft", "3", "2", "Enter");

        // The other answers, and back again.
        await desk.JudgeAsync("t");
        await desk.JudgeAsync("b");
        await desk.JudgeAsync("s", "4");
        await desk.PressAsync("u");
        await Expect(desk.Page.Locator("[data-live=notice]")).ToHaveTextAsync("Undone: Skipped");
        await desk.JudgeAsync("2", "2", "Enter");

        // By Tab to a button, as anywhere.
        await desk.Page.GetByRole(AriaRole.Button, new() { Name = "Both bad" }).FocusAsync();
        await desk.JudgeAsync("Enter");

        // The history, where the second one is changed by Tab and Enter.
        await desk.PressAsync("h");
        var change = desk.Page.GetByRole(AriaRole.Link, new() { Name = "Change this answer: Tie" });
        await Expect(change).ToBeVisibleAsync();
        await TabToAsync(desk, change);
        await desk.PressAsync("Enter");
        await Expect(desk.Group("A second look")).ToBeVisibleAsync();
        await desk.ReadyAsync();
        await desk.PressAsync("ArrowRight", "1", "Enter");
        await Expect(desk.Judged.Filter(new() { HasText = "2 is slightly better" })).ToBeFocusedAsync();

        var standing = (await desk.JudgmentsAsync()).Where(j => !j.IsSuperseded && j.Verdict != Verdict.Withdrawn).OrderBy(j => j.ComparisonId == 0).ToList();
        standing.Count.ShouldBe(5);
        standing.ShouldContain(j => j.Strength == 3 && j.Reasons.Contains("Truer") && j.Comment == "1 tells more, but 2 is kind" && j.Flags != null);
        standing.ShouldContain(j => j.Strength == 1 && j.SupersedesId != null);
        standing.Count(j => j.Verdict == Verdict.BothBad).ShouldBe(2);
        desk.Problems.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_key_pressed_at_once_after_the_list_of_keys_was_closed_is_heard()
    {
        await using var desk = await desks.SitDownAsync(browser, "hasty");
        await desk.PressAsync("?");
        await desk.Page.EvaluateAsync("""
            () => {
              document.querySelector('dialog[data-keys]').close();
              document.activeElement.dispatchEvent(new KeyboardEvent('keydown', { code: 'KeyG', key: 'g', bubbles: true }));
            }
            """);
        await Expect(desk.Page.GetByRole(AriaRole.Complementary, new() { Name = "Guidelines" })).ToBeVisibleAsync();
    }

    [Fact]
    public async Task Every_control_of_the_desk_is_reached_by_Tab_and_shows_that_it_has_the_focus()
    {
        await using var desk = await desks.SitDownAsync(browser, "tabber");
        var reached = new List<string>();
        for (var i = 0; i < 40; i++)
        {
            await desk.PressAsync("Tab");
            var (name, outline) = await FocusedAsync(desk);
            reached.Add(name);
            outline.ShouldBe("solid", name);
        }

        foreach (var name in new[] { "1 is better", "2 is better", "Tie", "Both bad", "Undo", "Skip", "Comment", "Edit", "Flag", "Raw text", "History", "Guidelines", "Keys" })
        {
            reached.ShouldContain(text => text.Contains(name, StringComparison.Ordinal), name);
        }
    }

    [Fact]
    public async Task A_screen_reader_hears_the_next_comparison_and_names_for_everything()
    {
        await using var desk = await desks.SitDownAsync(browser, "listener", comparisons: 1, fill: (db, study) => db.AddComparison(study, "Once upon a time", null, " there was a king.", " no more."));
        var live = desk.Page.Locator("[data-live=next]");

        await Expect(live).ToHaveAttributeAsync("role", "status");
        await Expect(live).ToHaveTextAsync("Comparison: Once upon a time");
        await Expect(desk.Page.GetByRole(AriaRole.Article, new() { Name = "Response 1" })).ToBeVisibleAsync();
        await Expect(desk.Page.GetByRole(AriaRole.Region, new() { Name = "Text of response 2" })).ToBeVisibleAsync();
        await Expect(desk.Page.GetByRole(AriaRole.Region, new() { Name = "Prompt" })).ToBeVisibleAsync();
        await desk.JudgeAsync("1");
        await Expect(live).ToHaveTextAsync("Next comparison: I went in expecting");
        await desk.JudgeAsync("1");
        await Expect(live).ToHaveTextAsync("There is nothing to judge at the moment.");
    }

    [Fact]
    public async Task On_a_small_phone_the_choices_are_big_and_nothing_needs_a_swipe()
    {
        await using var desk = await desks.SitDownAsync(browser, "small-phone", options: new() { ViewportSize = new() { Width = 360, Height = 640 }, HasTouch = true, IsMobile = true });

        foreach (var button in await desk.Page.Locator(".bar button:visible, .top button:visible, .top a:visible").AllAsync())
        {
            var box = (await button.BoundingBoxAsync())!;
            box.Height.ShouldBeGreaterThanOrEqualTo(44, await button.InnerTextAsync());
            (box.X + box.Width).ShouldBeLessThanOrEqualTo(361, await button.InnerTextAsync());
        }

        await desk.Page.GetByRole(AriaRole.Button, new() { Name = "2 is better" }).TapAsync();
        await Expect(desk.Progress.Locator("strong").First).ToHaveTextAsync("1");
        (await desk.Page.EvaluateAsync<bool>("() => document.documentElement.scrollWidth <= innerWidth")).ShouldBeTrue();
    }

    private static async Task TabToAsync(DeskScreen desk, ILocator target)
    {
        for (var i = 0; i < 60; i++)
        {
            if (await target.EvaluateAsync<bool>("element => element === document.activeElement"))
            {
                return;
            }

            await desk.PressAsync("Tab");
        }

        Assert.Fail("Tab did not come to it.");
    }

    private static async Task<(string Name, string Outline)> FocusedAsync(DeskScreen desk)
    {
        var found = await desk.Page.EvaluateAsync<string[]>("() => { const e = document.activeElement, s = getComputedStyle(e); return [e.innerText ?? '', e.closest('.desk') ? s.outlineStyle : 'solid']; }");
        return (found[0], found[1]);
    }
}

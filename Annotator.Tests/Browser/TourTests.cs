using Annotator.Tests.Fixtures;
using Microsoft.EntityFrameworkCore;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Annotator.Tests.Browser;

public sealed class TourTests(WebApp app, Fixtures.Browser browser) : IClassFixture<WebApp>
{
    [Fact]
    public async Task A_first_visit_to_the_desk_begins_with_a_tour_by_keyboard_that_writes_nothing_down()
    {
        await using var page = await ArriveAsync("first-visit");
        await GoAsync(page, "/");

        await Expect(page.Page.Locator("h1")).ToHaveTextAsync("Read both, then choose the better one");
        await page.Page.Keyboard.PressAsync("2");
        await Expect(Said(page)).ToContainTextAsync("You prefer the second");
        await NextAsync(page, "Not every pair has a better one");
        await Expect(page.Page.Locator("h1")).ToBeFocusedAsync();
        await page.Page.Keyboard.PressAsync("b");
        await Expect(Said(page)).ToContainTextAsync("Both bad");
        await NextAsync(page, "Nothing is final");
        await page.Page.Keyboard.PressAsync("u");
        await Expect(Said(page)).ToContainTextAsync("Undone");
        await page.Page.GetByRole(AriaRole.Link, new() { Name = "Start annotating" }).FocusAsync();
        await page.Page.Keyboard.PressAsync("Enter");
        await DeskKeys.ComparisonOnScreenAsync(page);

        // It is over for good, on this and every other device.
        await page.GoAsync("/");
        await DeskKeys.ComparisonOnScreenAsync(page);
        await using var db = app.OpenDb();
        (await db.Judgments.CountAsync(j => j.Annotator!.UserName == "first-visit", TestContext.Current.CancellationToken)).ShouldBe(0);
        page.Problems.ShouldBeEmpty();
    }

    [Fact]
    public async Task The_tour_can_be_left_at_once_and_opened_again_from_the_menu()
    {
        await using var page = await ArriveAsync("leaves");
        await GoAsync(page, "/");
        await Expect(page.Page.GetByText("step 1 of 3")).ToBeVisibleAsync();

        await page.Page.Keyboard.PressAsync("Escape");
        await DeskKeys.ComparisonOnScreenAsync(page);

        await page.Page.GetByRole(AriaRole.Button, new() { Name = "Account of leaves" }).ClickAsync();
        await page.Page.GetByRole(AriaRole.Link, new() { Name = "A short tour" }).ClickAsync();
        await Expect(page.Page.GetByText("step 1 of 3")).ToBeVisibleAsync();
    }

    [Fact]
    public async Task The_tour_and_the_desk_may_be_left_before_their_scripts_arrive()
    {
        await using var page = await ArriveAsync("hurries");
        var (tourArrives, deskArrives) = (new TaskCompletionSource(), new TaskCompletionSource());
        await HoldAsync(page, "keys", tourArrives.Task);
        await page.GoAsync("/");
        await page.Page.GetByRole(AriaRole.Link, new() { Name = "Leave the tour" }).ClickAsync();
        await DeskKeys.ComparisonOnScreenAsync(page);
        await ArriveAsync(page, "/keys.", tourArrives);
        await DeskKeys.JudgeAsync(page, "ArrowLeft", 1);

        await HoldAsync(page, "DeskPage", deskArrives.Task);
        await page.GoAsync("/");
        await page.Page.GetByRole(AriaRole.Link, new() { Name = "My work" }).ClickAsync();
        await Expect(page.Page.Locator("h1")).ToHaveTextAsync("My work");
        await ArriveAsync(page, "DeskPage", deskArrives);
        await page.Page.GetByRole(AriaRole.Link, new() { Name = "Annotate", Exact = true }).ClickAsync();
        await DeskKeys.JudgeAsync(page, "ArrowLeft", 2);
        page.Problems.ShouldBeEmpty();
    }

    [Fact]
    public async Task Axe_finds_nothing_in_any_step()
    {
        await using var page = await ArriveAsync("axe");
        await GoAsync(page, "/tour");
        await page.ShouldFindNothingInBothThemesAndSizesAsync("the tour's first step");
        await page.Page.Keyboard.PressAsync("1");
        await Expect(Said(page)).ToContainTextAsync("You prefer the first");
        await page.ShouldFindNothingInBothThemesAndSizesAsync("the tour's first step, answered");
        await NextAsync(page, "Not every pair has a better one");
        await NextAsync(page, "Nothing is final");
        await page.ShouldFindNothingInBothThemesAndSizesAsync("the tour's last step");
    }

    /// <summary>From now on the page's script arrives when told.</summary>
    private static async Task HoldAsync(TestPage page, string script, Task arrives) => await page.Page.RouteAsync($"**/{script}*.js", async route =>
    {
        await arrives;
        await route.ContinueAsync();
    });

    private static async Task ArriveAsync(TestPage page, string script, TaskCompletionSource arrives) => await page.Page.RunAndWaitForRequestFinishedAsync(
        () =>
        {
            arrives.SetResult();
            return Task.CompletedTask;
        },
        new() { Predicate = request => request.Url.Contains(script, StringComparison.Ordinal) });

    /// <summary>Goes where the tour is and waits until it hears keys.</summary>
    private static async Task GoAsync(TestPage page, string path)
    {
        await page.GoAsync(path);
        await Expect(page.Page.Locator("[data-keys-ready]")).ToBeAttachedAsync();
    }

    /// <summary>What the tour answers to a key; the shell has a status of its own, about the connection.</summary>
    private static ILocator Said(TestPage page) => page.Page.GetByRole(AriaRole.Main).GetByRole(AriaRole.Status);

    private static async Task NextAsync(TestPage page, string title)
    {
        await page.Page.GetByRole(AriaRole.Button, new() { Name = "Next" }).ClickAsync();
        await Expect(page.Page.Locator("h1")).ToHaveTextAsync(title);
    }

    private async Task<TestPage> ArriveAsync(string userName)
    {
        var annotator = await app.CreateAnnotatorAsync(userName);
        await using var db = app.OpenDb();
        await db.Users.Where(p => p.Id == annotator.Current.Id).ExecuteUpdateAsync(set => set.SetProperty(p => p.TourSeenAt, (DateTime?)null));
        db.AddComparisons(db.StarterStudy().Id, 3);
        return await browser.OpenAsync(app, annotator);
    }
}

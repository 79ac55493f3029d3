using System.Diagnostics;
using Annotator.Tests.Fixtures;
using Microsoft.EntityFrameworkCore;
using Microsoft.Playwright;

namespace Annotator.Tests.Browser;

public sealed class ShellTests(WebApp app, Fixtures.Browser browser) : IClassFixture<WebApp>
{
    [Fact]
    public async Task A_page_comes_alive_in_the_chosen_theme_and_breaks_no_policy()
    {
        var admin = await app.CreateAdminAsync();
        await using var page = await browser.OpenAsync(app, admin);

        await page.GoAsync("/people");
        await Assertions.Expect(page.Page.Locator("h1")).ToHaveTextAsync("People");
        // By keyboard, as the mouse is the easier case.
        await page.Page.GetByRole(AriaRole.Button, new() { Name = "Account of ada" }).FocusAsync();
        await page.Page.Keyboard.PressAsync("Enter");
        await page.Page.GetByRole(AriaRole.Button, new() { Name = "Dark" }).ClickAsync();
        await Assertions.Expect(page.Page.Locator("html[data-theme=dark]")).ToBeAttachedAsync();

        await page.GoAsync("/people");
        await Assertions.Expect(page.Page.Locator("html[data-theme=dark]")).ToBeAttachedAsync();
        page.Problems.ShouldBeEmpty();
    }

    [Fact]
    public async Task With_the_systems_theme_a_page_follows_when_the_system_changes()
    {
        await using var page = await browser.OpenAsync(app, await app.CreateAdminAsync("system"));
        await page.GoAsync("/people");
        await page.Page.EmulateMediaAsync(new() { ColorScheme = ColorScheme.Dark });
        await Assertions.Expect(page.Page.Locator("html[data-theme=dark]")).ToBeAttachedAsync();
        await page.Page.EmulateMediaAsync(new() { ColorScheme = ColorScheme.Light });
        await Assertions.Expect(page.Page.Locator("html[data-theme=light]")).ToBeAttachedAsync();
    }

    [Theory]
    [InlineData("/")]
    [InlineData("/tour")]
    [InlineData("/rounds")]
    public async Task With_reduced_motion_nothing_moves(string path)
    {
        await using (var db = app.OpenDb())
        {
            await db.Comparisons.ExecuteUpdateAsync(set => set.SetProperty(c => c.RetiredAt, DateTime.UtcNow), TestContext.Current.CancellationToken);
        }

        await using var page = await browser.OpenAsync(app, await app.CreateAdminAsync($"calm{path[1..]}"), new() { ReducedMotion = ReducedMotion.Reduce });
        await page.GoAsync(path);
        await Assertions.Expect(page.Page.Locator("h1").First).ToBeAttachedAsync();

        (await page.Page.EvaluateAsync<string[]>(
            "() => document.getAnimations().filter(a => a.playState === 'running' && a.effect.getComputedTiming().duration > 1).map(a => a.animationName ?? a.transitionProperty)"))
            .ShouldBeEmpty();
    }

    [Fact]
    public async Task On_a_phone_the_rooms_are_in_a_drawer_that_closes_behind_one()
    {
        await using var page = await browser.OpenAsync(app, await app.CreateAdminAsync("phone"), new() { ViewportSize = new() { Width = 390, Height = 844 } });
        await page.GoAsync("/study");

        await page.Page.GetByRole(AriaRole.Button, new() { Name = "Menu", Exact = true }).ClickAsync();
        await page.Page.GetByRole(AriaRole.Link, new() { Name = "People" }).ClickAsync();

        await Assertions.Expect(page.Page.Locator("h1")).ToHaveTextAsync("People");
        await Assertions.Expect(page.Page.Locator(".mud-drawer--open")).ToHaveCountAsync(0);
        var width = await page.Page.Locator("body").EvaluateAsync<int>("body => body.scrollWidth");
        width.ShouldBeLessThanOrEqualTo(390);
    }

    [Fact]
    public async Task A_lost_server_is_told_in_a_quiet_line_and_the_page_comes_back_with_it()
    {
        await using var own = await WebApp.StartAsync();
        await using var page = await browser.OpenAsync(own, await own.CreateAdminAsync());
        await page.GoAsync("/people");

        var stopping = Stopwatch.StartNew();
        await own.StopAsync();
        stopping.Elapsed.ShouldBeLessThan(TimeSpan.FromSeconds(15), "the open page held the app up");

        var banner = page.Page.Locator("#components-reconnect-modal");
        await Assertions.Expect(banner).ToBeVisibleAsync();
        await Assertions.Expect(banner).ToContainTextAsync("nothing you confirmed is lost");
        (await banner.BoundingBoxAsync())!.Height.ShouldBeLessThan(100);
        // The ready mark goes with the old page: the new one must earn its own.
        await page.Page.EvaluateAsync("delete document.documentElement.dataset.ready");
        await own.InitializeAsync();
        await Assertions.Expect(page.Page.Locator("html[data-ready=true]")).ToBeAttachedAsync(new() { Timeout = 60_000 });
    }
}

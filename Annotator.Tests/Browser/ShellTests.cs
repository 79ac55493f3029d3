using Annotator.Tests.Fixtures;
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
}

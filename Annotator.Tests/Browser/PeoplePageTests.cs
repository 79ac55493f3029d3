using Annotator.Tests.Fixtures;
using Microsoft.Playwright;

namespace Annotator.Tests.Browser;

public sealed class PeoplePageTests(WebApp app, Fixtures.Browser browser) : IClassFixture<WebApp>
{
    [Fact]
    public async Task An_admin_makes_an_account_and_its_owner_signs_in_with_the_password_shown_once()
    {
        var admin = await app.CreateAdminAsync();
        await using var page = await browser.OpenAsync(app, admin);
        await page.GoAsync("/people");
        await page.Page.GetByRole(AriaRole.Button, new() { Name = "New person" }).ClickAsync();
        await page.Page.GetByLabel("User name").FillAsync("grace");
        await page.Page.GetByRole(AriaRole.Button, new() { Name = "Create" }).ClickAsync();
        var password = await page.Page.GetByTestId("one-time-password").InnerTextAsync();
        // It is shown only once: a slip of the finger must not close it.
        await page.Page.Keyboard.PressAsync("Escape");
        await page.Page.GetByRole(AriaRole.Button, new() { Name = "Done" }).ClickAsync();
        await Assertions.Expect(page.Page.GetByRole(AriaRole.Row, new() { Name = "grace" })).ToContainTextAsync("one-time password");
        page.Problems.ShouldBeEmpty();

        await using var other = await browser.OpenAsync(app);
        await other.Page.GotoAsync(new Uri(app.Url, "/people").ToString());
        await other.Page.GetByLabel("User name").FillAsync("grace");
        await other.Page.GetByLabel("Password").FillAsync(password);
        await other.Page.Keyboard.PressAsync("Enter");
        await Assertions.Expect(other.Page.Locator("h1")).ToHaveTextAsync("Choose your password");
        await other.Page.GetByLabel("One-time password").FillAsync(password);
        await other.Page.GetByLabel("New password", new() { Exact = true }).FillAsync("a password of my own");
        await other.Page.GetByLabel("New password again").FillAsync("a password of my own");
        await other.Page.Keyboard.PressAsync("Enter");
        await other.ReadyAsync();
        await Assertions.Expect(other.Page.GetByRole(AriaRole.Link, new() { Name = "People" })).ToHaveCountAsync(0);
        await Assertions.Expect(other.Page.GetByRole(AriaRole.Link, new() { Name = "Annotate" })).ToBeVisibleAsync();
        other.Problems.ShouldBeEmpty();
    }
}

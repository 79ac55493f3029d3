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

    [Fact]
    public async Task An_admin_invites_a_viewer_by_link_who_looks_at_everything_and_finds_nothing_to_change()
    {
        await using (var db = app.OpenDb())
        {
            db.StarterStudy();
        }

        var admin = await app.CreateAdminAsync("inviting");
        await using var page = await browser.OpenAsync(app, admin);
        await page.GoAsync("/people");
        await page.Page.GetByRole(AriaRole.Button, new() { Name = "Invite by link" }).ClickAsync();
        await page.Page.GetByText("sees rounds, the dataset and statistics").ClickAsync();
        await page.Page.GetByLabel("It works for").SelectOptionAsync("1");
        await page.ShouldFindNothingInBothThemesAndSizesAsync("the dialog of an invitation");
        await page.Page.GetByRole(AriaRole.Button, new() { Name = "Make the link" }).ClickAsync();
        var link = await page.Page.GetByTestId("link").InnerTextAsync();
        await page.Page.GetByRole(AriaRole.Button, new() { Name = "Done" }).ClickAsync();
        await Assertions.Expect(page.Page.GetByTestId("links")).ToContainTextAsync("To join as viewer");
        await page.ShouldFindNothingInBothThemesAndSizesAsync("a link that is open");

        await using var other = await browser.OpenAsync(app);
        await other.Page.GotoAsync(link);
        await other.ShouldFindNothingInBothThemesAndSizesAsync("the page to join by");
        await other.Page.GetByLabel("User name").FillAsync("vera");
        await other.Page.GetByLabel("Password", new() { Exact = true }).FillAsync("a password of my own");
        await other.Page.GetByLabel("Password again").FillAsync("a password of my own");
        await other.Page.Keyboard.PressAsync("Enter");
        await other.ReadyAsync();
        await Assertions.Expect(other.Page.Locator("h1")).ToHaveTextAsync("Overview");
        await other.Page.GetByRole(AriaRole.Navigation, new() { Name = "Main" }).GetByRole(AriaRole.Link, new() { Name = "Rounds" }).ClickAsync();
        await Assertions.Expect(other.Page.Locator("h1")).ToHaveTextAsync("Rounds");
        await Assertions.Expect(other.Page.GetByRole(AriaRole.Heading, new() { Name = "Past rounds" })).ToBeVisibleAsync();
        await Assertions.Expect(other.Page.GetByTestId("start")).ToHaveCountAsync(0);
        await other.Page.GetByRole(AriaRole.Navigation, new() { Name = "Main" }).GetByRole(AriaRole.Link, new() { Name = "Dataset" }).ClickAsync();
        await Assertions.Expect(other.Page.Locator("h1")).ToHaveTextAsync("Dataset");
        await Assertions.Expect(other.Page.GetByRole(AriaRole.Link, new() { Name = "Files" })).ToBeVisibleAsync();
        await Assertions.Expect(other.Page.GetByRole(AriaRole.Link, new() { Name = "Import" })).ToHaveCountAsync(0);
        other.Problems.ShouldBeEmpty();

        await page.Page.ReloadAsync();
        await page.ReadyAsync();
        await Assertions.Expect(page.Page.GetByRole(AriaRole.Row, new() { Name = "vera" })).ToContainTextAsync("viewer");
        page.Problems.ShouldBeEmpty();
    }
}

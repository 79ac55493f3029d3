using Annotator.Tests.Fixtures;
using Annotator.Web.Data;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Annotator.Tests.Browser;

/// <summary>Every page that has no accessibility test beside its own: nothing of level moderate or above, in both themes, on desktop and phone.</summary>
public sealed class AxeTests(WebApp app, Fixtures.Browser browser) : IClassFixture<WebApp>
{
    [Fact]
    public async Task The_pages_without_a_circuit_are_for_everyone()
    {
        await using var own = await WebApp.StartAsync();
        await using var page = await browser.OpenAsync(own);
        foreach (var (path, title) in new[] { ("/sign-in", "Sign in"), ("/setup?token=none", "Another link"), ("/join?token=none", "This link no longer works"), ("/nothing/here", "Nothing here") })
        {
            await page.Page.GotoAsync(new Uri(own.Url, path).ToString());
            await Expect(page.Page.Locator("h1")).ToHaveTextAsync(title);
            await page.ShouldFindNothingInBothThemesAndSizesAsync(title);
        }

        var token = own.Services.GetRequiredService<Annotator.Web.Account.FirstAdmin>().IssueToken();
        await page.Page.GotoAsync(new Uri(own.Url, $"/setup?token={token}").ToString());
        await page.Page.GetByRole(AriaRole.Button, new() { Name = "Create the account" }).ClickAsync();
        await Expect(page.Page.GetByText("Choose a user name.")).ToBeVisibleAsync();
        await page.ShouldFindNothingInBothThemesAndSizesAsync("the setup page with mistakes");

        await using var signedIn = await browser.OpenAsync(own, await own.CreateAdminAsync());
        await signedIn.Page.GotoAsync(new Uri(own.Url, "/change-password").ToString());
        await Expect(signedIn.Page.Locator("h1")).ToHaveTextAsync("Change password");
        await signedIn.ShouldFindNothingInBothThemesAndSizesAsync("the page of a new password");
    }

    [Theory]
    [InlineData("/overview", "Overview")]
    [InlineData("/rounds", "Rounds")]
    [InlineData("/rounds/1", "Round 1")]
    [InlineData("/rounds/99", "No such round")]
    [InlineData("/dataset", "Dataset")]
    [InlineData("/dataset/files", "Files")]
    [InlineData("/dataset/comparisons/4711", "No such comparison")]
    [InlineData("/people/work", "People's work")]
    [InlineData("/dataset/import", "Import")]
    [InlineData("/study", "Study settings")]
    [InlineData("/policies", "Policies")]
    [InlineData("/policies/0", "Policy 0")]
    [InlineData("/policies/7", "No such policy")]
    [InlineData("/policies/explorer", "Let them write")]
    [InlineData("/evaluation", "Did it get better?")]
    [InlineData("/people", "People")]
    [InlineData("/administration/api", "API")]
    [InlineData("/administration/webhooks", "Webhooks")]
    [InlineData("/administration/audit", "Audit")]
    [InlineData("/administration/housekeeping", "Housekeeping")]
    [InlineData("/administration/api/live", "Live events")]
    public async Task A_page_of_the_studio_is_for_everyone(string path, string title)
    {
        var admin = await app.CreateAdminAsync($"ada{path.Replace("/", "")}");
        await AddARoundAsync(admin);
        await using var page = await browser.OpenAsync(app, admin);
        await page.GoAsync(path);
        await Expect(page.Page.Locator("h1")).ToContainTextAsync(title);

        await page.ShouldFindNothingInBothThemesAndSizesAsync(title);
    }

    [Fact]
    public async Task The_persons_menu_and_a_dialog_are_for_everyone()
    {
        await using var page = await browser.OpenAsync(app, await app.CreateAdminAsync("menu"));
        await page.GoAsync("/people");
        await page.Page.GetByRole(AriaRole.Button, new() { Name = "Account of menu" }).ClickAsync();
        await page.ShouldFindNothingInBothThemesAndSizesAsync("the person's menu");
        await page.Page.Keyboard.PressAsync("Escape");
        await page.Page.GetByRole(AriaRole.Button, new() { Name = "New person" }).ClickAsync();
        await Expect(page.Page.GetByRole(AriaRole.Dialog)).ToBeVisibleAsync();
        await page.ShouldFindNothingInBothThemesAndSizesAsync("a dialog");
    }

    private async Task AddARoundAsync(TestPerson admin)
    {
        await using var db = app.OpenDb();
        var study = db.StarterStudy();
        if (!await db.Rounds.AnyAsync(r => r.StudyId == study.Id))
        {
            db.Rounds.Add(new()
            {
                StudyId = study.Id, Number = 1, State = RoundState.Failed, DirectoryName = "none", Options = "{}", Init = RoundInit.Previous, Reference = RoundReference.Sft,
                Data = RoundData.All, StartedById = admin.Current.Id, CreatedAt = DateTime.UtcNow, FailureReason = "The disk is full: free some space and try again.",
            });
            await db.SaveChangesAsync();
        }
    }
}

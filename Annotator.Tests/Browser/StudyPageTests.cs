using Annotator.Tests.Fixtures;
using Microsoft.Playwright;

namespace Annotator.Tests.Browser;

public sealed class StudyPageTests(WebApp app, Fixtures.Browser browser) : IClassFixture<WebApp>
{
    [Fact]
    public async Task Guidelines_are_seen_as_they_are_written_and_saved_as_the_next_version()
    {
        await using var page = await browser.OpenAsync(app, await app.CreateAdminAsync());
        await page.GoAsync("/study");
        var save = page.Page.GetByRole(AriaRole.Button, new() { Name = "Save" });
        await Assertions.Expect(save).ToBeDisabledAsync();

        await page.Page.GetByLabel("Guidelines, Markdown").FillAsync("Prefer the **shorter** one. <script>alert(1)</script>");

        var preview = page.Page.GetByRole(AriaRole.Region, new() { Name = "Preview" });
        await Assertions.Expect(preview).ToContainTextAsync("Prefer the shorter one. <script>alert(1)</script>");
        await Assertions.Expect(preview.Locator("strong")).ToHaveTextAsync("shorter");
        await save.ClickAsync();
        await Assertions.Expect(page.Page.GetByText("Version 2 ·")).ToBeVisibleAsync();
        await Assertions.Expect(save).ToBeDisabledAsync();

        await page.Page.GetByLabel("Temperature").FillAsync("3");
        await Assertions.Expect(page.Page.GetByRole(AriaRole.Alert).Filter(new() { HasNotText = "Saved" })).ToContainTextAsync("temperature must be above 0 and at most 2");
        page.Problems.ShouldBeEmpty();
    }
}

using Annotator.Tests.Fixtures;
using Microsoft.EntityFrameworkCore;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Annotator.Tests.Browser;

/// <summary>An admin chooses a study once, on any page, and stays with it.</summary>
public sealed class StudyChooserTests(WebApp app, Fixtures.Browser browser) : IClassFixture<WebApp>
{
    [Fact]
    public async Task The_chosen_study_stays_chosen_from_page_to_page_and_after_a_reload()
    {
        var id = await app.AddStudyAsync(prompts: 1);
        await using var page = await browser.OpenAsync(app, await app.CreateAdminAsync());
        await page.GoAsync("/rounds");
        var chooser = page.Page.Locator(".study-chooser input");
        await Expect(chooser).ToHaveValueAsync("Film reviews");

        await chooser.ClickAsync();
        await page.Page.GetByRole(AriaRole.Option, new() { Name = "A study" }).ClickAsync();
        await Expect(page.Page).ToHaveURLAsync($"{app.Url}rounds?study={id}");
        await Expect(chooser).ToHaveValueAsync("A study");

        await page.Page.GetByRole(AriaRole.Navigation).GetByRole(AriaRole.Link, new() { Name = "Dataset" }).ClickAsync();
        await Expect(page.Page.Locator("h1")).ToHaveTextAsync("Dataset");
        await Expect(chooser).ToHaveValueAsync("A study");

        await page.GoAsync("/study");
        await Expect(chooser).ToHaveValueAsync("A study");
        await Expect(page.Page.GetByLabel("Name of the study")).ToHaveValueAsync("A study");
        await page.ShouldFindNothingInBothThemesAndSizesAsync("a page with a choice of studies");
        page.Problems.ShouldBeEmpty();
    }

    [Fact]
    public async Task An_address_names_its_study_and_where_there_is_one_study_there_is_no_choice()
    {
        await using var own = await WebApp.StartAsync();
        await using var page = await browser.OpenAsync(own, await own.CreateAdminAsync());
        await page.GoAsync("/study");
        await Expect(page.Page.GetByLabel("Name of the study")).ToHaveValueAsync("Film reviews");
        await Expect(page.Page.Locator(".study-chooser")).ToHaveCountAsync(0);

        var id = await own.AddStudyAsync(prompts: 1);
        await page.GoAsync($"/study?study={id}");
        await Expect(page.Page.GetByLabel("Name of the study")).ToHaveValueAsync("A study");
        await using var db = own.OpenDb();
        await db.Studies.Where(s => s.Id == id).ExecuteUpdateAsync(set => set.SetProperty(s => s.IsArchived, true), TestContext.Current.CancellationToken);
        await page.GoAsync("/study");
        await page.Page.Locator(".study-chooser input").ClickAsync();
        await Expect(page.Page.GetByRole(AriaRole.Option).Last).ToHaveTextAsync("A study (archived)");
    }
}

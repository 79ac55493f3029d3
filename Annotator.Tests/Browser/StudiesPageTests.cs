using Annotator.Tests.Fixtures;
using Annotator.Web.Live;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Annotator.Tests.Browser;

public sealed class StudiesPageTests(Fixtures.Browser browser)
{
    [Fact]
    public async Task Of_several_studies_one_is_chosen_with_its_own_progress_and_remembered()
    {
        await using var app = await WebApp.StartAsync();
        await AddKitchenAsync(app);
        await using var page = await browser.OpenAsync(app, await app.CreateAnnotatorAsync());

        await page.GoAsync("/");
        await Expect(page.Page.Locator("h1")).ToHaveTextAsync("What would you like to annotate?");
        await page.Page.GetByRole(AriaRole.Link, new() { Name = "Help in the kitchen" }).ClickAsync();
        await DeskKeys.JudgeAsync(page, "1", 1);
        await DeskKeys.JudgeAsync(page, "2", 2);

        // The next time it is where one was.
        await page.GoAsync("/");
        await DeskKeys.ComparisonOnScreenAsync(page);
        await Expect(page.Page.Locator(".progress strong").Last).ToHaveTextAsync("2");

        await page.Page.GetByRole(AriaRole.Link, new() { Name = "Help in the kitchen" }).ClickAsync();
        var kitchen = page.Page.GetByRole(AriaRole.Listitem).Filter(new() { HasText = "Help in the kitchen" });
        await Expect(kitchen).ToContainTextAsync("2 of 20 today");
        await Expect(page.Page.GetByRole(AriaRole.Listitem).Filter(new() { HasText = "Film reviews" })).ToContainTextAsync("0 today");
        await page.ShouldFindNothingInBothThemesAndSizesAsync("the choice of a study");

        // Work that comes shows by itself.
        var films = page.Page.GetByRole(AriaRole.Listitem).Filter(new() { HasText = "Film reviews" });
        await Expect(films).ToContainTextAsync("Nothing to judge at the moment");
        await using (var db = app.OpenDb())
        {
            var study = db.StarterStudy().Id;
            var fresh = db.AddComparisons(study, 2);
            app.Services.GetRequiredService<LiveFeed>().Publish(new FreshResponsesReady(study, 0, [.. fresh.Select(c => c.Id)]));
        }

        await Expect(films).ToContainTextAsync("Ready");
        page.Problems.ShouldBeEmpty();
    }

    [Fact]
    public async Task With_one_study_nobody_is_asked_and_with_none_the_page_says_what_comes_next()
    {
        await using var app = await WebApp.StartAsync();
        await using (var db = app.OpenDb())
        {
            db.AddComparisons(db.StarterStudy().Id, 1);
        }

        await using var page = await browser.OpenAsync(app, await app.CreateAnnotatorAsync());
        await page.GoAsync("/");
        await DeskKeys.ComparisonOnScreenAsync(page);
        await Expect(page.Page.GetByRole(AriaRole.Link, new() { Name = "Film reviews" })).ToHaveCountAsync(0);

        await using (var db = app.OpenDb())
        {
            await db.Studies.ExecuteUpdateAsync(set => set.SetProperty(s => s.IsArchived, true), TestContext.Current.CancellationToken);
        }

        foreach (var path in new[] { "/", "/studies", "/history" })
        {
            await page.GoAsync(path);
            await Expect(page.Page.GetByRole(AriaRole.Heading, new() { Name = "There is no study yet" })).ToBeVisibleAsync();
        }

        await page.ShouldFindNothingInBothThemesAndSizesAsync("no study");
        page.Problems.ShouldBeEmpty();
    }

    private static async Task AddKitchenAsync(WebApp app)
    {
        await using var db = app.OpenDb();
        db.StarterStudy();
        var kitchen = db.AddStudy();
        (kitchen.Name, kitchen.Task) = ("Help in the kitchen", kitchen.Task with { DailyTarget = 20 });
        await db.SaveChangesAsync();
        db.AddComparisons(kitchen.Id, 4);
    }
}

using Annotator.Tests.Fixtures;
using Annotator.Web.Annotating;
using Annotator.Web.Data;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Annotator.Tests.Browser;

/// <summary>An admin makes a judged comparison gold on a page, gives it another answer, and takes it back.</summary>
public sealed class GoldPageTests(WebApp app, Fixtures.Browser browser) : IClassFixture<WebApp>
{
    private static readonly CancellationToken Cancel = TestContext.Current.CancellationToken;

    [Fact]
    public async Task What_people_have_judged_becomes_gold_by_one_click()
    {
        var (admin, ben) = (await app.CreateAdminAsync(), await app.CreateAnnotatorAsync());
        long study;
        await using (var db = app.OpenDb())
        {
            study = db.StarterStudy().Id;
            db.AddComparisons(study, 2);
        }

        var (desk, seat) = (app.Services.GetRequiredService<Desk>(), new Seat(ben.Current, study));
        foreach (var answer in new[] { Answer.Tie, Answer.Left })
        {
            var next = (await desk.NextAsync(seat, [], Cancel))!;
            await desk.JudgeAsync(seat, new() { Comparison = next, Answer = answer, Seconds = 1, GuidelinesVersion = 1, RequestId = Guid.NewGuid() }, Cancel);
        }

        await using var page = await browser.OpenAsync(app, admin);
        await page.GoAsync("/gold");
        await Expect(page.Page.GetByText("the share of gold comparisons is 0")).ToBeVisibleAsync();
        await page.Page.GetByTestId("judged").ClickAsync();
        var comparisons = page.Page.GetByTestId("comparison");
        await Expect(comparisons).ToHaveCountAsync(2);
        await Expect(comparisons.Last).ToContainTextAsync("1 said all equal");

        await comparisons.Last.GetByRole(AriaRole.Button, new() { Name = "1 is better" }).ClickAsync();
        await Expect(comparisons).ToHaveCountAsync(1);
        await page.Page.GetByRole(AriaRole.Navigation, new() { Name = "Which comparisons" }).GetByRole(AriaRole.Link, new() { Name = "Gold" }).ClickAsync();
        await Expect(comparisons).ToContainTextAsync("Right: 1 > 2");
        await Expect(comparisons).ToContainTextAsync("0 of 1 answers were right");
        await page.TakeAsync("gold");
        await page.ShouldFindNothingInBothThemesAndSizesAsync("gold comparisons");

        await comparisons.GetByRole(AriaRole.Button, new() { Name = "Neither is better" }).ClickAsync();
        await Expect(comparisons).ToContainTextAsync("1 of 1 answers were right");
        await using (var db = app.OpenDb())
        {
            (await db.Comparisons.SingleAsync(c => c.StudyId == study && c.Purpose == ComparisonPurpose.Gold, Cancel)).GoldRanking.ShouldNotBeNull().ShouldHaveSingleItem().ShouldBe([0, 1]);
        }

        await comparisons.GetByRole(AriaRole.Button, new() { Name = "Gold no more" }).ClickAsync();
        await Expect(comparisons).ToHaveCountAsync(0);
        page.Problems.ShouldBeEmpty();
    }
}

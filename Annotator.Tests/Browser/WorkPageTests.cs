using Annotator.Tests.Fixtures;
using Microsoft.EntityFrameworkCore;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Annotator.Tests.Browser;

public sealed class WorkPageTests(WebApp app, Fixtures.Browser browser) : IClassFixture<WebApp>
{
    [Fact]
    public async Task Every_answer_is_listed_with_what_stood_on_screen_and_what_was_said_to_it()
    {
        await using var page = await JudgeAsync("lister", comparisons: 4);
        await page.Page.Keyboard.PressAsync("c");
        await page.Page.Keyboard.TypeAsync("The first one has a reason.");
        await page.Page.Keyboard.PressAsync("Escape");
        var texts = await page.Page.Locator("article .text").AllInnerTextsAsync();
        await DeskKeys.JudgeAsync(page, "1", 1);
        await DeskKeys.JudgeAsync(page, "t", 2);
        await DeskKeys.ComparisonOnScreenAsync(page);
        await page.Page.Keyboard.PressAsync("s");
        await DeskKeys.JudgeAsync(page, "3", 3);

        await page.GoAsync("/history");

        await Expect(page.Page.GetByText("3 today")).ToBeVisibleAsync();
        var answers = page.Page.GetByRole(AriaRole.Article);
        await Expect(answers).ToHaveCountAsync(3);
        await Expect(answers.Nth(0)).ToContainTextAsync("Skipped: Broken");
        await Expect(answers.Nth(1)).ToContainTextAsync("Tie");
        await Expect(answers.Nth(2)).ToContainTextAsync("1 is better");
        await Expect(answers.Nth(2)).ToContainTextAsync("The first one has a reason.");
        (await answers.Nth(2).Locator(".best p").InnerTextAsync()).Trim().ShouldBe(texts[0][^(await answers.Nth(2).Locator(".best p").InnerTextAsync()).Trim().Length..]);
        page.Problems.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_long_history_comes_a_page_at_a_time()
    {
        await using var page = await JudgeAsync("much", comparisons: 23);
        for (var judged = 1; judged <= 21; judged++)
        {
            await DeskKeys.JudgeAsync(page, "1", judged);
        }

        await page.GoAsync("/history");
        await Expect(page.Page.GetByRole(AriaRole.Article)).ToHaveCountAsync(20);
        await page.ShouldFindNothingInBothThemesAndSizesAsync("my work");
        await page.Page.GetByRole(AriaRole.Button, new() { Name = "Show earlier ones" }).ClickAsync();

        await Expect(page.Page.GetByRole(AriaRole.Article)).ToHaveCountAsync(21);
        await Expect(page.Page.GetByRole(AriaRole.Button, new() { Name = "Show earlier ones" })).ToHaveCountAsync(0);
    }

    /// <summary>A new annotator at the desk with this many comparisons.</summary>
    private async Task<TestPage> JudgeAsync(string userName, int comparisons)
    {
        await using (var db = app.OpenDb())
        {
            await db.Comparisons.ExecuteUpdateAsync(set => set.SetProperty(c => c.RetiredAt, DateTime.UtcNow));
            db.AddComparisons(db.StarterStudy().Id, comparisons);
        }

        var page = await browser.OpenAsync(app, await app.CreateAnnotatorAsync(userName));
        await page.GoAsync("/");
        await DeskKeys.ComparisonOnScreenAsync(page);
        return page;
    }
}

using Annotator.Tests.Fixtures;
using Annotator.Web.Data;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Annotator.Tests.Browser;

/// <summary>What an admin sets of a study is what its annotators are asked.</summary>
public sealed class StudyTaskTests(Fixtures.Browser browser)
{
    [Fact]
    public async Task What_is_set_on_the_study_page_is_asked_at_the_desk()
    {
        await using var app = await WebApp.StartAsync();
        long study;
        await using (var db = app.OpenDb())
        {
            study = db.StarterStudy().Id;
            db.AddComparisons(study, 3);
        }

        var admin = await app.CreateAdminAsync();
        await using var page = await browser.OpenAsync(app, admin);
        await page.GoAsync("/study");
        await page.Page.GetByLabel("Ask how much better it is").CheckAsync();
        await page.Page.GetByLabel("A preference needs a comment").CheckAsync();
        await page.Page.GetByLabel("Reasons to choose from").FillAsync("Clearer\nTruer");
        await page.Page.GetByLabel("A preference needs one of the reasons").CheckAsync();
        await page.Page.GetByLabel("Target for a day").FillAsync("12");
        await page.Page.GetByRole(AriaRole.Button, new() { Name = "Save" }).ClickAsync();
        await Expect(page.Page.GetByText("Saved.", new() { Exact = true })).ToBeVisibleAsync();

        var desk = new DeskScreen(app, study, admin, page);
        await desk.OpenAsync();
        await Expect(desk.Progress).ToContainTextAsync("0 of 12 today");
        await desk.PressAsync("1", "3", "2", "Enter");
        await Expect(desk.Comment).ToBeFocusedAsync();
        await desk.Keys.TypeAsync("plain truth");
        await desk.JudgeAsync("Control+Enter");

        var judgment = (await desk.JudgmentsAsync()).ShouldHaveSingleItem();
        (judgment.Strength, judgment.Reasons.Single(), judgment.Comment).ShouldBe((3, "Truer", "plain truth"));
        page.Problems.ShouldBeEmpty();
    }
}

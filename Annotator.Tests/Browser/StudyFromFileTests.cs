using System.Text;
using System.Text.RegularExpressions;
using Annotator.Tests.Fixtures;
using Annotator.Tests.Web.Rounds;
using Annotator.Web.Data;
using Microsoft.EntityFrameworkCore;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Annotator.Tests.Browser;

/// <summary>An admin makes a study of a CSV of prompts, all through the pages.</summary>
public sealed class StudyFromFileTests(WebApp app, Fixtures.Browser browser) : IClassFixture<WebApp>
{
    private static readonly CancellationToken Cancel = TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_study_is_created_from_a_csv_of_prompts_and_found_in_the_list()
    {
        await app.CreateAnnotatorAsync("cleo");
        await using var page = await browser.OpenAsync(app, await app.CreateAdminAsync());
        await page.GoAsync("/studies/manage");
        await page.TakeAsync("studies");
        await page.ShouldFindNothingInBothThemesAndSizesAsync("the list of studies");
        await page.Page.GetByRole(AriaRole.Link, new() { Name = "New study" }).ClickAsync();
        await Expect(page.Page.Locator("h1")).ToHaveTextAsync("New study");
        var create = page.Page.GetByTestId("create");
        await Expect(create).ToBeDisabledAsync();

        await page.Page.GetByLabel("Name of the study").FillAsync("Tea");
        await page.Page.GetByLabel("Guidelines, Markdown").FillAsync("# Tea\n\nPrefer what one **could drink**.");
        await page.Page.GetByTestId("judges-chosen").ClickAsync();
        await Expect(page.Page.GetByRole(AriaRole.Alert)).ToContainTextAsync("at least one person");
        await page.Page.GetByLabel("cleo").CheckAsync();
        await Expect(page.Page.GetByText(new Regex("^1 of [0-9]+ people"))).ToBeVisibleAsync();

        // What is no policy is told; then one that is.
        using var folder = new TemporaryDirectory();
        await page.Page.GetByTestId("policy-directory").ClickAsync();
        await page.Page.GetByLabel("Full path on the machine").FillAsync(folder["none"]);
        await page.Page.GetByTestId("look").ClickAsync();
        await Expect(page.Page.GetByTestId("policy-fault")).ToContainTextAsync("does not exist");
        await Expect(create).ToBeDisabledAsync();
        await page.Page.GetByLabel("Full path on the machine").FillAsync(RoundsDatabase.WriteShell(folder["policy"], 1));
        await page.Page.GetByTestId("look").ClickAsync();
        await Expect(page.Page.GetByTestId("policy-sound")).ToBeVisibleAsync();
        await page.TakeAsync("study-new");
        await page.ShouldFindNothingInBothThemesAndSizesAsync("a new study");
        await create.ClickAsync();

        await Expect(page.Page.Locator("h1")).ToHaveTextAsync("Add prompts");
        await TestPage.ChooseFileAsync(page.Page.Locator("#file"), new FilePayload
        {
            Name = "prompts.csv", MimeType = "text/csv", Buffer = Encoding.UTF8.GetBytes("prompt,split,priority\nGreen tea is,train,\nBlack tea is,heldout,2\nGreen tea is,,\n,train,\n\"White tea,\nbrewed cold, is\",,-1\n"),
        });
        await Expect(page.Page.GetByTestId("taken")).ToHaveTextAsync("3");
        await Expect(page.Page.GetByTestId("import-counts")).ToContainTextAsync("They stand in the file already line 41");
        await Expect(page.Page.GetByTestId("import-counts")).ToContainTextAsync("line 5−1");
        await page.TakeAsync("prompts-add");
        await page.ShouldFindNothingInBothThemesAndSizesAsync("prompts that are looked at");
        await page.Page.GetByTestId("import-now").ClickAsync();
        await Expect(page.Page.GetByTestId("done")).ToContainTextAsync("Added 3 prompts.");
        await page.Page.GetByRole(AriaRole.Link, new() { Name = "See all prompts" }).ClickAsync();
        await Expect(page.Page.GetByTestId("prompt")).ToHaveCountAsync(3);

        await page.GoAsync("/studies/manage");
        var tea = page.Page.GetByTestId("study").Filter(new() { HasText = "Tea" });
        await Expect(tea).ToContainTextAsync("policy 0 serves");
        await Expect(tea).ToContainTextAsync("open to one chosen person");
        await Expect(tea).ToContainTextAsync("Prompts3");
        await using var db = app.OpenDb();
        (await db.Prompts.Where(p => p.Study!.Name == "Tea").OrderBy(p => p.Id).Select(p => new { p.Text, p.Split, p.Priority, p.IsPaused }).ToListAsync(Cancel)).ShouldBe(
        [
            new { Text = "Green tea is", Split = PromptSplit.Train, Priority = 0, IsPaused = false },
            new { Text = "Black tea is", Split = PromptSplit.Heldout, Priority = 2, IsPaused = false },
            new { Text = "White tea,\nbrewed cold, is", Split = PromptSplit.Train, Priority = -1, IsPaused = false },
        ]);
        page.Problems.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_study_is_cloned_archived_and_offered_again_from_the_list()
    {
        await using var own = await WebApp.StartAsync();
        await using var page = await browser.OpenAsync(own, await own.CreateAdminAsync());
        await page.GoAsync("/studies/manage");
        var studies = page.Page.GetByTestId("study");

        await page.Page.GetByRole(AriaRole.Button, new() { Name = "Actions for Film reviews" }).ClickAsync();
        await page.Page.GetByText("Clone").ClickAsync();
        await Expect(studies).ToHaveCountAsync(2);
        await Expect(studies.Last).ToContainTextAsync("Film reviews (2)");
        await Expect(studies.Last).ToContainTextAsync("Prompts200");

        await page.Page.GetByRole(AriaRole.Button, new() { Name = "Actions for Film reviews", Exact = true }).ClickAsync();
        await page.Page.GetByText("Archive").ClickAsync();
        await page.Page.GetByRole(AriaRole.Dialog).GetByRole(AriaRole.Button, new() { Name = "Archive" }).ClickAsync();
        await Expect(studies.Last.GetByText("archived")).ToBeVisibleAsync();
        await Expect(studies.Last).Not.ToContainTextAsync("(2)");
        await page.TakeAsync("studies-archived");

        await page.Page.GetByRole(AriaRole.Button, new() { Name = "Actions for Film reviews", Exact = true }).ClickAsync();
        await page.Page.GetByText("Offer again").ClickAsync();
        await Expect(studies.First).Not.ToContainTextAsync("archived");
        page.Problems.ShouldBeEmpty();
    }

    [Fact]
    public async Task Prompts_are_pasted_found_paused_and_moved_up()
    {
        var id = await app.AddStudyAsync(prompts: 60);
        await using var page = await browser.OpenAsync(app, await app.CreateAdminAsync("bea"));
        await page.GoAsync($"/prompts/add?study={id}");
        await page.Page.GetByTestId("from-paste").ClickAsync();
        await page.Page.GetByLabel("One prompt a line").FillAsync("The kettle sings when\nPrompt 7\nA cup of tea and");
        await page.Page.GetByTestId("look").ClickAsync();
        await Expect(page.Page.GetByTestId("taken")).ToHaveTextAsync("2");
        await Expect(page.Page.GetByTestId("import-counts")).ToContainTextAsync("The study has them already line 21");
        await page.Page.GetByTestId("import-now").ClickAsync();
        await Expect(page.Page.GetByTestId("done")).ToContainTextAsync("Added 2 prompts.");

        await page.GoAsync($"/prompts?study={id}");
        var prompts = page.Page.GetByTestId("prompt");
        await Expect(prompts).ToHaveCountAsync(50);
        await page.Page.GetByRole(AriaRole.Link, new() { Name = "Next page" }).ClickAsync();
        await Expect(prompts).ToHaveCountAsync(12);
        await page.TakeAsync("prompts");
        await page.ShouldFindNothingInBothThemesAndSizesAsync("the prompts of a study");

        await page.Page.GetByLabel("Search").FillAsync("tea");
        await Expect(prompts).ToHaveCountAsync(1);
        await page.Page.GetByLabel("Choose: A cup of tea and").CheckAsync();
        await Expect(page.Page.GetByTestId("chosen-count")).ToHaveTextAsync("1 chosen");
        await page.Page.GetByRole(AriaRole.Button, new() { Name = "Pause", Exact = true }).ClickAsync();
        var said = page.Page.Locator(".mud-snackbar");
        await Expect(said).ToHaveTextAsync(["One prompt was changed."]);
        await Expect(prompts.Locator(".tag")).ToHaveTextAsync("paused");

        await page.Page.GetByLabel("Search").FillAsync("");
        await Expect(prompts).ToHaveCountAsync(50);
        await page.Page.GetByTestId("show-paused").ClickAsync();
        await Expect(prompts).ToHaveCountAsync(1);
        await page.Page.GetByLabel("The one that matches").CheckAsync();
        await page.Page.GetByLabel("Priority").FillAsync("9");
        await page.Page.GetByLabel("Priority").BlurAsync();
        await page.Page.GetByRole(AriaRole.Button, new() { Name = "Set", Exact = true }).ClickAsync();
        await Expect(prompts.Locator("td.n").First).ToHaveTextAsync("9");

        // Only the newest message stands on the page.
        await page.Page.GetByRole(AriaRole.Group, new() { Name = "Sampling" }).GetByRole(AriaRole.Button, new() { Name = "All" }).ClickAsync();
        await page.Page.GetByLabel("All 62").CheckAsync();
        await page.Page.GetByRole(AriaRole.Button, new() { Name = "Set", Exact = true }).ClickAsync();
        await Expect(said).ToHaveTextAsync(["62 prompts were changed."]);
        page.Problems.ShouldBeEmpty();
    }
}

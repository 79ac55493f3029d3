using Annotator.Tests.Fixtures;
using Annotator.Web.Data;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Annotator.Tests.Browser;

/// <summary>An admin looks through what was judged, decides where people disagree, and sees whose work can be trusted.</summary>
public sealed class DatasetPageTests(WebApp app, Fixtures.Browser browser) : IClassFixture<WebApp>, IAsyncLifetime
{
    private const int Comparisons = 60;
    private static readonly string Folder = Directory.CreateDirectory(Path.Combine(AppContext.BaseDirectory, "TestResults", "screenshots")).FullName;
    private TestPerson admin = null!;
    private long studyId;

    public async ValueTask InitializeAsync()
    {
        admin = await app.CreateAdminAsync($"ada{Guid.NewGuid():N}"[..12]);
        await using var db = app.OpenDb();
        var study = db.AddStudy();
        studyId = study.Id;
        // Two who mostly agree, and one who always prefers the left side.
        var people = new List<CurrentPerson>();
        foreach (var name in (string[])["grace", "henry", "lena"])
        {
            people.Add((await app.CreateAnnotatorAsync($"{name}{Guid.NewGuid():N}"[..12])).Current);
        }

        foreach (var (i, comparison) in db.AddComparisons(studyId, Comparisons).Index())
        {
            foreach (var (who, person) in people.Index())
            {
                int[] sides = ((i / 2) + who) % 2 == 0 ? [0, 1] : [1, 0];
                var better = who == 2 ? sides[0] : (i + (who == 1 && i % 6 == 0 ? 1 : 0)) % 2;
                db.Judgments.Add(new()
                {
                    ComparisonId = comparison.Id, StudyId = studyId, PolicyId = comparison.PolicyId, PromptId = comparison.PromptId, AnnotatorId = person.Id, Verdict = Verdict.Ranked,
                    Ranking = i % 9 == 8 && who == 1 ? [[0, 1]] : [[better], [1 - better]], SidesShown = sides, Seconds = 1.5 + (i * (who + 1) % 40), GuidelinesVersion = 1,
                    Comment = i == Comparisons - 1 && who == 0 ? "The second one ends too soon." : null, RequestId = Guid.NewGuid(), CreatedAt = DateTime.UtcNow.AddMinutes(i - Comparisons),
                });
            }

            await db.SaveChangesAsync(TestContext.Current.CancellationToken);
        }
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    [Fact]
    public async Task A_disagreement_is_found_and_decided()
    {
        await using var page = await browser.OpenAsync(app, admin);
        await page.GoAsync($"/dataset?study={studyId}");
        var list = page.Page.GetByTestId("comparisons").Locator("li");
        await Expect(list).ToHaveCountAsync(50);
        await TakeAsync(page, "dataset");
        await page.Page.GetByTestId("next").ClickAsync();
        await Expect(list).ToHaveCountAsync(Comparisons - 50);
        await page.Page.GetByRole(AriaRole.Link, new() { Name = "Back to the first" }).ClickAsync();
        await Expect(list).ToHaveCountAsync(50);

        await page.Page.GetByLabel("Agreement", new() { Exact = true }).SelectOptionAsync("contested");
        await Expect(page.Page).ToHaveURLAsync(new System.Text.RegularExpressions.Regex("agreement=contested"));
        await Expect(list.First).ToContainTextAsync("contested");
        await page.Page.GetByPlaceholder("Search prompts and responses").FillAsync("beautiful");
        await page.Page.Keyboard.PressAsync("Enter");
        await Expect(page.Page).ToHaveURLAsync(new System.Text.RegularExpressions.Regex("agreement=contested.*text=beautiful|text=beautiful.*agreement=contested"));
        await Expect(list.First).ToContainTextAsync("What a beautiful");
        await page.ShouldFindNothingInBothThemesAndSizesAsync("the list of comparisons");

        await list.First.GetByRole(AriaRole.Link).ClickAsync();
        await Expect(page.Page.GetByTestId("judgments").Locator("li")).ToHaveCountAsync(3);
        await page.ShouldFindNothingInBothThemesAndSizesAsync("a comparison's story");
        await page.Page.GetByRole(AriaRole.Button, new() { Name = "B is better" }).ClickAsync();
        await page.Page.GetByLabel("Why (optional)").FillAsync("It says what the film is.");
        await page.Page.GetByTestId("decide-now").ClickAsync();
        await Expect(page.Page.GetByTestId("judgments").Locator("li").Last).ToContainTextAsync("a decision");
        await TakeAsync(page, "comparison");
        await page.Page.GetByTestId("withdraw").ClickAsync();
        await Expect(page.Page.GetByTestId("judgments").Locator("li").Last).ToContainTextAsync("Withdrawn");
        await page.Page.GetByRole(AriaRole.Link, new() { Name = "Dataset" }).First.ClickAsync();
        // A page that is come to by a link takes the focus a moment after it is drawn; a key before that would go to its heading.
        await Expect(page.Page.Locator("h1")).ToHaveTextAsync("Dataset");
        await Expect(page.Page.Locator("h1")).ToBeFocusedAsync();
        await page.Page.GetByPlaceholder("Search prompts and responses").FillAsync("nothing like this");
        await page.Page.Keyboard.PressAsync("Enter");
        await Expect(page.Page.GetByTestId("nothing")).ToHaveTextAsync("Nothing here is as asked for.");
        page.Problems.ShouldBeEmpty();
    }

    [Fact]
    public async Task Peoples_work_is_seen_and_somebody_is_left_out_of_training()
    {
        await using var page = await browser.OpenAsync(app, admin);
        await page.GoAsync($"/people/work?study={studyId}");
        await Expect(page.Page.GetByTestId("people").Locator("> li")).ToHaveCountAsync(3);
        await Expect(page.Page.GetByTestId("alpha").Locator("strong")).ToHaveTextAsync(new System.Text.RegularExpressions.Regex(@"^0\.\d+$"));
        var lena = page.Page.GetByTestId("people").Locator("> li").Filter(new() { HasText = "lena" });
        await Expect(lena.Locator("[data-figure='Prefers the left side']")).ToContainTextAsync("100%");
        await Expect(lena.Locator("[data-figure='Prefers the left side']")).ToContainTextAsync("not by chance");
        await page.ShouldFindNothingInBothThemesAndSizesAsync("people's work");
        await TakeAsync(page, "people-work");

        await lena.GetByRole(AriaRole.Button, new() { Name = "Leave out of training" }).ClickAsync();
        var dialog = page.Page.GetByRole(AriaRole.Dialog);
        await Expect(dialog).ToContainTextAsync(new System.Text.RegularExpressions.Regex("Of lena[0-9a-f]*'s judgments, 60 in all"));
        await dialog.GetByRole(AriaRole.Button, new() { Name = "Leave out" }).ClickAsync();
        await Expect(lena).ToContainTextAsync("left out of training");
        await page.GoAsync($"/dataset/files?study={studyId}");
        await Expect(page.Page.GetByTestId("counts")).ToContainTextAsync("Of annotators who are left out of training−60");
        await TakeAsync(page, "dataset-files");
        await page.GoAsync("/people");
        await Expect(page.Page.GetByRole(AriaRole.Row, new() { Name = "henry" }).First).ToBeVisibleAsync();
        await TakeAsync(page, "people");
        page.Problems.ShouldBeEmpty();
    }

    private static async Task TakeAsync(TestPage page, string name)
    {
        foreach (var (theme, width, ending) in new[] { (ColorScheme.Light, 1280, ""), (ColorScheme.Dark, 1280, "-dark"), (ColorScheme.Light, 390, "-phone") })
        {
            await page.Page.SetViewportSizeAsync(width, 800);
            await page.Page.EmulateMediaAsync(new() { ColorScheme = theme });
            await Axe.ThemeIsDrawnAsync(page, theme);
            await page.Page.EvaluateAsync("() => scrollTo(0, 0)");
            await page.Page.ScreenshotAsync(new() { Path = Path.Combine(Folder, $"studio-{name}{ending}.png"), FullPage = ending != "-dark", Animations = ScreenshotAnimations.Disabled });
        }

        await page.Page.SetViewportSizeAsync(1280, 800);
    }
}

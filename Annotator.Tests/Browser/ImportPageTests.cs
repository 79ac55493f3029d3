using System.Text;
using Annotator.Tests.Fixtures;
using Annotator.Web.Data;
using Microsoft.EntityFrameworkCore;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Annotator.Tests.Browser;

/// <summary>An admin brings judgments of a file, and takes them away again.</summary>
public sealed class ImportPageTests(WebApp app, Fixtures.Browser browser) : IClassFixture<WebApp>, IAsyncLifetime
{
    private readonly CancellationToken cancellation = TestContext.Current.CancellationToken;
    private TestPerson admin = null!;
    private long studyId;

    public async ValueTask InitializeAsync()
    {
        admin = await app.CreateAdminAsync($"ada{Guid.NewGuid():N}"[..12]);
        await using var db = app.OpenDb();
        var study = new Study { Name = "Tea", Guidelines = "", Sampling = new(), CreatedAt = DateTime.UtcNow };
        db.Studies.Add(study);
        await db.SaveChangesAsync(cancellation);
        studyId = study.Id;
        db.Policies.Add(new() { StudyId = studyId, Number = 0, Hash = new string('b', 64), CreatedAt = DateTime.UtcNow });
        await db.SaveChangesAsync(cancellation);
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    [Fact]
    public async Task A_file_of_preferences_is_looked_at_then_imported_then_on_the_datasets_page()
    {
        // Of pages of other tests, whose circuits may still be there.
        var others = UploadedFiles();
        await using var page = await browser.OpenAsync(app, admin);
        await page.GoAsync($"/dataset?study={studyId}");
        await page.Page.GetByRole(AriaRole.Link, new() { Name = "Import" }).ClickAsync();
        await Expect(page.Page.Locator("h1")).ToHaveTextAsync("Import");

        await ChooseAsync(page, "hh.jsonl", """
            {"chosen":"\n\nHuman: Tea?\n\nAssistant: Green.","rejected":"\n\nHuman: Tea?\n\nAssistant: Black."}
            {"chosen":"\n\nHuman: Tea?\n\nAssistant: ","rejected":"\n\nHuman: Tea?\n\nAssistant: Black."}
            {"chosen":"\n\nHuman: Milk?\n\nAssistant: No.","rejected":"\n\nHuman: Milk?\n\nAssistant: Yes."}
            nonsense
            """);
        var counts = page.Page.GetByTestId("import-counts");
        await Expect(page.Page.GetByTestId("taken")).ToHaveTextAsync("2");
        await Expect(counts).ToContainTextAsync("Records in the file4");
        await Expect(counts).ToContainTextAsync("Refused: The last turn of a transcript is empty. line 2−1");
        await Expect(counts).ToContainTextAsync("Refused: It is not JSON. line 4−1");
        await Expect(page.Page.GetByTestId("first").Locator("tbody tr")).ToHaveCountAsync(2);
        await page.ShouldFindNothingInBothThemesAndSizesAsync("an import that is looked at");
        await using (var db = app.OpenDb())
        {
            (await db.Judgments.CountAsync(j => j.StudyId == studyId, cancellation)).ShouldBe(0, "nothing is stored yet");
        }

        await page.Page.GetByTestId("import-now").ClickAsync();
        await Expect(page.Page.GetByTestId("done")).ToHaveTextAsync("Imported 2 judgments.");
        UploadedFiles().Except(others).ShouldBeEmpty();

        await page.Page.GetByRole(AriaRole.Link, new() { Name = "Back to the dataset" }).ClickAsync();
        await Expect(page.Page.GetByTestId("comparisons").Locator("li")).ToHaveCountAsync(2);
        await page.Page.GetByRole(AriaRole.Link, new() { Name = "Files" }).ClickAsync();
        await Expect(page.Page.GetByTestId("trl-count")).ToHaveTextAsync("2");
        await page.Page.GetByTestId("other-format").SelectOptionAsync("hh-rlhf.jsonl");
        await Expect(page.Page.GetByTestId("download-other")).ToHaveAttributeAsync("href", $"/dataset/{studyId}/hh-rlhf.jsonl.zip");
        var download = await page.Page.RunAndWaitForDownloadAsync(() => page.Page.GetByTestId("download-other").ClickAsync());
        download.SuggestedFilename.ShouldBe($"study-{studyId}-hh-rlhf.jsonl.zip");
        page.Problems.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_file_that_can_not_be_read_is_told_in_a_sentence_on_the_page()
    {
        await using var page = await browser.OpenAsync(app, admin);
        await page.GoAsync($"/dataset/import?study={studyId}");

        await ChooseAsync(page, "table.parquet", "this is no table");

        await Expect(page.Page.GetByTestId("fault")).ToContainTextAsync("It is no Parquet file that can be read");
        await Expect(page.Page.GetByTestId("import-now")).ToHaveCountAsync(0);
    }

    private string[] UploadedFiles() => Directory.Exists(app.Data.Uploads) ? Directory.GetFiles(app.Data.Uploads) : [];

    private static Task ChooseAsync(TestPage page, string name, string content) =>
        TestPage.ChooseFileAsync(page.Page.Locator("#file"), new FilePayload { Name = name, MimeType = "application/octet-stream", Buffer = Encoding.UTF8.GetBytes(content) });
}

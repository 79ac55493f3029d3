using System.Globalization;
using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Annotator.Model.Evaluation;
using Annotator.Tests.Fixtures;
using Annotator.Web.Annotating;
using Annotator.Web.Data;
using Annotator.Web.Dataset;
using Annotator.Web.Demo;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Annotator.Tests.Browser;

/// <summary>
/// An admin's week in the studio, page by page in a real browser, against the real app with the embedded policy, its sampler
/// and its trainer. Only the annotators are simulated: they judge by the desk's own operations, as people's pages do.
/// The same week by the API alone is <c>data/examples/week.sh</c>.
/// </summary>
[Collection(TimedCollection.Name)]
public sealed class AdminWeekTests(Fixtures.Browser browser) : IAsyncLifetime
{
    private const float Patience = 180_000;
    private const int Fitting = 100;
    private const int TooLong = 24;

    /// <summary>So many judgments of somebody who does not read are enough to be found out.</summary>
    private const int Hasty = 14;

    /// <summary>The gate opens long before: forty steps make a policy kinder, if not by how much.</summary>
    private const int MostJudgments = 400;

    /// <summary>The gate's mark in percent: low, so that few judgments are enough.</summary>
    private const int Mark = 35;

    private WebApp app = null!;
    private TestPage page = null!;
    private TestPerson cora = null!, dora = null!, leo = null!;
    private long study;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        app = await WebApp.StartAsync("--Engine:Enabled=true");
        cora = await app.CreateAnnotatorAsync("cora");
        dora = await app.CreateAnnotatorAsync("dora");
        leo = await app.CreateAnnotatorAsync("leo");
        page = await browser.OpenAsync(app, await app.CreateAdminAsync());
    }

    public async ValueTask DisposeAsync()
    {
        await page.DisposeAsync();
        await app.DisposeAsync();
    }

    [Fact]
    public async Task An_admin_makes_a_study_trains_on_preferences_finds_out_whether_it_got_better_and_takes_everything_away()
    {
        await MakeAStudyOfACsvAsync();
        await ImportPreferencesOfOthersAsync();
        await SetTheGateAsync();
        await RunARoundAndWatchItAsync();
        await SeeTheIntervalAndTheGateOpenAsync();
        await RollBackAsync();
        await LeaveOutWhoDoesNotReadAsync();
        await TakeEveryFormatAwayAsync();
        page.Problems.ShouldBeEmpty();
    }

    /// <summary>Monday: what is asked, who may judge, and a table of openings of film reviews, some of them held out.</summary>
    private async Task MakeAStudyOfACsvAsync()
    {
        await page.GoAsync("/studies/new");
        await page.Page.GetByLabel("Name of the study").FillAsync("Kind reviews");
        await page.Page.GetByLabel("Guidelines, Markdown").FillAsync("# Kind reviews\n\nPrefer the review that **likes** its film.");
        await page.Page.GetByLabel("Judgments", new() { Exact = true }).FillAsync("2");
        await page.Page.GetByLabel("Longest response").FillAsync("32");
        await page.Page.GetByTestId("judges-chosen").ClickAsync();
        foreach (var name in new[] { "cora", "dora", "leo" })
        {
            await page.Page.GetByLabel(name).CheckAsync();
        }

        await page.Page.GetByTestId("create").ClickAsync();
        await Expect(page.Page.Locator("h1")).ToHaveTextAsync("Add prompts");
        study = long.Parse(Regex.Match(page.Page.Url, "study=([0-9]+)").Groups[1].Value, CultureInfo.InvariantCulture);

        var openings = File.ReadLines(StarterData.Prompts).Select(line => JsonDocument.Parse(line).RootElement.GetProperty("text").GetString()!).ToList();
        var table = string.Join('\n', openings.Select((text, index) => $"\"{text.Replace("\"", "\"\"")}\",{(index % 5 == 0 ? "heldout" : "train")}"));
        await ChooseAsync("prompts.csv", $"prompt,split\n{table}\n");
        await Expect(page.Page.GetByTestId("taken")).ToHaveTextAsync(N(openings.Count), new() { Timeout = Patience });
        await page.TakeAsync("week-1-prompts");
        await page.Page.GetByTestId("import-now").ClickAsync();
        await Expect(page.Page.GetByTestId("done")).ToContainTextAsync($"Added {openings.Count} prompts.", new() { Timeout = Patience });
    }

    /// <summary>Tuesday: somebody else's preferences, in the shape of hh-rlhf. Those that do not fit the policy's context are counted.</summary>
    private async Task ImportPreferencesOfOthersAsync()
    {
        await page.GoAsync($"/dataset/import?study={study}");
        await ChooseAsync("hh.jsonl", string.Join('\n', HelpfulRows()));
        await Expect(page.Page.GetByTestId("taken")).ToHaveTextAsync(N(Fitting), new() { Timeout = Patience });
        var counts = page.Page.GetByTestId("import-counts");
        await Expect(counts).ToContainTextAsync($"Records in the file{Fitting + TooLong}");
        await Expect(counts).ToContainTextAsync(new Regex($"Too long for the policy's context lines [0-9, ]+…{TooLong}"));
        await page.TakeAsync("week-2-import");
        await page.Page.GetByTestId("import-now").ClickAsync();
        await Expect(page.Page.GetByTestId("done")).ToHaveTextAsync($"Imported {Fitting} judgments.", new() { Timeout = Patience });
    }

    /// <summary>Nothing serves that people do not prefer: half of what they judge next is blind, old beside new.</summary>
    private async Task SetTheGateAsync()
    {
        await page.GoAsync($"/evaluation?study={study}");
        var options = page.Page.GetByTestId("evaluation-options");
        await options.GetByLabel("Share of the queue, %").FillAsync("50");
        await options.GetByTestId("gate").CheckAsync();
        await options.GetByLabel("The interval lies above, %").FillAsync(N(Mark));
        await options.GetByTestId("save").ClickAsync();
        await Expect(options.GetByTestId("save")).ToBeDisabledAsync();
    }

    /// <summary>Wednesday: a round on the hundred, its curves while it runs, and what it left.</summary>
    private async Task RunARoundAndWatchItAsync()
    {
        await page.GoAsync($"/rounds?study={study}");
        await Expect(page.Page.GetByTestId("preview")).ToContainTextAsync($"{Fitting} preferences");
        await Expect(page.Page.GetByTestId("preview-details")).ToContainTextAsync($"imported: {Fitting}");
        await page.Page.GetByLabel("batch_size", new() { Exact = true }).FillAsync("16");
        await page.Page.GetByLabel("max_steps", new() { Exact = true }).FillAsync("40");
        await page.Page.GetByLabel("learning_rate", new() { Exact = true }).FillAsync("1e-4");
        await page.Page.GetByTestId("start").ClickAsync();

        var running = page.Page.GetByTestId("running");
        await Expect(running.GetByTestId("curves").Locator(".chart-line").First).ToBeAttachedAsync(new() { Timeout = Patience });
        await page.TakeAsync("week-3-running");
        await Expect(page.Page.GetByTestId("past")).ToContainTextAsync("Policy 1", new() { Timeout = Patience });

        await page.Page.GetByTestId("past").GetByRole(AriaRole.Link, new() { Name = "Round 1" }).ClickAsync();
        await Expect(page.Page.GetByTestId("step0")).ToHaveTextAsync(new Regex("^0[.]693"));
        await Expect(page.Page.GetByTestId("samples")).ToBeVisibleAsync();
        await page.TakeAsync("week-3-round");

        // It does not serve: policy 0 does, until people have judged.
        await page.GoAsync($"/policies?study={study}");
        await Expect(page.Page.GetByTestId("waits")).ToContainTextAsync("Policy 1 waits for the gate");
        await Expect(Policy(0)).ToContainTextAsync("serves now");
    }

    /// <summary>Thursday: people judge, blind. Too few say nothing; then there is an interval, and once it is clear the policy serves.</summary>
    private async Task SeeTheIntervalAndTheGateOpenAsync()
    {
        await page.GoAsync($"/evaluation?study={study}");
        var now = page.Page.GetByTestId("now");
        var careful = new SimulatedJudge(SentimentScorer.Read(StarterData.Scorer), noise: 0.05, new Random(1));
        for (var judged = 0; judged < Hasty; judged++)
        {
            await JudgeAsync(leo, shown => careful.Answer(shown, seconds: 1, guidelinesVersion: 1) with { Answer = Answer.Left });
        }

        await Expect(now).ToContainTextAsync(new Regex("Policy 1 is compared with policy 0: [0-9]+ of 20 judgments that a number needs"));

        for (var judged = 0; await ServesAsync() == 0; judged++)
        {
            judged.ShouldBeLessThan(MostJudgments, await now.InnerTextAsync());
            await JudgeAsync(judged % 2 == 0 ? cora : dora, shown => careful.Answer(shown, careful.Pace(mean: 6), guidelinesVersion: 1));
        }

        await Expect(now).ToContainTextAsync(new Regex("Policy 1 is preferred over policy 0 in [0-9]+% \\((3[5-9]|[4-9][0-9])–[0-9]+%\\) of [0-9]+ blind judgments"));
        await Expect(page.Page.GetByTestId("ratings").Locator("li")).ToHaveCountAsync(2);
        await page.TakeAsync("week-4-evaluation");
        await page.GoAsync($"/policies?study={study}");
        await Expect(Policy(1)).ToContainTextAsync("serves now");
        await page.GoAsync("/administration/audit");
        await Expect(page.Page.GetByTestId("entry").Filter(new() { HasText = "the gate opened for policy 1" })).ToContainTextAsync($"above the mark of {Mark}%");
    }

    /// <summary>Friday: second thoughts.</summary>
    private async Task RollBackAsync()
    {
        await page.GoAsync($"/policies?study={study}");
        await Policy(1).GetByRole(AriaRole.Link).ClickAsync();
        await Expect(page.Page.Locator("h1")).ToContainTextAsync("Policy 1");
        await page.TakeAsync("week-5-card");
        await page.GoAsync($"/policies?study={study}");
        await Policy(0).GetByRole(AriaRole.Button, new() { Name = "Roll back to policy 0" }).ClickAsync();
        await Expect(Policy(0)).ToContainTextAsync("serves now");
        await page.TakeAsync("week-5-rolled-back");
    }

    /// <summary>Leo always says left. The page shows it; what leaving him out would change is told before it is done.</summary>
    private async Task LeaveOutWhoDoesNotReadAsync()
    {
        await page.GoAsync($"/people/work?study={study}");
        var people = page.Page.GetByTestId("people").GetByRole(AriaRole.Listitem);
        var hasty = people.Filter(new() { HasText = "leo" });
        await Expect(hasty).ToContainTextAsync("not by chance");
        await Expect(people.Filter(new() { HasText = "imported" })).Not.ToContainTextAsync("not by chance");
        await Expect(page.Page.GetByTestId("alpha").Locator("strong")).ToBeVisibleAsync();
        await hasty.GetByRole(AriaRole.Button, new() { Name = "Leave out of training" }).ClickAsync();
        var dialog = page.Page.GetByRole(AriaRole.Dialog);
        await Expect(dialog).ToContainTextAsync(new Regex($"Of leo's judgments, {Hasty} in all, rounds would train on [0-9]+ fewer"));
        await dialog.GetByRole(AriaRole.Button, new() { Name = "Leave out" }).ClickAsync();
        await Expect(hasty).ToContainTextAsync("left out of training");
        await page.TakeAsync("week-5-left-out");

        await page.GoAsync($"/rounds?study={study}");
        await Expect(page.Page.GetByTestId("preview")).ToContainTextAsync(new Regex("Left out: .*annotator"));
    }

    /// <summary>The harvest: each format as a zip with a card that says what is in it, and a checksum that is right.</summary>
    private async Task TakeEveryFormatAwayAsync()
    {
        await page.GoAsync($"/dataset?study={study}");
        await Expect(page.Page.GetByTestId("comparisons").Locator("li").First).ToBeVisibleAsync();
        await page.GoAsync($"/dataset/files?study={study}");
        var lines = int.Parse(await page.Page.GetByTestId("trl-count").InnerTextAsync(), NumberStyles.AllowThousands, CultureInfo.InvariantCulture);
        lines.ShouldBeGreaterThan(Fitting);
        await page.TakeAsync("week-5-files");
        foreach (var file in DatasetFile.All)
        {
            await page.Page.GetByTestId("other-format").SelectOptionAsync(file.Name);
            await Expect(page.Page.GetByTestId("download-other")).ToHaveAttributeAsync("href", $"/dataset/{study}/{file.Name}.zip");
            var download = await page.Page.RunAndWaitForDownloadAsync(() => page.Page.GetByTestId("download-other").ClickAsync());
            await using var zip = await ZipFile.OpenReadAsync((await download.PathAsync())!, Cancellation);
            var content = await BytesAsync(zip, file.Name);
            var card = Encoding.UTF8.GetString(await BytesAsync(zip, "README.md"));
            var sum = Convert.ToHexStringLower(SHA256.HashData(content));
            content.Length.ShouldBeGreaterThan(1000, file.Name);
            Encoding.UTF8.GetString(await BytesAsync(zip, "SHA256SUMS")).ShouldBe($"{sum}  {file.Name}\n");
            card.ShouldContain("Kind reviews");
            if (file.Name == "trl.jsonl")
            {
                Encoding.UTF8.GetString(content).TrimEnd().Split('\n').Length.ShouldBe(lines);
            }
        }
    }

    /// <summary>One answer to the next comparison of an annotator's desk, once there is one.</summary>
    private async Task JudgeAsync(TestPerson who, Func<ShownComparison, JudgeRequest> answer)
    {
        var desk = app.Services.GetRequiredService<Desk>();
        var seat = new Seat(who.Current, study);
        ShownComparison? shown = null;
        await Until.TrueAsync(async () => (shown = await desk.NextAsync(seat, [], Cancellation)) is not null, seconds: 120);
        (await desk.JudgeAsync(seat, answer(shown!), Cancellation)).Outcome.ShouldBe(JudgeOutcome.Judged);
    }

    private async Task<int> ServesAsync()
    {
        await using var db = app.OpenDb();
        return await db.Studies.Where(s => s.Id == study).Select(s => s.CurrentPolicy!.Number).SingleAsync(Cancellation);
    }

    private ILocator Policy(int number) => page.Page.GetByTestId("policy-list").Locator($"[data-policy='{number}']");

    private Task ChooseAsync(string name, string content) =>
        TestPage.ChooseFileAsync(page.Page.Locator("#file"), new FilePayload { Name = name, MimeType = "application/octet-stream", Buffer = Encoding.UTF8.GetBytes(content) });

    /// <summary>Dialogues about films: answers that like them are chosen. The last ones are longer than the embedded policy's 256 tokens.</summary>
    private static IEnumerable<string> HelpfulRows()
    {
        string[] films = ["the film", "this movie", "the comedy", "the story", "the new thriller", "that old western", "the sequel", "the musical", "the documentary", "the drama"];
        string[] kind =
        [
            "is wonderful. I loved every minute of it, and the cast is excellent.", "was great fun, beautiful to look at, and one of the best of the year.",
            "is a brilliant and moving film with superb acting. Highly recommended.", "made me smile. It is a lovely, funny and touching piece of work.",
            "has a perfect ending. The best performance I have seen, amazing from start to finish.",
        ];
        string[] unkind =
        [
            "is terrible. I hated every minute of it, and the cast is awful.", "was a boring waste of time, ugly to look at, and one of the worst of the year.",
            "is a stupid and dull film with bad acting. Avoid it.", "made me angry. It is a poor, lame and pointless piece of work.",
            "has a ridiculous ending. The worst performance I have seen, bad from start to finish.",
        ];
        return Enumerable.Range(0, Fitting + TooLong).Select(row =>
        {
            var film = films[row % films.Length];
            var prompt = $"\n\nHuman: What did you think of {film}?\n\nAssistant:";
            var (chosen, rejected) = ($" {Opening(row)} {kind[row / films.Length % kind.Length]}", $" {Opening(row)} {unkind[(row + (row / films.Length)) % unkind.Length]}");
            return JsonSerializer.Serialize(new { chosen = prompt + (row < Fitting ? chosen : string.Concat(Enumerable.Repeat(chosen, 40))), rejected = prompt + rejected });
        });
    }

    private static string Opening(int row) => (row % 4) switch { 0 => "This film", 1 => "This movie", 2 => "The whole picture", _ => "I think that it" };

    private static async Task<byte[]> BytesAsync(ZipArchive zip, string name)
    {
        await using var entry = await zip.GetEntry(name).ShouldNotBeNull(name).OpenAsync(Cancellation);
        var bytes = new MemoryStream();
        await entry.CopyToAsync(bytes, Cancellation);
        return bytes.ToArray();
    }

    private static string N(int count) => count.ToString("N0", CultureInfo.InvariantCulture);
}

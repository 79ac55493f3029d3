using Annotator.Model.Preferences;
using Annotator.Tests.Fixtures;
using Annotator.Tests.Web.Rounds;
using Annotator.Web.Data;
using Annotator.Web.Engine;
using Annotator.Web.People.Work;
using Annotator.Web.Policies;
using Annotator.Web.Rounds;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Annotator.Tests.Browser;

/// <summary>An app whose sampler does what the test says.</summary>
public sealed class AppWithFakeSampler : IAsyncLifetime
{
    public FakeCompletions Server { get; private set; } = null!;
    public WebApp App { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        Server = await FakeCompletions.StartAsync();
        App = await WebApp.StartAsync($"--Engine:CompletionsUrl={Server.Url}");
        await App.Services.GetRequiredService<ModelProcess>().WaitUntilReadyAsync(TestContext.Current.CancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        await App.DisposeAsync();
        await Server.DisposeAsync();
    }
}

/// <summary>The line of policies, a policy's card, the explorer and the evaluation as an admin uses them.</summary>
public sealed class PoliciesPageTests(AppWithFakeSampler fixture, Fixtures.Browser browser) : IClassFixture<AppWithFakeSampler>, IDisposable
{
    private static readonly BrowserNewContextOptions Desktop = new() { ViewportSize = new() { Width = 1280, Height = 860 }, ColorScheme = ColorScheme.Light };
    private readonly TemporaryDirectory folder = new();
    private TestPerson admin = null!;
    private long study;

    private WebApp App => fixture.App;
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task An_admin_sees_who_came_from_whom_rolls_back_and_lets_two_serve()
    {
        await StudyAsync(rounds: 3);
        await RoundAsync(4, from: 1);
        await using var page = await OpenAsync($"/policies?study={study}");
        var line = page.Page.GetByTestId("policy-line");
        await Expect(line.Locator("li")).ToHaveCountAsync(5);
        await Expect(line.Locator("li").Last).ToContainTextAsync("Round 4from 1serves now");
        await Expect(page.Page.Locator(".arcs path")).ToHaveCountAsync(1);

        await Row(page, 3).GetByRole(AriaRole.Button, new() { Name = "Roll back to policy 3" }).ClickAsync();
        await Expect(page.Page.GetByText("Policy 3 serves now.")).ToBeVisibleAsync();
        await Expect(Row(page, 3)).ToContainTextAsync("serves now");
        await Row(page, 4).GetByRole(AriaRole.Button, new() { Name = "Let policy 4 serve beside" }).ClickAsync();
        await Expect(page.Page.GetByTestId("two")).ToContainTextAsync("Policies 3 and 4 serve together");
        await page.ShouldFindNothingInBothThemesAndSizesAsync("the policies");
        await Shots.TakeInAllWaysAsync(page, "policies");
        await page.Page.GetByRole(AriaRole.Button, new() { Name = "Policy 3 alone again" }).ClickAsync();
        await Expect(page.Page.GetByTestId("two")).ToHaveCountAsync(0);

        // Another admin's doing shows by itself.
        await using (var db = App.OpenDb())
        {
            var last = await db.Policies.SingleAsync(p => p.StudyId == study && p.Number == 4, Cancellation);
            await App.Services.GetRequiredService<PolicyOperations>().ServeAsync(admin.Current, last.Id, Cancellation);
        }

        await Expect(Row(page, 4)).ToContainTextAsync("serves now");
        page.Problems.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_policys_card_says_what_made_it_and_what_people_say_of_it_and_lets_it_go()
    {
        var policies = await StudyAsync(rounds: 2);
        await using (var db = App.OpenDb())
        {
            db.AddEvaluation(policies[2], policies[1], admin.Current.Id, wins: 61, losses: 35, ties: 14, bothBad: 4);
            db.AddEvaluation(policies[1], policies[0], admin.Current.Id, wins: 11, losses: 6);
        }

        await using var page = await OpenAsync($"/policies/2?study={study}");
        await Expect(page.Page.Locator("h1")).ToContainTextAsync("serves now");
        await Expect(page.Page.GetByTestId("judged")).ToContainTextAsync("1 of 3");
        await Expect(page.Page.Locator("[data-pair='2-1']")).ToContainTextAsync("62%");
        await Expect(page.Page.GetByTestId("data")).ToContainTextAsync("learning_rate");
        await Expect(page.Page.GetByTestId("metrics")).ToContainTextAsync("objective/kl");
        await Expect(page.Page.GetByTestId("metrics")).ToContainTextAsync("rewards/accuracies71% of 8");
        await Expect(page.Page.GetByTestId("model")).ToContainTextAsync("gpt2");
        var download = await page.Page.RunAndWaitForDownloadAsync(() => page.Page.GetByTestId("download").ClickAsync());
        download.SuggestedFilename.ShouldBe($"policy-{policies[2].Hash[..12]}.zip");
        await page.ShouldFindNothingInBothThemesAndSizesAsync("a policy's card");
        await Shots.TakeInAllWaysAsync(page, "policy-card");

        await page.GoAsync($"/policies/1?study={study}");
        await page.Page.GetByTestId("serve").ClickAsync();
        await Expect(page.Page.Locator("h1")).ToContainTextAsync("serves now");
        await page.GoAsync($"/policies/9?study={study}");
        await Expect(page.Page.Locator("h1")).ToHaveTextAsync("No such policy");
        page.Problems.ShouldBeEmpty();

        // A viewer takes it along too, and changes nothing.
        await using var looking = await browser.OpenAsync(App, await App.CreateViewerAsync($"vic{Guid.NewGuid():N}"[..12]), Desktop);
        await looking.GoAsync($"/policies/2?study={study}");
        await Expect(looking.Page.GetByTestId("download")).ToBeVisibleAsync();
        await Expect(looking.Page.GetByTestId("serve")).ToHaveCountAsync(0);
        await Expect(looking.Page.GetByText("Let it write")).ToHaveCountAsync(0);
        await Shots.TakeInAllWaysAsync(looking, "policy-card-viewer");
        looking.Problems.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_policy_is_imported_from_a_zip_and_a_wrong_one_is_refused_in_a_sentence()
    {
        await StudyAsync(rounds: 0);
        var other = Shell(77);
        var zip = folder["mine.zip"];
        await System.IO.Compression.ZipFile.CreateFromDirectoryAsync(other, zip, Cancellation);
        await File.WriteAllTextAsync(folder["no.zip"], "no zip", Cancellation);
        await using var page = await OpenAsync($"/policies?study={study}");

        await TestPage.ChooseFileAsync(page.Page.Locator("#policy-zip"), folder["no.zip"]);
        await Expect(page.Page.GetByTestId("import-fault")).ToHaveTextAsync("no.zip is not a zip that can be read: send the policy's Hugging Face directory as a zip.");
        await TestPage.ChooseFileAsync(page.Page.Locator("#policy-zip"), zip);
        await Expect(Row(page, 1)).ToContainTextAsync("imported");
        await Expect(Row(page, 0)).ToContainTextAsync("serves now");
        await page.Page.Locator("#policy-directory").FillAsync(folder["nowhere"]);
        await page.Page.GetByRole(AriaRole.Button, new() { Name = "Import", Exact = true }).ClickAsync();
        await Expect(page.Page.GetByTestId("import-fault")).ToHaveTextAsync($"The policy directory {folder["nowhere"]} does not exist.");
        page.Problems.ShouldBeEmpty();
    }

    [Fact]
    public async Task Policies_write_side_by_side_as_they_come_until_they_are_stopped()
    {
        var policies = await StudyAsync(rounds: 1);
        var (goOn, asked) = (new TaskCompletionSource(), 0);
        fixture.Server.Text = (request, index) => request.Model == policies[0].Hash ? " is a quiet film about two brothers and a boat." : $" made me laugh twice, and choice {index} cry once.";
        fixture.Server.HoldStream = _ => Interlocked.Increment(ref asked) <= 2 ? goOn.Task : Task.Delay(Timeout.Infinite, Cancellation);
        await using var page = await OpenAsync($"/policies/explorer?study={study}&policies=0,1");
        await page.Page.GetByLabel("Prompt").FillAsync("What a beautiful mess:");
        await page.Page.GetByTestId("write").ClickAsync();

        await Expect(Column(page, 0)).ToContainTextAsync("What a beautiful mess: is");
        await Expect(Column(page, 1)).ToContainTextAsync("What a beautiful mess: made");
        (await Column(page, 1).InnerTextAsync()).ShouldNotContain("laugh");
        goOn.SetResult();
        await Expect(Column(page, 0)).ToContainTextAsync("is a quiet film about two brothers and a boat.");
        await Expect(page.Page.Locator("[data-testid=columns][data-writing=false]")).ToBeAttachedAsync();
        await page.ShouldFindNothingInBothThemesAndSizesAsync("the explorer");
        await Shots.TakeInAllWaysAsync(page, "explorer");

        await page.Page.GetByTestId("write").ClickAsync();
        await Expect(page.Page.Locator("[data-testid=columns][data-writing=true]")).ToBeAttachedAsync();
        await Expect(Column(page, 0)).ToContainTextAsync("mess: is");
        await page.Page.GetByTestId("stop").ClickAsync();
        await Expect(Column(page, 0)).ToContainTextAsync("stopped");
        await Expect(page.Page.GetByTestId("write")).ToBeVisibleAsync();

        fixture.Server.HoldStream = _ => Task.CompletedTask;
        fixture.Server.BreakOff = request => request.Model == policies[1].Hash ? "The memory is full: ask for fewer tokens." : null;
        await page.Page.GetByTestId("write").ClickAsync();
        await Expect(Column(page, 1).GetByRole(AriaRole.Alert)).ToHaveTextAsync("The memory is full: ask for fewer tokens.");
        await Expect(Column(page, 0)).ToContainTextAsync("and a boat.", new() { UseInnerText = true });
        fixture.Server.BreakOff = _ => null;

        await page.Page.GetByLabel("Prompt").FillAsync("");
        await page.Page.GetByTestId("write").ClickAsync();
        await Expect(page.Page.GetByTestId("fault")).ToHaveTextAsync("Write a prompt first.");
        page.Problems.ShouldBeEmpty();
    }

    [Fact]
    public async Task The_evaluation_says_whether_it_got_better_and_the_gate_is_set_there()
    {
        var policies = await StudyAsync(rounds: 3);
        await using (var db = App.OpenDb())
        {
            db.AddEvaluation(policies[3], policies[2], admin.Current.Id, wins: 74, losses: 44, ties: 10, bothBad: 6, longer: 9);
            db.AddEvaluation(policies[3], policies[2], admin.Current.Id, wins: 6, losses: 9, longer: -14);
            db.AddEvaluation(policies[2], policies[1], admin.Current.Id, wins: 30, losses: 29, ties: 3);
            db.AddEvaluation(policies[1], policies[0], admin.Current.Id, wins: 40, losses: 21, ties: 4);
            db.AddEvaluation(policies[2], policies[0], admin.Current.Id, wins: 7, losses: 5);
        }

        await using var page = await OpenAsync($"/evaluation?study={study}");
        await Expect(page.Page.GetByTestId("now")).ToContainTextAsync("Policy 3 is preferred over policy 2 in 59% (51–67%) of 143 blind judgments.");
        await Expect(page.Page.Locator("[data-pair='2-0']")).ToContainTextAsync("12 of 20 judgments that a number needs");
        await Expect(page.Page.GetByTestId("ratings").Locator("li").First).ToContainTextAsync("Policy 3");
        await Expect(page.Page.GetByTestId("reward-kl").Locator("circle")).ToHaveCountAsync(3);

        var form = page.Page.GetByTestId("evaluation-options");
        await form.GetByTestId("gate").CheckAsync();
        await Expect(form.GetByRole(AriaRole.Alert)).ToHaveTextAsync("The gate needs blind comparisons: set their share above 0.");
        await form.GetByLabel("Share of the queue, %").FillAsync("20");
        await form.GetByLabel("The interval lies above, %").FillAsync("52");
        await form.GetByLabel("objective/kl stays below").FillAsync("12");
        await page.ShouldFindNothingInBothThemesAndSizesAsync("the evaluation");
        await form.GetByTestId("save").ClickAsync();
        await Expect(page.Page.GetByText("Saved.").First).ToBeVisibleAsync();
        await Expect(form.GetByTestId("save")).ToBeDisabledAsync();
        await Shots.TakeInAllWaysAsync(page, "evaluation");
        await using (var db = App.OpenDb())
        {
            (await db.Studies.SingleAsync(s => s.Id == study, Cancellation)).Evaluation.ShouldBe(new() { Share = 0.2, GateWinRate = 0.52, GateKl = 12 });
        }

        // From now on a round's policy waits, and the pages say so.
        await RoundAsync(4, from: 3);
        await Expect(page.Page.GetByTestId("now")).ToContainTextAsync("Policy 4 waits for the gate: 0 of 20 blind judgments against policy 3 so far.");
        await page.GoAsync($"/policies?study={study}");
        await Expect(page.Page.GetByTestId("waits")).ToContainTextAsync("Policy 4 waits for the gate");
        await Expect(page.Page.GetByTestId("policy-line").Locator("li").Last).ToContainTextAsync("awaits the gate");
        await Shots.TakeInAllWaysAsync(page, "policies-gate");
        page.Problems.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_Chinese_page_says_in_Chinese_what_has_no_estimate_who_is_left_out_and_what_is_refused()
    {
        var policies = await StudyAsync(rounds: 1);
        var contrary = await App.CreateAnnotatorAsync($"ben{Guid.NewGuid():N}"[..12]);
        await using (var db = App.OpenDb())
        {
            db.AddEvaluation(policies[1], policies[0], admin.Current.Id, wins: 24, losses: 0);
            db.AddEvaluation(policies[1], policies[0], contrary.Current.Id, wins: 2, losses: 9);
        }

        await App.Services.GetRequiredService<PeopleWork>().SetLeftOutAsync(admin.Current, study, contrary.Current.Id, true, Cancellation);
        await using var page = await browser.OpenAsync(App, admin, DeskLanguageTests.Chinese);
        await page.GoAsync($"/evaluation?study={study}");

        await Expect(page.Page.GetByTestId("ratings")).ToContainTextAsync("策略 1 从未输过，其强度没有上限");
        await Expect(page.Page.Locator("[data-pair='1-0']")).ToContainTextAsync("其中一个每次都胜出");
        await Expect(page.Page.GetByTestId("now")).ToContainTextAsync("不用于训练的人（1 位）也不计入这些数字。");
        var form = page.Page.GetByTestId("evaluation-options");
        await form.GetByTestId("gate").CheckAsync();
        await Expect(form.GetByRole(AriaRole.Alert)).ToHaveTextAsync("门槛需要盲评：请把盲评的比例设为大于 0。");
        await Shots.TakeInAllWaysAsync(page, "evaluation-chinese");

        await page.GoAsync($"/rounds?study={study}");
        await page.Page.GetByLabel("beta", new() { Exact = true }).FillAsync("0");
        await Expect(page.Page.GetByTestId("problems")).ToHaveTextAsync("beta 必须大于 0；现为 0。");
        page.Problems.ShouldBeEmpty();
    }

    public void Dispose() => folder.Dispose();

    private static ILocator Row(TestPage page, int policy) => page.Page.GetByTestId("policy-list").Locator($"[data-policy='{policy}']");

    private static ILocator Column(TestPage page, int policy) => page.Page.GetByTestId("columns").Locator($"[data-policy='{policy}']");

    private async Task<TestPage> OpenAsync(string path)
    {
        var page = await browser.OpenAsync(App, admin, Desktop);
        await page.GoAsync(path);
        return page;
    }

    /// <summary>A study with a line of policies whose files look like ones, each from the one before.</summary>
    private async Task<IReadOnlyList<Policy>> StudyAsync(int rounds)
    {
        admin = await App.CreateAdminAsync($"ada{Guid.NewGuid():N}"[..12]);
        await using (var db = App.OpenDb())
        {
            var row = new Study { Name = $"Study of {admin.UserName}", Guidelines = "", Sampling = new(), CreatedAt = DateTime.UtcNow };
            db.Studies.Add(row);
            db.Prompts.Add(new() { Study = row, Text = "The director clearly", Split = PromptSplit.Heldout, CreatedAt = DateTime.UtcNow });
            await db.SaveChangesAsync(Cancellation);
            study = row.Id;
        }

        var line = new List<Policy> { await App.PublishAsync(study, await RegisterAsync(0)) };
        for (var round = 1; round <= rounds; round++)
        {
            line.Add(await RoundAsync(round, from: round - 1));
        }

        return line;
    }

    /// <summary>What a round leaves: its row, its result with a KL, its policy.</summary>
    private async Task<Policy> RoundAsync(int number, int from)
    {
        Round round;
        await using (var db = App.OpenDb())
        {
            round = new Round
            {
                StudyId = study, Number = number, State = RoundState.Running, DirectoryName = $"study-{study}-round-{number}", StartedById = admin.Current.Id,
                Options = RoundOptionsText.Format(RoundOptions.AppDefaults("policy", "reference")), Init = RoundInit.Previous, Reference = RoundReference.Sft, Data = RoundData.All,
                InitPolicyId = await db.Policies.Where(p => p.StudyId == study && p.Number == from).Select(p => p.Id).SingleAsync(Cancellation), CreatedAt = DateTime.UtcNow,
            };
            db.Rounds.Add(round);
            await db.SaveChangesAsync(Cancellation);
        }

        var directory = new RoundDirectory(App.Data.Round(round.DirectoryName));
        Directory.CreateDirectory(directory.Root);
        new RoundResult
        {
            Status = RoundStatus.Succeeded, Steps = 24, MaxSteps = 24, Used = new() { TrainComparisons = 180, TrainPairs = 180 },
            FinalMetrics = new() { Step = 24, MaxSteps = 24, BatchSize = 8, Loss = 0.52, RewardsAccuracies = 0.71, RewardsMargins = 0.44 },
        }.Write(directory.Result);
        var result = System.Text.Json.Nodes.JsonNode.Parse(await File.ReadAllTextAsync(directory.Result, Cancellation))!;
        result["objective/kl"] = 2.4 * number;
        await File.WriteAllTextAsync(directory.Result, result.ToJsonString(), Cancellation);
        return await App.Services.GetRequiredService<PolicyLine>().PublishAsync(study, await RegisterAsync((byte)number), round.Id, done => done.State = RoundState.Succeeded, Cancellation);
    }

    private Task<string> RegisterAsync(byte content) => App.Services.GetRequiredService<PolicyRegistry>().ImportAsync(Shell(content), Cancellation);

    private string Shell(byte content)
    {
        var directory = RoundsDatabase.WriteShell(folder[$"policy-{content}"], content);
        File.WriteAllText(Path.Combine(directory, "config.json"), """{"model_type":"gpt2","n_layer":4,"n_embd":256,"n_head":4,"n_positions":256,"vocab_size":4096}""");
        File.WriteAllText(Path.Combine(directory, "vocab.json"), """{"a":0,"b":1}""");
        File.WriteAllText(Path.Combine(directory, "README.md"), $"---\nlicense: mit\n---\n# A policy\n\nIt writes film reviews, and little else. This is the {content}th of its line.\n");
        return directory;
    }
}

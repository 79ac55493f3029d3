using System.Net;
using System.Text.Json.Nodes;
using Annotator.Model.Preferences;
using Annotator.Tests.Fixtures;
using Annotator.Tests.Web.Annotating;
using Annotator.Tests.Web.Rounds;
using Annotator.Web.Data;
using Annotator.Web.Dataset;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Tests.Web.Dataset;

public sealed class DatasetExportTests
{
    private readonly CancellationToken cancellation = TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_trl_export_holds_each_current_preference_once()
    {
        await using var data = await RoundsDatabase.CreateAsync();
        await FillAsync(data);

        var lines = Parse(await ExportAsync(new DatasetExport(data, EnglishWords.All).Trl(data.Admin, data.StudyId)));

        lines.Select(line => line.ToJsonString()).ShouldBe(
        [
            """{"prompt":"Preferred","chosen":" first","rejected":" second","margin":2}""",
            """{"prompt":"Revised","chosen":" second","rejected":" first"}""",
        ]);
        var counts = await new DatasetExport(data, EnglishWords.All).CountAsync(data.Admin, data.StudyId, cancellation);
        counts.Pairs.ShouldBe(2);
        counts.LogLines.ShouldBe(9);
        counts.Superseded.ShouldBe(2);
        (counts.Current.Preferences + counts.Current.LeftOutInAll + counts.Superseded).ShouldBe(counts.LogLines, "every judgment is accounted for");
    }

    [Fact]
    public async Task The_log_export_holds_every_judgment_as_it_was_made()
    {
        await using var data = await RoundsDatabase.CreateAsync();
        await FillAsync(data);

        var lines = Parse(await ExportAsync(new DatasetExport(data, EnglishWords.All).Log(data.Admin, data.StudyId)));

        lines.Count.ShouldBe(9);
        lines.Select(line => (string)line["verdict"]!).ShouldBe(["ranked", "ranked", "both_bad", "skipped", "ranked", "ranked", "ranked", "withdrawn", "ranked"]);
        lines[0].ToJsonString().ShouldBe("""
            {"id":1,"comparison":1,"purpose":"train","annotator":"pseudonym of annotator-1","created_at":"2026-03-01T12:00:00Z","origin":"queue","verdict":"ranked","ranking":[[0],[1]],
            "strength":2,"comment":"Clear.","reasons":[],"sides_shown":[1,0],"seconds":3.25,"guidelines_version":2,"prompt":{"id":1,"text":"Preferred","split":"train"},"responses":[
            {"position":0,"id":1,"text":" first","token_ids":[32,102,105,114,115,116,256],"prompt_token_ids":[80],"log_probability":-12.5,"policy":"HASH","policy_number":0,
            "temperature":0.9,"top_p":1,"top_k":0,"max_tokens":64,"seed":7,"finish_reason":"stop","created_at":"2026-03-01T12:00:00Z"},
            {"position":1,"id":2,"text":" second","token_ids":[32,115,101,99,111,110,100,256],"prompt_token_ids":[80],"log_probability":-12.5,"policy":"HASH","policy_number":0,
            "temperature":0.9,"top_p":1,"top_k":0,"max_tokens":64,"seed":8,"finish_reason":"stop","created_at":"2026-03-01T12:00:00Z"}]}
            """.ReplaceLineEndings("").Replace("HASH", (string)lines[0]["responses"]![0]!["policy"]!));
        ((string)lines[3]["skip_reason"]!).ShouldBe("not_my_language");
        ((int)lines[4]["superseded_by"]!).ShouldBe(6);
        ((int)lines[5]["supersedes"]!).ShouldBe(5);
        ((int)lines[7]["supersedes"]!).ShouldBe(7);
        string.Concat(lines).ShouldNotContain("name of");
    }

    [Fact]
    public async Task A_ranking_of_three_exports_its_pairs_and_never_a_text_against_itself()
    {
        var judged = new Annotator.Web.Rounds.JudgedComparison
        {
            JudgmentId = 1, ComparisonId = 1, Verdict = Verdict.Ranked, Ranking = [[2], [0], [1]], Purpose = ComparisonPurpose.Train, Prompt = "x", PromptSplit = PromptSplit.Train,
            Responses = [new("same", null, null, "h"), new("same", null, null, "h"), new("better", null, null, "h")],
        };

        PreferencePairs.Of(judged).Select(line => (line.Chosen.Text, line.Rejected.Text)).ShouldBe([("better", "same"), ("better", "same")]);
        PreferencePairs.Of(judged with { Ranking = [[0, 1, 2]] }).ShouldBeEmpty();
        await Task.CompletedTask;
    }

    [Fact]
    public async Task Rankings_and_chats_are_exported_as_they_were_given_and_as_all_the_pairs_they_imply()
    {
        await using var desk = new RankedChat();
        await desk.JudgeAsync();

        var rankings = Parse(await ExportAsync(new DatasetExport(desk.Database, EnglishWords.All).Rankings(desk.Admin, desk.Database.StudyId)));
        var pairs = Parse(await ExportAsync(new DatasetExport(desk.Database, EnglishWords.All).Trl(desk.Admin, desk.Database.StudyId)));
        var log = Parse(await ExportAsync(new DatasetExport(desk.Database, EnglishWords.All).Log(desk.Admin, desk.Database.StudyId)));

        rankings.Count.ShouldBe(2, "the ranking, and the edit");
        rankings[0]["prompt"]!.ToJsonString().ShouldBe("""[{"role":"user","content":"A haiku?"}]""");
        rankings[0]["ranking"]!.ToJsonString().ShouldBe("[[2],[0,1]]");
        rankings[0]["completions"]!.AsArray().Select(c => (string)c!["text"]!).ShouldBe(["one", "two", "three"]);
        rankings[1]["completions"]!.ToJsonString().ShouldBe("""[{"text":"two","policy":"hash-0"},{"text":"two, better","author":"person"}]""");
        pairs.Select(line => line.ToJsonString()).ShouldBe(
        [
            Pair("three", "one"), Pair("three", "two"),
            """{"prompt":[{"role":"user","content":"A haiku?"}],"chosen":[{"role":"assistant","content":"two, better"}],"rejected":[{"role":"assistant","content":"two"}],"chosen_author":"person"}""",
        ]);
        log[0]["flags"]!.ToJsonString().ShouldBe("""[[],["unsafe","broken"],[]]""");
        log[0]["reasons"]!.ToJsonString().ShouldBe("""["truer"]""");
        log[0]["prompt"]!["messages"]!.ToJsonString().ShouldBe("""[{"role":"user","content":"A haiku?"}]""");
        ((string)log[1]["origin"]!, (int)log[1]["given_with"]!).ShouldBe(("edit", 1));
        ((string)log[1]["responses"]![1]!["author"]!, (int)log[1]["responses"]![1]!["edited_from"]!).ShouldBe(("annotator-ada", 2));

        static string Pair(string chosen, string rejected) =>
            $$"""{"prompt":[{"role":"user","content":"A haiku?"}],"chosen":[{"role":"assistant","content":"{{chosen}}"}],"rejected":[{"role":"assistant","content":"{{rejected}}"}]}""";
    }

    [Fact]
    public async Task The_downloads_are_for_admins()
    {
        await using var app = await WebApp.StartAsync();
        using var admin = await app.SignInAsync(await app.CreateAdminAsync());
        using var annotator = await app.SignInAsync(await app.CreateAnnotatorAsync());
        using var nobody = app.CreateClient();

        var download = await admin.GetAsync("/dataset/1/log.jsonl", cancellation);
        download.StatusCode.ShouldBe(HttpStatusCode.OK);
        download.Content.Headers.ContentType!.MediaType.ShouldBe("application/jsonl");
        download.Content.Headers.ContentDisposition!.FileNameStar.ShouldBe("study-1-log.jsonl");
        foreach (var client in (HttpClient[])[annotator, nobody])
        {
            (await client.GetAsync("/dataset/1/trl.jsonl", cancellation)).StatusCode.ShouldNotBe(HttpStatusCode.OK);
            (await client.GetAsync("/dataset/1/log.jsonl", cancellation)).StatusCode.ShouldNotBe(HttpStatusCode.OK);
        }

        await using var data = await RoundsDatabase.CreateAsync();
        Should.Throw<NotAllowedException>(() => new DatasetExport(data, EnglishWords.All).Trl(data.Annotator, data.StudyId));
        Should.Throw<NotAllowedException>(() => new DatasetExport(data, EnglishWords.All).Log(data.Annotator, data.StudyId));
    }

    /// <summary>Nine judgments of every kind; two state a preference that stands.</summary>
    private static async Task FillAsync(RoundsDatabase data)
    {
        await data.JudgeAsync(await data.AddComparisonAsync("Preferred", promptTokens: [80]), strength: 2, comment: "Clear.");
        await data.JudgeAsync(await data.AddComparisonAsync("Tied"), [[0, 1]]);
        await data.JudgeAsync(await data.AddComparisonAsync("Bad"), verdict: Verdict.BothBad);
        await data.JudgeAsync(await data.AddComparisonAsync("Skipped"), verdict: Verdict.Skipped, skip: SkipReason.NotMyLanguage);
        var revised = await data.AddComparisonAsync("Revised");
        await data.JudgeAsync(revised, [[1], [0]], supersedes: await data.JudgeAsync(revised));
        var undone = await data.AddComparisonAsync("Undone");
        await data.JudgeAsync(undone, verdict: Verdict.Withdrawn, supersedes: await data.JudgeAsync(undone));
        await data.JudgeAsync(await data.AddComparisonAsync("Held out", split: PromptSplit.Heldout));
    }

    private static async Task<string> ExportAsync<T>(IAsyncEnumerable<T> lines)
    {
        using var stream = new MemoryStream();
        await JsonLines.WriteAsync(stream, lines, TestContext.Current.CancellationToken);
        return System.Text.Encoding.UTF8.GetString(stream.ToArray());
    }

    private static List<JsonNode> Parse(string text)
    {
        text.ShouldEndWith("}\n");
        return [.. text.TrimEnd('\n').Split('\n').Select(line => JsonNode.Parse(line)!)];
    }
}

/// <summary>A study that asks for rankings of three answers in a chat, and an annotator who gives one.</summary>
file sealed class RankedChat : IAsyncDisposable
{
    private readonly Annotator.Web.Annotating.Seat ada;

    public RankedChat()
    {
        Database.Ask(task => task with { Kind = TaskKind.Ranking, ResponsesPerComparison = 3, ReasonChips = ["truer"] });
        ada = Database.AddAnnotator("ada");
        using var db = Database.CreateDbContext();
        ChatMessage[] messages = [new("user", "A haiku?")];
        var prompt = new Prompt { StudyId = Database.StudyId, Text = Prompt.Rendered(messages), Messages = messages, CreatedAt = Database.Clock.Now };
        db.Prompts.Add(prompt);
        db.SaveChanges();
        var comparison = Database.AddComparison(prompt.Id);
        foreach (var (position, text) in new[] { "one", "two", "three" }.Index())
        {
            db.ComparisonResponses.Include(r => r.Response).Single(r => r.ComparisonId == comparison.Id && r.Position == position).Response!.Text = text;
        }

        db.SaveChanges();
    }

    public DeskDatabase Database { get; } = new();
    public CurrentPerson Admin { get; } = new("admin", "admin", IsAdmin: true, IsAnnotator: false);

    public async Task JudgeAsync()
    {
        var shown = (await Database.Desk.NextAsync(ada, []))!;
        await Database.Desk.JudgeAsync(ada, new()
        {
            Comparison = shown, Answer = Annotator.Web.Annotating.Answer.Ranked, Tiers = [[2], [0, 1]], Reasons = ["truer"], Edit = new(1, "two, better"),
            Flags = new Dictionary<int, ResponseFaults> { [1] = ResponseFaults.Unsafe | ResponseFaults.Broken },
            Seconds = 4, GuidelinesVersion = 1, RequestId = Guid.NewGuid(),
        });
    }

    public ValueTask DisposeAsync()
    {
        Database.Dispose();
        return ValueTask.CompletedTask;
    }
}

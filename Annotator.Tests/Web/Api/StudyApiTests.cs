using System.Net;
using Annotator.Tests.Fixtures;
using Annotator.Web.Annotating;
using Annotator.Web.Api.Keys;
using Annotator.Web.Data;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace Annotator.Tests.Web.Api;

/// <summary>Studies, prompts, gold, people's work and disagreements, by a program with a key as on their pages.</summary>
public sealed class StudyApiTests(WebApp app) : IClassFixture<WebApp>
{
    private static readonly CancellationToken Cancellation = TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_study_is_created_with_what_is_named_cloned_archived_and_offered_again()
    {
        var ben = await app.CreateAnnotatorAsync("ben");
        using var client = await app.KeyOfAsync(await app.CreateAdminAsync("creator"));
        var asked = $$"""{"name": "Tea", "guidelines": "Which is **clearer**?", "sampling": {"max_tokens": 32}, "task": {"overlap": 2}, "members": ["{{ben.Current.Id}}"]}""";

        var (response, tea) = await client.PostJsonAsync("/api/v1/studies", asked, "tea");

        response.StatusCode.ShouldBe(HttpStatusCode.Created);
        var id = tea!["id"]!.GetValue<long>();
        response.Headers.Location!.ToString().ShouldBe($"/api/v1/studies/{id}");
        var settings = tea["settings"]!;
        (settings["sampling"]!["max_tokens"]!.GetValue<int>(), settings["sampling"]!["temperature"]!.GetValue<double>(), settings["task"]!["overlap"]!.GetValue<int>(), tea["policy"]!.GetValue<int>())
            .ShouldBe((32, 0.9, 2, 0), "what is left out is as on the page");
        settings["members"]!.AsArray().Single()!.GetValue<string>().ShouldBe(ben.Current.Id);
        (await client.PostJsonAsync("/api/v1/studies", asked, "tea")).Json!["id"]!.GetValue<long>().ShouldBe(id);

        (await client.SendAsync(HttpMethod.Put, $"/api/v1/studies/{id}/rule", """{"automatic_round_every": 50, "automatic_rounds_a_day": 3}""")).Response.StatusCode.ShouldBe(HttpStatusCode.OK);

        var (_, copy) = await client.PostJsonAsync($"/api/v1/studies/{id}/clone");
        (await client.GetJsonAsync($"/api/v1/studies/{copy!["id"]}/rule")).Json!.ToJsonString().ShouldBe("""{"automatic_round_every":50,"automatic_rounds_a_day":3}""");
        (copy["settings"]!["name"]!.GetValue<string>(), copy["policy"]!.GetValue<int>()).ShouldBe(("Tea (2)", 0));
        (await client.PostJsonAsync($"/api/v1/studies/{id}/archive")).Json!["settings"]!["is_archived"]!.GetValue<bool>().ShouldBeTrue();
        (await app.Services.GetRequiredService<Desk>().StudyAsync(ben.Current, id, Cancellation)).ShouldBeNull();
        (await client.PostJsonAsync($"/api/v1/studies/{id}/unarchive")).Json!["settings"]!["is_archived"]!.GetValue<bool>().ShouldBeFalse();
        await using var db = app.OpenDb();
        (await db.AuditEntries.Where(a => a.Action.StartsWith("study.") && a.Detail.Contains("Tea")).OrderBy(a => a.Id).Select(a => a.Action).ToListAsync(Cancellation))
            .ShouldBe(["study.create", "study.clone", "study.archive", "study.restore"]);
    }

    [Fact]
    public async Task A_study_that_can_not_be_is_refused_in_words_and_leaves_nothing()
    {
        using var client = await app.KeyOfAsync(await app.CreateAdminAsync("refused"));
        await using var db = app.OpenDb();
        var before = await db.Studies.CountAsync(Cancellation);

        (await client.PostJsonAsync("/api/v1/studies", """{"guidelines": "Nameless"}""")).ShouldBeProblem(422, "name");
        (await client.PostJsonAsync("/api/v1/studies", """{"name": "x", "sampling": {"temperature": 9}}""")).ShouldBeProblem(422, "temperature");
        (await client.PostJsonAsync("/api/v1/studies", """{"name": "x", "sampling": {"temprature": 1}}""")).ShouldBeProblem(400, "temprature");
        (await client.PostJsonAsync("/api/v1/studies", """{"name": "x", "sampling": null}""")).ShouldBeProblem(400);
        (await client.PostJsonAsync("/api/v1/studies", """{"name": "x", "members": []}""")).ShouldBeProblem(422, "at least one person");
        (await client.PostJsonAsync("/api/v1/studies", $$"""{"name": "x", "policy": "{{new string('0', 64)}}"}""")).ShouldBeProblem(422, "registry");
        (await client.PostJsonAsync("/api/v1/studies", """{"name": "x", "policy_directory": "models/gpt2"}""")).ShouldBeProblem(422, "full path");
        (await client.PostJsonAsync("/api/v1/studies", """{"name": "x", "policy": "0", "policy_directory": "/models"}""")).ShouldBeProblem(400, "not by both");
        (await client.PostJsonAsync("/api/v1/studies/4711/clone")).ShouldBeProblem(404, "4711");
        (await client.PostJsonAsync("/api/v1/studies/1/clone", """{"name": ""}""")).ShouldBeProblem(422, "name");

        (await db.Studies.CountAsync(Cancellation)).ShouldBe(before);
    }

    [Fact]
    public async Task Prompts_are_found_paused_held_out_and_moved_one_by_one_or_all_of_a_kind()
    {
        var study = await app.AddStudyAsync(prompts: 5);
        using var client = await app.KeyOfAsync(await app.CreateAdminAsync("prompter"));
        var prompts = $"/api/v1/studies/{study}/prompts";
        var ids = (await client.GetJsonAsync(prompts)).Json!["items"]!.AsArray().Select(prompt => prompt!["id"]!.GetValue<long>()).ToList();

        var (_, changed) = await client.SendAsync(HttpMethod.Patch, $"{prompts}/{ids[0]}", """{"is_paused": true, "priority": 3, "split": "heldout"}""");
        (changed!["is_paused"]!.GetValue<bool>(), changed["priority"]!.GetValue<int>(), changed["split"]!.GetValue<string>()).ShouldBe((true, 3, "heldout"));
        (await CountAsync("?split=heldout&is_paused=true")).ShouldBe(1);
        (await CountAsync("?text=prompt%202")).ShouldBe(1);

        (await ChangeAsync($$"""{"ids": [{{ids[1]}}, {{ids[2]}}, 4711], "is_paused": true}""")).ShouldBe(2, "what is another study's is left alone");
        (await CountAsync("?is_paused=true")).ShouldBe(3);
        (await ChangeAsync("""{"where": {"is_paused": true}, "is_paused": false}""")).ShouldBe(3);
        (await ChangeAsync("""{"where": {}, "split": "train"}""")).ShouldBe(5);
        (await CountAsync("?split=train&is_paused=false")).ShouldBe(5);

        (await client.SendAsync(HttpMethod.Patch, $"{prompts}/{ids[0]}", "{}")).ShouldBeProblem(422, "what is to be changed");
        (await client.SendAsync(HttpMethod.Patch, $"{prompts}/{ids[0]}", """{"priority": 1001}""")).ShouldBeProblem(422, "priority");
        (await client.SendAsync(HttpMethod.Patch, $"{prompts}/4711", """{"priority": 1}""")).ShouldBeProblem(404, "4711");
        (await client.PostJsonAsync($"{prompts}/changes", """{"priority": 1}""")).ShouldBeProblem(400, "which prompts");
        (await client.PostJsonAsync($"{prompts}/changes", """{"ids": [1], "where": {}, "priority": 1}""")).ShouldBeProblem(400, "which prompts");

        async Task<int> CountAsync(string query) => (await client.GetJsonAsync(prompts + query)).Json!["items"]!.AsArray().Count;
        async Task<int> ChangeAsync(string change) => (await client.PostJsonAsync($"{prompts}/changes", change)).Json!["changed"]!.GetValue<int>();
    }

    [Fact]
    public async Task Three_programs_judge_and_an_admin_reads_their_figures_and_leaves_one_out()
    {
        var study = await JudgedStudyAsync("work");
        using var admin = await app.KeyOfAsync(await app.CreateAdminAsync("work-admin"));

        var (_, work) = await admin.GetJsonAsync($"/api/v1/studies/{study}/annotators");

        (work!["judgments"]!.GetValue<int>(), work["judged_twice"]!.GetValue<int>(), work["alpha"]!["count"]!.GetValue<int>()).ShouldBe((18, 6, 6));
        work["alpha"]!["value"]!.GetValue<double>().ShouldBeInRange(-1, 1);
        var people = work["annotators"]!.AsArray().ToDictionary(person => person!["name"]!.GetValue<string>(), person => person!);
        (people["work-1"]["majority"]!["value"]!.GetValue<double>(), people["work-1"]["majority"]!["count"]!.GetValue<int>()).ShouldBe((1, 4), "where the other two are divided, they say nothing");
        people["work-3"]["majority"]!["value"]!.GetValue<double>().ShouldBe(4.0 / 6, 1e-9);
        people["work-3"]["gold"]!["why"]!.GetValue<string>().ShouldBe("nothing_yet");
        var pseudonym = people["work-3"]["annotator"]!.GetValue<string>();
        using var viewer = await app.KeyOfAsync(await app.CreateViewerAsync("work-viewer"));
        (await viewer.GetJsonAsync($"/api/v1/studies/{study}/annotators")).Json!["annotators"]!.AsArray().ShouldAllBe(person => person!["name"]!.GetValue<string>() == person["annotator"]!.GetValue<string>());

        var leftOut = $"/api/v1/studies/{study}/left-out/{pseudonym}";
        var (_, preview) = await admin.GetJsonAsync(leftOut);
        (preview!["is_left_out"]!.GetValue<bool>(), preview["judgments"]!.GetValue<int>(), preview["train"]!.GetValue<int>() + preview["eval"]!.GetValue<int>(), preview["only_theirs"]!.GetValue<int>())
            .ShouldBe((false, 6, 6, 0));
        (await admin.SendAsync(HttpMethod.Put, leftOut)).Json!["is_left_out"]!.GetValue<bool>().ShouldBeTrue();
        (await TrainedOnAsync()).ShouldBe(12);
        (await admin.SendAsync(HttpMethod.Delete, leftOut)).Json!["is_left_out"]!.GetValue<bool>().ShouldBeFalse();
        (await TrainedOnAsync()).ShouldBe(18);
        (await admin.GetJsonAsync($"/api/v1/studies/{study}/left-out/annotator-nobody")).ShouldBeProblem(404, "annotator-nobody");
        (await viewer.SendAsync(HttpMethod.Put, leftOut)).ShouldBeProblem(403);

        async Task<int> TrainedOnAsync()
        {
            var counts = (await admin.GetJsonAsync($"/api/v1/studies/{study}/rounds/preview")).Json!["counts"]!;
            return counts["train"]!.GetValue<int>() + counts["eval"]!.GetValue<int>();
        }
    }

    [Fact]
    public async Task What_annotators_disagree_about_is_listed_told_and_decided()
    {
        var study = await JudgedStudyAsync("divided");
        using var admin = await app.KeyOfAsync(await app.CreateAdminAsync("decides"));
        var dataset = $"/api/v1/studies/{study}/dataset";

        var first = (await admin.GetJsonAsync($"{dataset}?agreement=contested&limit=1")).Json!;
        var second = (await admin.GetJsonAsync($"{dataset}?agreement=contested&limit=1&cursor={first["next"]}")).Json!;

        second["next"].ShouldBeNull();
        var ids = new[] { first, second }.Select(page => page["items"]![0]!["id"]!.GetValue<long>()).ToList();
        ids.Distinct().Count().ShouldBe(2);
        (await admin.GetJsonAsync($"{dataset}?contested_first=true")).Json!["items"]!.AsArray().Take(2).Select(row => row!["id"]!.GetValue<long>()).ShouldBe(ids);
        var (_, story) = await admin.GetJsonAsync($"{dataset}/{ids[0]}");
        story!["judgments"]!.AsArray().Select(judgment => judgment!["who"]!.GetValue<string>()).ShouldBe(["divided-1", "divided-2", "divided-3"], ignoreOrder: true);

        var (_, decided) = await admin.SendAsync(HttpMethod.Put, $"{dataset}/{ids[0]}/decision", """{"verdict": "ranked", "ranking": [[1], [0]], "comment": "Clearer."}""");
        (decided!["agreement"]!.GetValue<string>(), decided["decision"]!["ranking"]!.ToJsonString(), decided["decision"]!["comment"]!.GetValue<string>()).ShouldBe(("adjudicated", "[[1],[0]]", "Clearer."));
        (await admin.SendAsync(HttpMethod.Delete, $"{dataset}/{ids[0]}/decision")).Json!["agreement"]!.GetValue<string>().ShouldBe("contested");

        (await admin.SendAsync(HttpMethod.Delete, $"{dataset}/{ids[0]}/decision")).ShouldBeProblem(422, "No decision stands");
        (await admin.SendAsync(HttpMethod.Put, $"{dataset}/{ids[0]}/decision", """{"verdict": "withdrawn"}""")).ShouldBeProblem(422, "ranking");
        (await admin.SendAsync(HttpMethod.Put, $"{dataset}/{ids[0]}/decision", """{"verdict": "ranked", "ranking": [[0]]}""")).ShouldBeProblem(422, "each position");
        (await admin.SendAsync(HttpMethod.Put, $"{dataset}/{ids[0]}/decision", """{"verdict": "ranked", "ranking": [[0], [0]]}""")).ShouldBeProblem(400, "twice");
        var agreed = (await admin.GetJsonAsync($"{dataset}?agreement=agreed")).Json!["items"]![0]!["id"]!.GetValue<long>();
        (await admin.SendAsync(HttpMethod.Put, $"{dataset}/{agreed}/decision", """{"verdict": "both_bad"}""")).ShouldBeProblem(422, "nothing to decide");
        (await admin.GetJsonAsync($"{dataset}/4711")).ShouldBeProblem(404, "4711");
        (await admin.GetJsonAsync($"{dataset}?cursor=made-up")).ShouldBeProblem(400, "cursor");
        (await admin.GetJsonAsync($"{dataset}?agreement=perhaps")).ShouldBeProblem(400);
        using var viewer = await app.KeyOfAsync(await app.CreateViewerAsync("decides-not"));
        (await viewer.GetJsonAsync($"{dataset}/{ids[0]}")).Json!["judgments"]!.AsArray().ShouldAllBe(judgment => judgment!["who"]!.GetValue<string>().StartsWith("annotator-"));
        (await viewer.SendAsync(HttpMethod.Put, $"{dataset}/{ids[0]}/decision", """{"verdict": "both_bad"}""")).ShouldBeProblem(403);
    }

    [Fact]
    public async Task A_judged_comparison_becomes_gold_and_one_like_all_others_again()
    {
        var study = await JudgedStudyAsync("golden");
        using var admin = await app.KeyOfAsync(await app.CreateAdminAsync("goldsmith"));
        var gold = $"/api/v1/studies/{study}/gold";
        var judged = (await admin.GetJsonAsync($"{gold}?judged=true&limit=4")).Json!;
        judged["items"]!.AsArray().Count.ShouldBe(4);
        (await admin.GetJsonAsync($"{gold}?judged=true&limit=4&cursor={judged["next"]}")).Json!["items"]!.AsArray().Count.ShouldBe(2);
        var item = judged["items"]![0]!;
        var (id, given) = (item["comparison"]!.GetValue<long>(), item["given"]![0]!["ranking"]!.ToJsonString());

        var (_, marked) = await admin.SendAsync(HttpMethod.Put, $"{gold}/{id}", $$"""{"ranking": {{given}}}""");

        (marked!["gold"]!.ToJsonString(), marked["right"]!.GetValue<int>(), marked["answered"]!.GetValue<int>()).ShouldBe((given, item["given"]![0]!["count"]!.GetValue<int>(), 3));
        (await admin.GetJsonAsync(gold)).Json!["items"]!.AsArray().Single()!["comparison"]!.GetValue<long>().ShouldBe(id);
        (await admin.SendAsync(HttpMethod.Put, $"{gold}/{id}", """{"ranking": [[0]]}""")).ShouldBeProblem(422, "each of the 2");
        (await admin.SendAsync(HttpMethod.Put, $"{gold}/{id}", """{"ranking": [[0], null]}""")).ShouldBeProblem(400);
        (await admin.SendAsync(HttpMethod.Put, $"{gold}/{id}", """{"ranking": [[0], []]}""")).ShouldBeProblem(400, "empty");
        (await admin.SendAsync(HttpMethod.Delete, $"{gold}/{id}")).Response.StatusCode.ShouldBe(HttpStatusCode.NoContent);
        (await admin.GetJsonAsync(gold)).Json!["items"]!.AsArray().ShouldBeEmpty();
        (await admin.GetJsonAsync($"{gold}/4711")).ShouldBeProblem(404, "4711");
        using var viewer = await app.KeyOfAsync(await app.CreateViewerAsync("treasurer"));
        (await viewer.GetJsonAsync(gold)).ShouldBeProblem(403);
    }

    [Fact]
    public async Task A_program_takes_its_last_judgment_back_once_however_often_it_says_so()
    {
        var study = await JudgedStudyAsync("undone");
        using var admin = await app.KeyOfAsync(await app.CreateAdminAsync("undone-reader"), ApiScopes.Read);
        using var robot = await app.KeyOfAsync(await app.CreateAnnotatorAsync("undone-4"), ApiScopes.Judge);
        (await robot.PostJsonAsync($"/api/v1/studies/{study}/judgments/undo")).Response.StatusCode.ShouldBe(HttpStatusCode.NoContent);
        await using (var db = app.OpenDb())
        {
            db.AddComparisons(study, 1);
        }

        var comparison = (await robot.PostJsonAsync($"/api/v1/studies/{study}/next")).Json!["comparison"]!.GetValue<long>();
        await robot.PostJsonAsync($"/api/v1/studies/{study}/judgments", $$"""{"comparison": {{comparison}}, "both_bad": true}""");

        foreach (var _ in Enumerable.Range(0, 2))
        {
            (await robot.PostJsonAsync($"/api/v1/studies/{study}/judgments/undo", idempotencyKey: "undo-1")).Json!["comparison"]!.GetValue<long>().ShouldBe(comparison);
        }

        (await admin.GetJsonAsync($"/api/v1/studies/{study}/comparisons/{comparison}")).Json!["judgments"]!.AsArray().Select(judgment => judgment!["verdict"]!.GetValue<string>())
            .ShouldBe(["both_bad", "withdrawn"]);
    }

    /// <summary>Six comparisons of three programs: they agree about four, and the third is alone with what it says of the other two.</summary>
    private async Task<long> JudgedStudyAsync(string names)
    {
        long study;
        await using (var db = app.OpenDb())
        {
            var added = db.AddStudy();
            added.Task = added.Task with { Overlap = 3 };
            await db.SaveChangesAsync(Cancellation);
            study = added.Id;
            db.AddComparisons(study, 6);
        }

        var alone = new HashSet<long>();
        foreach (var number in Enumerable.Range(1, 3))
        {
            using var robot = await app.KeyOfAsync(await app.CreateAnnotatorAsync($"{names}-{number}"), ApiScopes.Judge);
            var next = (await robot.PostJsonAsync($"/api/v1/studies/{study}/next")).Json;
            while (next is not null)
            {
                var comparison = next["comparison"]!.GetValue<long>();
                if (number == 1 && alone.Count < 2)
                {
                    alone.Add(comparison);
                }

                var texts = next["responses"]!.AsArray().Select(text => text!.GetValue<string>()).ToList();
                var longest = texts.IndexOf(texts.MaxBy(text => text.Length)!);
                var better = number == 3 && alone.Contains(comparison) ? 1 - longest : longest;
                var (response, judged) = await robot.PostJsonAsync($"/api/v1/studies/{study}/judgments", $$"""{"comparison": {{comparison}}, "ranking": [[{{better}}], [{{1 - better}}]]}""");
                response.StatusCode.ShouldBe(HttpStatusCode.OK, judged?.ToJsonString());
                next = judged!["next"];
            }
        }

        return study;
    }
}

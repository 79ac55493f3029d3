using System.Net;
using Annotator.Tests.Fixtures;
using Annotator.Web.Api.Keys;
using Annotator.Web.Data;
using Annotator.Web.People;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace Annotator.Tests.Web.Api;

public sealed class ApiTests(WebApp app) : IClassFixture<WebApp>
{
    private static readonly CancellationToken Cancellation = TestContext.Current.CancellationToken;

    private ApiKeyOperations Keys => app.Services.GetRequiredService<ApiKeyOperations>();

    [Fact]
    public async Task A_key_acts_as_the_person_who_made_it_until_it_is_revoked_and_the_log_knows_the_key()
    {
        var ada = await app.CreateAdminAsync();
        var made = await Keys.CreateAsync(ada.Current, "nightly export", ApiScopes.Read | ApiScopes.Write, DateTime.UtcNow.AddDays(30), Cancellation);
        made.Key.Length.ShouldBe(47);
        using var client = app.WithKey(made.Key);

        (await client.SendAsync(HttpMethod.Patch, "/api/v1/studies/1", """{"name": "Films of the week"}""")).Response.EnsureSuccessStatusCode();

        await using var db = app.OpenDb();
        var entry = await db.AuditEntries.SingleAsync(a => a.Action == "study.change" && a.ApiKeyId == made.Id, Cancellation);
        (entry.PersonId, entry.Address).ShouldBe((ada.Current.Id, "127.0.0.1"));
        (await db.ApiKeys.AsNoTracking().SingleAsync(k => k.Id == made.Id, Cancellation)).LastUsedAt.ShouldNotBeNull();
        // Whoever reads the database reads no key.
        File.ReadAllText(app.Data.Database, System.Text.Encoding.Latin1).ShouldNotContain(made.Key[8..]);

        await Keys.RevokeAsync(ada.Current, made.Id, Cancellation);
        (await client.GetJsonAsync("/api/v1/studies")).ShouldBeProblem(401);
        await Should.ThrowAsync<RefusedException>(() => Keys.RevokeAsync(ada.Current, made.Id, Cancellation));
    }

    [Fact]
    public async Task A_key_ends_with_its_time_and_rests_while_its_person_is_locked_out()
    {
        var (boss, grace) = (await app.CreateAdminAsync("boss"), await app.CreateAdminAsync("grace"));
        var people = app.Services.GetRequiredService<PeopleOperations>();
        var made = await Keys.CreateAsync(grace.Current, "a script", ApiScopes.Read, DateTime.UtcNow.AddHours(1), Cancellation);
        using var client = app.WithKey(made.Key);
        (await client.GetJsonAsync("/api/v1/studies")).Response.StatusCode.ShouldBe(HttpStatusCode.OK);

        await people.SetLockedAsync(boss.Current, grace.Current.Id, true, Cancellation);
        (await client.GetJsonAsync("/api/v1/studies")).ShouldBeProblem(401);
        await people.SetLockedAsync(boss.Current, grace.Current.Id, false, Cancellation);
        (await client.GetJsonAsync("/api/v1/studies")).Response.StatusCode.ShouldBe(HttpStatusCode.OK);

        await using var db = app.OpenDb();
        await db.ApiKeys.Where(k => k.Id == made.Id).ExecuteUpdateAsync(set => set.SetProperty(k => k.ExpiresAt, DateTime.UtcNow.AddSeconds(-1)), Cancellation);
        (await client.GetJsonAsync("/api/v1/studies")).ShouldBeProblem(401);

        await Should.ThrowAsync<RefusedException>(() => Keys.CreateAsync(boss.Current, " ", ApiScopes.Read, null, Cancellation));
        await Should.ThrowAsync<RefusedException>(() => Keys.CreateAsync(boss.Current, "no scope", ApiScopes.None, null, Cancellation));
        await Should.ThrowAsync<RefusedException>(() => Keys.CreateAsync(boss.Current, "too late", ApiScopes.Read, DateTime.UtcNow.AddDays(-1), Cancellation));
        var ben = await app.CreateAnnotatorAsync();
        await Should.ThrowAsync<NotAllowedException>(() => Keys.CreateAsync(ben.Current, "mine", ApiScopes.Read, null, Cancellation));
        await Should.ThrowAsync<NotAllowedException>(() => Keys.ListAsync(ben.Current, Cancellation));
    }

    [Fact]
    public async Task A_list_is_walked_by_its_cursor_and_stays_right_while_rows_are_added()
    {
        var study = await app.AddStudyAsync(prompts: 7);
        using var client = await app.KeyOfAsync(await app.CreateAdminAsync("walker"));
        var seen = new List<string>();
        string? cursor = null;
        do
        {
            var (response, page) = await client.GetJsonAsync($"/api/v1/studies/{study}/prompts?limit=3{(cursor is null ? "" : $"&cursor={cursor}")}");
            response.StatusCode.ShouldBe(HttpStatusCode.OK);
            seen.AddRange(page!["items"]!.AsArray().Select(item => item!["text"]!.GetValue<string>()));
            cursor = page["next"]?.GetValue<string>();
            if (seen.Count == 3)
            {
                (await client.PostJsonAsync($"/api/v1/studies/{study}/prompts", """{"prompts": [{"text": "Prompt 8"}]}""")).Response.StatusCode.ShouldBe(HttpStatusCode.Created);
            }
        }
        while (cursor is not null);

        seen.ShouldBe(Enumerable.Range(1, 8).Select(n => $"Prompt {n}"));
        (await client.GetJsonAsync($"/api/v1/studies/{study}/prompts?limit=0")).ShouldBeProblem(400, "limit");
        (await client.GetJsonAsync($"/api/v1/studies/{study}/prompts?limit=many")).ShouldBeProblem(400);
        (await client.GetJsonAsync($"/api/v1/studies/{study}/prompts?cursor=made-up")).ShouldBeProblem(400, "cursor");
    }

    [Fact]
    public async Task The_same_creation_sent_twice_makes_one_and_is_answered_alike()
    {
        using var client = await app.KeyOfAsync(await app.CreateAdminAsync("twice"));
        var first = await client.PostJsonAsync("/api/v1/people", """{"user_name": "made.once"}""", "make-1");
        var second = await client.PostJsonAsync("/api/v1/people", """{"user_name": "made.once"}""", "make-1");

        (first.Response.StatusCode, second.Response.StatusCode).ShouldBe((HttpStatusCode.Created, HttpStatusCode.Created));
        second.Json!.ToJsonString().ShouldBe(first.Json!.ToJsonString());
        second.Response.Headers.GetValues("Idempotent-Replayed").ShouldBe(["true"]);
        (await client.PostJsonAsync("/api/v1/people", """{"user_name": "another"}""", "make-1")).ShouldBeProblem(422, "Idempotency-Key");
        (await client.PostJsonAsync("/api/v1/people", """{"user_name": "made.once"}""", "make-2")).ShouldBeProblem(422, "taken");
        // What was refused may be sent again with the same key.
        (await client.PostJsonAsync("/api/v1/people", """{"user_name": "made.twice"}""", "make-2")).Response.StatusCode.ShouldBe(HttpStatusCode.Created);
        (await client.PostJsonAsync("/api/v1/people", """{"user_name": "x"}""", new string('k', 256))).ShouldBeProblem(400, "255");

        await using var db = app.OpenDb();
        (await db.Users.CountAsync(p => p.UserName == "made.once", Cancellation)).ShouldBe(1);
        // The answer holds a password: it is not to be read in the database.
        var kept = await db.IdempotentRequests.SingleAsync(r => r.Key == "make-1", Cancellation);
        System.Text.Encoding.UTF8.GetString(kept.Body!).ShouldNotContain("made.once");
        // Another person's key of the same name is another key.
        using var other = await app.KeyOfAsync(await app.CreateAdminAsync("other"));
        (await other.PostJsonAsync("/api/v1/people", """{"user_name": "of.another"}""", "make-1")).Response.StatusCode.ShouldBe(HttpStatusCode.Created);
    }

    [Fact]
    public async Task Settings_are_changed_one_at_a_time_and_refused_in_words()
    {
        var study = await app.AddStudyAsync(prompts: 1);
        using var client = await app.KeyOfAsync(await app.CreateAdminAsync("changer"));

        var (_, changed) = await client.SendAsync(HttpMethod.Patch, $"/api/v1/studies/{study}", """{"sampling": {"temperature": 0.7}, "task": {"overlap": 3}}""");

        changed!["settings"]!["sampling"]!["temperature"]!.GetValue<double>().ShouldBe(0.7);
        changed["settings"]!["sampling"]!["max_tokens"]!.GetValue<int>().ShouldBe(16);
        changed["settings"]!["task"]!["overlap"]!.GetValue<int>().ShouldBe(3);
        (await client.SendAsync(HttpMethod.Patch, $"/api/v1/studies/{study}", """{"sampling": {"temperature": 9}}""")).ShouldBeProblem(422, "temperature");
        (await client.SendAsync(HttpMethod.Patch, $"/api/v1/studies/{study}", """{"sampling": {"temprature": 1}}""")).ShouldBeProblem(400, "temprature");
        (await client.SendAsync(HttpMethod.Patch, $"/api/v1/studies/{study}", """{"sampling": {"temperature": "hot"}}""")).ShouldBeProblem(400, "temperature");
        (await client.PostJsonAsync($"/api/v1/studies/{study}/rounds")).ShouldBeProblem(422, "nothing to train on");
        (await client.PostJsonAsync($"/api/v1/studies/{study}/rounds", """{"options": {"bta": 1}}""")).ShouldBeProblem(400, "bta");
    }

    [Fact]
    public async Task A_program_judges_blind_like_a_person_and_sending_twice_judges_once()
    {
        long study;
        await using (var db = app.OpenDb())
        {
            study = db.AddStudy().Id;
            db.AddComparisons(study, 3);
        }

        using var client = await app.KeyOfAsync(await app.CreateAnnotatorAsync("robot"), ApiScopes.Judge);
        var (_, first) = await client.PostJsonAsync($"/api/v1/studies/{study}/next");
        first!.ToJsonString().ShouldNotContain("policy");
        var better = first["responses"]![1]!.GetValue<string>();
        var comparison = first["comparison"]!.GetValue<long>();
        using var admin = await app.KeyOfAsync(await app.CreateAdminAsync("reader"), ApiScopes.Read);
        (await admin.GetJsonAsync($"/api/v1/studies/{study}/comparisons/{comparison}")).Json!["responses"]!.AsArray().ShouldAllBe(response => response!["policy"] == null);

        var judged = await client.PostJsonAsync($"/api/v1/studies/{study}/judgments", $$"""{"comparison": {{comparison}}, "ranking": [[1], [0]], "comment": "Warmer."}""", "one");
        var again = await client.PostJsonAsync($"/api/v1/studies/{study}/judgments", $$"""{"comparison": {{comparison}}, "ranking": [[1], [0]], "comment": "Warmer."}""", "one");

        judged.Json!["outcome"]!.GetValue<string>().ShouldBe("judged");
        again.Json!["outcome"]!.GetValue<string>().ShouldBe("judged");
        judged.Json["next"]!["comparison"]!.GetValue<long>().ShouldNotBe(comparison);
        var (_, list) = await admin.GetJsonAsync($"/api/v1/studies/{study}/judgments");
        var judgment = list!["items"]!.AsArray().Single()!;
        judgment["comment"]!.GetValue<string>().ShouldBe("Warmer.");
        judgment["annotator"]!.GetValue<string>().ShouldStartWith("annotator-");
        var (_, story) = await admin.GetJsonAsync($"/api/v1/studies/{study}/comparisons/{comparison}");
        var best = judgment["ranking"]![0]![0]!.GetValue<int>();
        story!["responses"]![best]!["text"]!.GetValue<string>().ShouldBe(better);
        story["responses"]![best]!["policy"]!.GetValue<int>().ShouldBe(0);

        foreach (var (wrong, about) in new[]
        {
            ("\"ranking\": [[0]]", "[[0],[1]]"), ("\"ranking\": [[1], [0]], \"both_bad\": true", "exactly one"), ("\"not_rankable\": true", "Two responses"), ("\"skip\": \"bored\"", "skip"),
        })
        {
            (await client.PostJsonAsync($"/api/v1/studies/{study}/judgments", $$"""{"comparison": {{comparison}}, {{wrong}}}""")).ShouldBeProblem(400, about);
        }

        (await client.PostJsonAsync($"/api/v1/studies/{study}/judgments", """{"comparison": 4711, "both_bad": true}""")).ShouldBeProblem(404, "4711");
    }

    [Fact]
    public async Task Who_asks_too_often_waits_and_nobody_else_does()
    {
        await using var slow = await WebApp.StartAsync("--Api:RequestsPerMinute=5");
        var admin = await slow.CreateAdminAsync();
        using var eager = await slow.KeyOfAsync(admin);
        using var other = await slow.KeyOfAsync(admin);
        var answers = new List<(HttpResponseMessage Response, System.Text.Json.Nodes.JsonNode? Json)>();
        for (var i = 0; i < 7; i++)
        {
            answers.Add(await eager.GetJsonAsync("/api/v1/studies"));
        }

        answers[0].Response.StatusCode.ShouldBe(HttpStatusCode.OK);
        answers[^1].ShouldBeProblem(429, "Retry-After");
        answers[^1].Response.Headers.RetryAfter!.Delta!.Value.TotalSeconds.ShouldBeInRange(1, 60);
        (await other.GetJsonAsync("/api/v1/studies")).Response.StatusCode.ShouldBe(HttpStatusCode.OK);
    }

    [Fact]
    public async Task A_file_is_looked_at_and_imported_and_comes_out_again()
    {
        long study;
        await using (var db = app.OpenDb())
        {
            study = db.AddStudy().Id;
        }

        using var client = await app.KeyOfAsync(await app.CreateAdminAsync("importer"));
        const string File = """{"prompt":"Tea or coffee?","chosen":" Tea.","rejected":" Coffee."}""" + "\n" + """{"prompt":"Tea or coffee?","chosen":" Both."}""" + "\n";
        async Task<System.Text.Json.Nodes.JsonNode> PostAsync(string query) =>
            System.Text.Json.Nodes.JsonNode.Parse(await (await client.PostAsync($"/api/v1/studies/{study}/imports?name=drinks.jsonl{query}", new StringContent(File), Cancellation)).Content.ReadAsStringAsync(Cancellation))!;

        var looked = await PostAsync("&dry_run=true");
        (looked["dry_run"]!.GetValue<bool>(), looked["format"]!.GetValue<string>(), looked["report"]!["judgments"]!.GetValue<int>()).ShouldBe((true, "trl", 1));
        looked["report"]!["refused"]![0]!["first_lines"]![0]!.GetValue<int>().ShouldBe(2);
        (await client.GetJsonAsync($"/api/v1/studies/{study}/counts")).Json!["pairs"]!.GetValue<int>().ShouldBe(0);

        (await PostAsync(""))["report"]!["judgments"]!.GetValue<int>().ShouldBe(1);
        (await client.GetJsonAsync($"/api/v1/studies/{study}/counts")).Json!["pairs"]!.GetValue<int>().ShouldBe(1);
        (await client.GetStringAsync($"/api/v1/studies/{study}/exports/trl.jsonl", Cancellation)).ShouldBe(File[..(File.IndexOf('\n') + 1)]);
        (await client.GetByteArrayAsync($"/api/v1/studies/{study}/exports/log.parquet.zip", Cancellation)).Length.ShouldBeGreaterThan(500);
        (await client.GetJsonAsync($"/api/v1/studies/{study}/exports/trl.xls")).ShouldBeProblem(404, "trl.jsonl");
        (await PostAsync("&format=nonsense"))["status"]!.GetValue<int>().ShouldBe(400);
    }
}

using System.IO.Compression;
using System.Net;
using System.Text.Json.Nodes;
using Annotator.Tests.Browser;
using Annotator.Tests.Fixtures;
using Annotator.Tests.Web.Rounds;
using Annotator.Web.Data;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Tests.Web.Api;

/// <summary>Policies and their blind evaluation, by a program with a key as on their pages.</summary>
public sealed class PolicyApiTests(AppWithFakeSampler fixture) : IClassFixture<AppWithFakeSampler>, IDisposable
{
    private readonly TemporaryDirectory folder = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private WebApp App => fixture.App;

    [Fact]
    public async Task A_line_begins_with_any_policy_takes_others_in_and_serves_what_an_admin_says()
    {
        var person = await App.CreateAdminAsync("line");
        using var admin = await App.KeyOfAsync(person);
        var hash = (await SendAsync(admin, "/api/v1/policies", await ZipAsync(1))).Json!["hash"]!.GetValue<string>();
        (await admin.PostJsonAsync("/api/v1/policies/from-directory", $$"""{"directory": "{{Shell(1)}}"}""")).Json!["hash"]!.GetValue<string>().ShouldBe(hash, "the same files");
        var study = (await admin.PostJsonAsync("/api/v1/studies", $$"""{"name": "Shells", "policy": "{{hash}}"}""")).Json!["id"]!.GetValue<long>();
        var policies = $"/api/v1/studies/{study}/policies";

        var (response, imported) = await SendAsync(admin, policies, await ZipAsync(2));
        (response.StatusCode, response.Headers.Location?.ToString()).ShouldBe((HttpStatusCode.Created, $"{policies}/1"));
        (imported!["number"]!.GetValue<int>(), imported["serves"]!.GetValue<bool>()).ShouldBe((1, false));
        foreach (var _ in Enumerable.Range(0, 2))
        {
            (await admin.PostJsonAsync($"{policies}/from-directory", $$"""{"directory": "{{Shell(3)}}"}""", "third")).Json!["number"]!.GetValue<int>().ShouldBe(2);
        }

        (await admin.SendAsync(HttpMethod.Put, $"{policies}/beside", """{"number": 1}""")).Response.StatusCode.ShouldBe(HttpStatusCode.OK);
        (await ServingAsync()).ShouldBe("0, beside 1");
        (await admin.SendAsync(HttpMethod.Put, $"{policies}/beside", """{"number": null}""")).Response.StatusCode.ShouldBe(HttpStatusCode.OK);
        (await admin.PostJsonAsync($"{policies}/2/serve")).Json!["serves"]!.GetValue<bool>().ShouldBeTrue();
        (await ServingAsync()).ShouldBe("2, beside ");
        (await admin.PostJsonAsync($"{policies}/0/serve")).Json!["serves"]!.GetValue<bool>().ShouldBeTrue();

        (await SendAsync(admin, policies, await ZipAsync(2))).ShouldBeProblem(422, "line");
        (await SendAsync(admin, policies, [1, 2, 3])).ShouldBeProblem(422, "zip");
        (await SendAsync(admin, "/api/v1/policies", [1, 2, 3])).ShouldBeProblem(422, "zip");
        (await admin.PostJsonAsync("/api/v1/policies/from-directory", """{"directory": "here"}""")).ShouldBeProblem(422, "full path");
        (await admin.SendAsync(HttpMethod.Put, $"{policies}/beside", """{"number": 0}""")).ShouldBeProblem(422, "serves already");
        (await admin.SendAsync(HttpMethod.Put, $"{policies}/beside", """{"number": 7}""")).ShouldBeProblem(404, "7");
        (await admin.PostJsonAsync($"{policies}/7/serve")).ShouldBeProblem(404, "7");
        await using var db = App.OpenDb();
        (await db.AuditEntries.Where(a => a.PersonId == person.Current.Id && a.Action.StartsWith("policy.")).OrderBy(a => a.Id).Select(a => a.Action).ToListAsync(Cancellation))
            .ShouldBe(["policy.import", "policy.import", "policy.beside", "policy.beside", "policy.promote", "policy.rollback"]);

        async Task<string> ServingAsync()
        {
            var line = (await admin.GetJsonAsync(policies)).Json!["items"]!.AsArray();
            return $"{Where("serves")}, beside {Where("serves_beside")}";
            string Where(string what) => string.Join(' ', line.Where(policy => policy![what]!.GetValue<bool>()).Select(policy => policy!["number"]));
        }
    }

    [Fact]
    public async Task A_viewer_reads_a_policys_card_and_takes_it_along()
    {
        var study = await StudyAsync("card");
        using var viewer = await App.KeyOfAsync(await App.CreateViewerAsync("card-viewer"));

        var (_, card) = await viewer.GetJsonAsync($"/api/v1/studies/{study}/policies/1/card");

        (card!["policy"]!["number"]!.GetValue<int>(), card["architecture"]!["model_type"]!.GetValue<string>()).ShouldBe((1, "gpt2"));
        card["files"]!.AsArray().Select(file => file!["name"]!.GetValue<string>()).ShouldBe(["config.json", "merges.txt", "model.safetensors", "vocab.json"]);
        await using var zip = new ZipArchive(await viewer.GetStreamAsync($"/api/v1/studies/{study}/policies/1/download", Cancellation));
        zip.Entries.ShouldContain(entry => entry.Name == "model.safetensors");
        (await viewer.GetJsonAsync($"/api/v1/studies/{study}/policies/7/card")).ShouldBeProblem(404, "7");
        (await viewer.GetJsonAsync($"/api/v1/studies/{study}")).Json!["settings"]!["name"]!.GetValue<string>().ShouldBe("card");
    }

    [Fact]
    public async Task Policies_write_side_by_side_what_nobody_keeps()
    {
        var study = await StudyAsync("explore");
        using var admin = await App.KeyOfAsync(await App.CreateAdminAsync("explorer"));
        var explore = $"/api/v1/studies/{study}/policies/explore";

        var (_, written) = await admin.PostJsonAsync(explore, """{"policies": [0, 1], "text": "This film", "samples": 2, "sampling": {"temperature": 0, "max_tokens": 8}, "seed": 7}""");

        var items = written!["items"]!.AsArray();
        items.Select(item => (item!["policy"]!.GetValue<int>(), item["sample"]!.GetValue<int>(), item["finish_reason"]!.GetValue<string>())).ShouldBe([(0, 0, "stop"), (0, 1, "stop"), (1, 0, "stop"), (1, 1, "stop")]);
        items.ShouldAllBe(item => item!["text"]!.GetValue<string>().StartsWith(" was film number"));
        fixture.Server.Requests.Where(request => request.Seed == 7).ShouldAllBe(request => request.MaxTokens == 8 && request.N == 2 && request.Temperature == 0);
        await using var db = App.OpenDb();
        (await db.Responses.AnyAsync(r => r.Policy!.StudyId == study, Cancellation)).ShouldBeFalse();

        (await admin.PostJsonAsync(explore, """{"policies": [0]}""")).ShouldBeProblem(400, "text or messages");
        (await admin.PostJsonAsync(explore, """{"policies": [0], "text": "a", "messages": []}""")).ShouldBeProblem(400, "text or messages");
        (await admin.PostJsonAsync(explore, """{"policies": [], "text": "a"}""")).ShouldBeProblem(422, "at least one policy");
        (await admin.PostJsonAsync(explore, """{"policies": [7], "text": "a"}""")).ShouldBeProblem(422, "policy 7");
        (await admin.PostJsonAsync(explore, """{"policies": [0], "text": "a", "samples": 9}""")).ShouldBeProblem(422, "1 to 4");
    }

    [Fact]
    public async Task Blind_judgments_the_gate_and_its_marks_are_read_and_set()
    {
        var study = await StudyAsync("evaluation");
        using var admin = await App.KeyOfAsync(await App.CreateAdminAsync("evaluates"));
        var evaluation = $"/api/v1/studies/{study}/evaluation";
        await using (var db = App.OpenDb())
        {
            var line = await db.Policies.Where(p => p.StudyId == study).OrderBy(p => p.Number).ToListAsync(Cancellation);
            db.AddEvaluation(line[1], line[0], (await App.CreateAnnotatorAsync("blind")).Current.Id, wins: 30, losses: 8, ties: 2);
            line[1].AwaitsGate = true;
            await db.SaveChangesAsync(Cancellation);
        }

        var (_, set) = await admin.SendAsync(HttpMethod.Patch, evaluation, """{"share": 0.25, "gate_win_rate": 0.9}""");

        (set!["options"]!["share"]!.GetValue<double>(), set["options"]!["pair"]!.GetValue<string>(), set["serving"]!.GetValue<int>()).ShouldBe((0.25, "previous", 0));
        (set["compared"]!["new"]!.GetValue<int>(), set["compared"]!["old"]!.GetValue<int>()).ShouldBe((1, 0));
        var pair = set["pairs"]!.AsArray().Single()!;
        (pair["wins"]!.GetValue<int>(), pair["losses"]!.GetValue<int>(), pair["ties"]!.GetValue<int>(), pair["win_rate"]!.GetValue<double>()).ShouldBe((30, 8, 2, 31.0 / 40));
        pair["interval"]!["low"]!.GetValue<double>().ShouldBeInRange(0.6, 0.7);
        set["gate"]!["state"]!.GetValue<string>().ShouldBe("not_clear");
        set["gate"]!["result"]!["win_rate"]!.GetValue<double>().ShouldBe(31.0 / 40);
        set["ratings"]!.AsArray().Select(rating => rating!["policy"]!.GetValue<int>()).ShouldBe([1, 0]);
        (await admin.GetJsonAsync($"/api/v1/studies/{study}/policies")).Json!["items"]![1]!["awaits_gate"]!.GetValue<bool>().ShouldBeTrue();

        (await admin.SendAsync(HttpMethod.Patch, evaluation, """{"share": 0.9}""")).ShouldBeProblem(422, "share");
        (await admin.SendAsync(HttpMethod.Patch, evaluation, """{"pair": "chosen"}""")).ShouldBeProblem(422, "two policies");
        (await admin.SendAsync(HttpMethod.Patch, evaluation, """{"pair": "chosen", "new": 1, "old": 7}""")).ShouldBeProblem(422, "policy 7");
        (await admin.SendAsync(HttpMethod.Patch, evaluation, """{"pair": "best"}""")).ShouldBeProblem(400);
        (await admin.SendAsync(HttpMethod.Patch, evaluation, """{"gate_win_rate": 1.5}""")).ShouldBeProblem(422, "between 0% and 100%");
        (await admin.SendAsync(HttpMethod.Patch, evaluation, """{"gate_win_rate": null, "gate_kl": 2}""")).ShouldBeProblem(422, "objective/kl");

        // Under a lower mark the gate opens, and says so in the audit.
        (await admin.SendAsync(HttpMethod.Patch, evaluation, """{"gate_win_rate": 0.55}""")).Response.StatusCode.ShouldBe(HttpStatusCode.OK);
        await Until.TrueAsync(async () => (await admin.GetJsonAsync(evaluation)).Json!["serving"]!.GetValue<int>() == 1);
        (await admin.SendAsync(HttpMethod.Patch, evaluation, """{"gate_win_rate": null}""")).Json!["options"]!["gate_win_rate"].ShouldBeNull();
        await using var after = App.OpenDb();
        (await after.AuditEntries.AnyAsync(a => a.Action == "policy.promote" && a.Detail.StartsWith("evaluation: the gate opened for policy 1"), Cancellation)).ShouldBeTrue();
    }

    public void Dispose() => folder.Dispose();

    /// <summary>A study with policies 0 and 1; policy 0 serves.</summary>
    private async Task<long> StudyAsync(string name)
    {
        using var admin = await App.KeyOfAsync(await App.CreateAdminAsync($"{name}-maker"));
        var study = (await admin.PostJsonAsync("/api/v1/studies", $$"""{"name": "{{name}}", "policy_directory": "{{Shell(1)}}"}""")).Json!["id"]!.GetValue<long>();
        (await admin.PostJsonAsync($"/api/v1/studies/{study}/policies/from-directory", $$"""{"directory": "{{Shell(2)}}"}""")).Response.StatusCode.ShouldBe(HttpStatusCode.Created);
        return study;
    }

    private string Shell(byte content) => RoundsDatabase.WriteShell(folder[$"shell-{content}"], content);

    private async Task<byte[]> ZipAsync(byte content)
    {
        using var zip = new MemoryStream();
        await ZipFile.CreateFromDirectoryAsync(Shell(content), zip, Cancellation);
        return zip.ToArray();
    }

    private static async Task<(HttpResponseMessage Response, JsonNode? Json)> SendAsync(HttpClient client, string path, byte[] file)
    {
        var response = await client.PostAsync($"{path}?name=policy.zip", new ByteArrayContent(file), Cancellation);
        return (response, JsonNode.Parse(await response.Content.ReadAsStringAsync(Cancellation)));
    }
}

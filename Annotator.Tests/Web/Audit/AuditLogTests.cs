using System.Text.Json.Nodes;
using Annotator.Tests.Fixtures;
using Annotator.Web.Audit;
using Annotator.Web.Data;
using Annotator.Web.People;
using Microsoft.Extensions.DependencyInjection;

namespace Annotator.Tests.Web.Audit;

public sealed class AuditLogTests(WebApp app) : IClassFixture<WebApp>
{
    private static readonly CancellationToken Cancellation = TestContext.Current.CancellationToken;

    private AuditLog Log => app.Services.GetRequiredService<AuditLog>();

    [Fact]
    public async Task An_admin_finds_who_did_what_and_takes_it_away()
    {
        var (ada, eve) = (await app.CreateAdminAsync(), await app.CreateAdminAsync("eve"));
        var people = app.Services.GetRequiredService<PeopleOperations>();
        for (var i = 0; i < 5; i++)
        {
            await people.CreateAsync((i % 2 == 0 ? ada : eve).Current, $"person.{i}", Roles.Annotator, Cancellation);
        }

        await using (var db = app.OpenDb())
        {
            db.AuditEntries.Add(new() { Action = "round.start", Detail = "=1+1 is no formula.", At = DateTime.UtcNow });
            db.AuditEntries.Add(new() { Action = "roundabout", Detail = "Another kind.", At = DateTime.UtcNow });
            await db.SaveChangesAsync(Cancellation);
        }

        (await Log.ListAsync(ada.Current, new() { PersonId = eve.Current.Id }, null, 50, Cancellation)).Select(row => row.Detail).ShouldBe(["eve created person.3 with the role annotator.", "eve created person.1 with the role annotator."]);
        (await Log.ListAsync(ada.Current, new() { Action = "round" }, null, 50, Cancellation)).Single().Action.ShouldBe("round.start");
        (await Log.ListAsync(ada.Current, new() { Text = "person.4" }, null, 50, Cancellation)).Single().Person.ShouldBe("ada");
        (await Log.ListAsync(ada.Current, new() { Until = DateTime.UtcNow.AddDays(-1) }, null, 50, Cancellation)).ShouldBeEmpty();
        var first = await Log.ListAsync(ada.Current, new() { Action = "person" }, null, 2, Cancellation);
        var second = await Log.ListAsync(ada.Current, new() { Action = "person" }, first[^1].Id, 2, Cancellation);
        first.Concat(second).Select(row => row.Detail.Split(' ')[2][^1]).ShouldBe(['4', '3', '2', '1']);

        using var client = await app.SignInAsync(ada);
        var lines = (await client.GetStringAsync("/audit/audit.jsonl?action=person.create", Cancellation)).TrimEnd().Split('\n').Select(line => JsonNode.Parse(line)!).ToList();
        lines.Select(line => line["detail"]!.GetValue<string>().Split(' ')[2][^1]).ShouldBe(['0', '1', '2', '3', '4']);
        // A cell that begins like a formula is defused.
        (await client.GetStringAsync("/audit/audit.csv?action=round.start", Cancellation)).ShouldContain("'=1+1 is no formula.");
    }

    [Fact]
    public async Task Annotators_and_strangers_see_nothing_of_it()
    {
        var ben = await app.CreateAnnotatorAsync();
        await Should.ThrowAsync<NotAllowedException>(() => Log.ListAsync(ben.Current, new(), null, 1, Cancellation));
        using var annotator = await app.SignInAsync(ben);
        (await annotator.GetAsync("/audit/audit.csv", Cancellation)).StatusCode.ShouldBe(System.Net.HttpStatusCode.Forbidden);
        (await annotator.GetAsync("/housekeeping/backup.tar", Cancellation)).StatusCode.ShouldBe(System.Net.HttpStatusCode.Forbidden);
        (await annotator.GetAsync("/reference", Cancellation)).StatusCode.ShouldBe(System.Net.HttpStatusCode.Forbidden);
    }
}

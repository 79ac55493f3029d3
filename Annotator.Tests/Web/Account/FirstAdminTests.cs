using System.Net;
using Annotator.Tests.Fixtures;
using Annotator.Web.Account;
using Annotator.Web.Data;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace Annotator.Tests.Web.Account;

public sealed class FirstAdminTests
{
    private static readonly CancellationToken Cancellation = TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_printed_link_creates_the_admin_once_and_signs_them_in()
    {
        await using var app = await WebApp.StartAsync();
        var link = $"/setup?token={app.Services.GetRequiredService<FirstAdmin>().IssueToken()}";
        using var client = app.CreateClient();

        var answer = await WebApp.PostFormAsync(client, link, Filled("ada"));

        answer.StatusCode.ShouldBe(HttpStatusCode.Redirect);
        answer.Headers.Location!.ToString().ShouldEndWith("/");
        (await client.GetAsync("/change-password", Cancellation)).StatusCode.ShouldBe(HttpStatusCode.OK);

        using var another = app.CreateClient();
        (await another.GetStringAsync(link, Cancellation)).ShouldContain("There is an admin already");
        await using var db = app.OpenDb();
        (await db.Users.SingleAsync(Cancellation)).UserName.ShouldBe("ada");
        (await db.UserRoles.CountAsync(Cancellation)).ShouldBe(2);
        (await db.AuditEntries.SingleAsync(Cancellation)).Action.ShouldBe("person.create");
    }

    [Fact]
    public async Task Of_two_who_use_the_link_at_once_one_becomes_the_admin()
    {
        await using var app = await WebApp.StartAsync();
        var firstAdmin = app.Services.GetRequiredService<FirstAdmin>();
        var token = firstAdmin.IssueToken();

        var outcomes = await Task.WhenAll(new[] { "ada", "eve" }.Select(async name =>
        {
            try
            {
                await firstAdmin.CreateAsync(token, name, "a long enough password", Cancellation);
                return true;
            }
            catch (RefusedException)
            {
                return false;
            }
        }));

        outcomes.Count(created => created).ShouldBe(1);
    }

    [Fact]
    public async Task A_wrong_or_an_older_token_opens_nothing()
    {
        await using var app = await WebApp.StartAsync();
        var firstAdmin = app.Services.GetRequiredService<FirstAdmin>();
        var older = firstAdmin.IssueToken();
        firstAdmin.IssueToken();
        using var client = app.CreateClient();

        foreach (var token in new[] { older, "", "guess" })
        {
            (await client.GetStringAsync($"/setup?token={token}", Cancellation)).ShouldContain("not the one that the app printed last");
            await Should.ThrowAsync<RefusedException>(() => firstAdmin.CreateAsync(token, "eve", "a long enough password", Cancellation));
        }
    }

    private static Dictionary<string, string> Filled(string userName) => new()
    {
        ["Input.UserName"] = userName,
        ["Input.Password"] = "a long enough password",
        ["Input.Repeated"] = "a long enough password",
    };
}

using System.Net;
using Annotator.Tests.Fixtures;
using Annotator.Web.Account;
using Annotator.Web.Data;
using Annotator.Web.People;
using Microsoft.Extensions.DependencyInjection;

namespace Annotator.Tests.Web.Account;

public sealed class SignInTests
{
    private static readonly CancellationToken Cancellation = TestContext.Current.CancellationToken;

    [Fact]
    public async Task After_five_wrong_passwords_the_right_one_does_not_open_the_account_either()
    {
        await using var app = await WebApp.StartAsync();
        var ben = await app.CreateAnnotatorAsync();
        using var client = app.CreateClient();

        for (var attempt = 1; attempt <= 5; attempt++)
        {
            (await SignInAsync(client, ben with { Password = "wrong" })).ShouldContain("That did not work");
        }

        (await SignInAsync(client, ben)).ShouldContain("That did not work");
    }

    [Fact]
    public async Task The_message_is_the_same_whether_the_name_exists_or_not()
    {
        await using var app = await WebApp.StartAsync();
        var ben = await app.CreateAnnotatorAsync();
        using var client = app.CreateClient();

        var known = await SignInAsync(client, ben with { Password = "wrong" });
        var unknown = await SignInAsync(client, ben with { UserName = "nobody" });

        known.ShouldContain("That did not work");
        unknown.ShouldContain("That did not work");
    }

    [Fact]
    public async Task Too_many_attempts_from_one_address_are_asked_to_wait()
    {
        await using var app = await WebApp.StartAsync("--Account:AttemptsPerMinute=2");
        var ben = await app.CreateAnnotatorAsync();
        using var client = app.CreateClient();
        await SignInAsync(client, ben with { Password = "wrong" });
        await SignInAsync(client, ben with { Password = "wrong" });

        var answer = await WebApp.PostFormAsync(client, "/sign-in", Form(ben));

        answer.StatusCode.ShouldBe(HttpStatusCode.TooManyRequests);
        (await answer.Content.ReadAsStringAsync(Cancellation)).ShouldContain("Wait a minute");
    }

    [Fact]
    public async Task A_one_time_password_leads_to_the_page_that_changes_it_and_nowhere_else()
    {
        await using var app = await WebApp.StartAsync();
        var admin = await app.CreateAdminAsync();
        var given = await app.Services.GetRequiredService<PeopleOperations>().CreateAsync(admin.Current, "ben", Roles.Admin, Cancellation);
        using var client = await app.SignInAsync(new(given.UserName, given.Password, admin.Current));

        (await client.GetAsync("/people", Cancellation)).Headers.Location!.ToString().ShouldBe("/change-password");
        (await client.GetAsync("/_blazor", Cancellation)).StatusCode.ShouldBe(HttpStatusCode.Forbidden);

        var changed = await WebApp.PostFormAsync(client, "/change-password", new()
        {
            ["Input.Current"] = given.Password, ["Input.Password"] = "my own password", ["Input.Repeated"] = "my own password",
        });
        changed.StatusCode.ShouldBe(HttpStatusCode.Redirect);
        (await client.GetAsync("/people", Cancellation)).StatusCode.ShouldBe(HttpStatusCode.OK);
    }

    [Fact]
    public async Task Who_is_locked_while_signed_in_can_not_sign_in_again()
    {
        await using var app = await WebApp.StartAsync();
        var admin = await app.CreateAdminAsync();
        var ben = await app.CreateAnnotatorAsync();
        await app.Services.GetRequiredService<PeopleOperations>().SetLockedAsync(admin.Current, ben.Current.Id, locked: true, Cancellation);
        using var client = app.CreateClient();

        (await SignInAsync(client, ben)).ShouldContain("That did not work");
    }

    [Fact]
    public async Task Signing_out_needs_the_form_of_the_page()
    {
        await using var app = await WebApp.StartAsync();
        var ben = await app.CreateAnnotatorAsync();
        using var client = await app.SignInAsync(ben);

        var forged = await client.PostAsync("/sign-out", new FormUrlEncodedContent([]), Cancellation);

        forged.StatusCode.ShouldBe(HttpStatusCode.BadRequest);
        (await client.GetAsync("/change-password", Cancellation)).StatusCode.ShouldBe(HttpStatusCode.OK);
    }

    [Theory]
    [InlineData("/people?x=1", "/people?x=1")]
    [InlineData("/", "/")]
    [InlineData("//evil.example", "/")]
    [InlineData("/\\evil.example", "/")]
    [InlineData("https://evil.example", "/")]
    [InlineData(null, "/")]
    [InlineData("", "/")]
    public void A_return_address_stays_in_the_app(string? address, string expected) => LocalUrl.Or(address, "/").ShouldBe(expected);

    private static async Task<string> SignInAsync(HttpClient client, TestPerson person)
    {
        var answer = await WebApp.PostFormAsync(client, "/sign-in", Form(person));
        return await answer.Content.ReadAsStringAsync(Cancellation);
    }

    private static Dictionary<string, string> Form(TestPerson person) => new() { ["Input.UserName"] = person.UserName, ["Input.Password"] = person.Password };
}

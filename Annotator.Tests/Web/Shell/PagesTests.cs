using System.Net;
using System.Reflection;
using Annotator.Tests.Fixtures;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Components;

namespace Annotator.Tests.Web.Shell;

public sealed class PagesTests(WebApp app) : IClassFixture<WebApp>
{
    private static readonly CancellationToken Cancellation = TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("/sign-in")]
    [InlineData("/nothing/here")]
    [InlineData("/shell.js")]
    public async Task Every_answer_limits_the_page_to_what_the_app_serves_itself(string path)
    {
        using var client = app.CreateClient();

        var headers = (await client.GetAsync(path, Cancellation)).Headers;

        var policy = headers.GetValues("Content-Security-Policy").Single();
        policy.ShouldContain("default-src 'self'; script-src 'self';");
        policy.ShouldContain("frame-ancestors 'none'");
        headers.GetValues("X-Content-Type-Options").Single().ShouldBe("nosniff");
        headers.GetValues("X-Frame-Options").Single().ShouldBe("DENY");
        headers.GetValues("Referrer-Policy").Single().ShouldBe("same-origin");
        headers.Contains("Server").ShouldBeFalse();
    }

    [Fact]
    public async Task An_unknown_address_is_a_page_for_people_and_a_bare_status_for_programs()
    {
        using var client = app.CreateClient();

        var page = await client.GetAsync("/nothing/here", Cancellation);
        var api = await client.GetAsync("/api/nothing/here", Cancellation);

        page.StatusCode.ShouldBe(HttpStatusCode.NotFound);
        (await page.Content.ReadAsStringAsync(Cancellation)).ShouldContain("There is no page at this address");
        api.StatusCode.ShouldBe(HttpStatusCode.NotFound);
        (await api.Content.ReadAsStringAsync(Cancellation)).ShouldBeEmpty();
    }

    [Theory]
    [InlineData("/people")]
    [InlineData("/study")]
    public async Task A_page_for_admins_sends_strangers_to_sign_in_and_tells_annotators_it_is_not_theirs(string path)
    {
        var ben = await app.CreateAnnotatorAsync($"ben{path[1..]}");
        using var stranger = app.CreateClient();
        using var annotator = await app.SignInAsync(ben);

        (await stranger.GetAsync(path, Cancellation)).Headers.Location!.PathAndQuery.ShouldStartWith("/sign-in?returnUrl=");
        var refused = await annotator.GetAsync(path, Cancellation);
        refused.StatusCode.ShouldBe(HttpStatusCode.Forbidden);
        (await refused.Content.ReadAsStringAsync(Cancellation)).ShouldContain("not open to your account");
    }

    [Fact]
    public void Every_page_says_whom_it_is_for()
    {
        var pages = typeof(Annotator.Web.Program).Assembly.GetTypes().Where(t => t.GetCustomAttributes<RouteAttribute>().Any()).ToList();

        pages.ShouldNotBeEmpty();
        pages.Where(page => page.GetCustomAttribute<AuthorizeAttribute>() is null && page.GetCustomAttribute<AllowAnonymousAttribute>() is null)
            .Select(page => page.Name).ShouldBeEmpty();
    }
}

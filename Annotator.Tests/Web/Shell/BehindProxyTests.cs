using System.Net;
using Annotator.Tests.Fixtures;
using Annotator.Tests.Web.Api;
using Annotator.Web.Data;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Tests.Web.Shell;

/// <summary>What a reverse proxy says is believed from those who are trusted, and from nobody else.</summary>
public sealed class BehindProxyTests
{
    private static readonly CancellationToken Cancellation = TestContext.Current.CancellationToken;

    [Fact]
    public async Task Behind_a_trusted_proxy_cookies_are_for_HTTPS_alone_and_the_log_has_the_persons_own_address()
    {
        await using var app = await WebApp.StartAsync("--Network:TrustedProxies=127.0.0.1, 10.0.0.0/8", "--allowedHosts=studio.example.org");
        var ada = await app.CreateAdminAsync();
        using var client = Forwarded(app);

        var toSignIn = await client.GetAsync("/people", Cancellation);
        toSignIn.Headers.Location!.ToString().ShouldStartWith("https://studio.example.org/sign-in");
        var signedIn = await WebApp.PostFormAsync(client, "/sign-in", new() { ["Input.UserName"] = ada.UserName, ["Input.Password"] = ada.Password });
        signedIn.StatusCode.ShouldBe(HttpStatusCode.Redirect);
        var cookie = signedIn.Headers.GetValues("Set-Cookie").Single(set => set.StartsWith("annotator=", StringComparison.Ordinal));
        cookie.ShouldContain("secure", Case.Insensitive);
        cookie.ShouldContain("httponly", Case.Insensitive);
        cookie.ShouldContain("samesite=lax", Case.Insensitive);
        signedIn.Headers.GetValues("Strict-Transport-Security").Single().ShouldStartWith("max-age=");

        using var program = await app.KeyOfAsync(ada);
        program.DefaultRequestHeaders.Host = "studio.example.org";
        program.DefaultRequestHeaders.Add("X-Forwarded-For", "203.0.113.7");
        (await program.PostJsonAsync("/api/v1/people", """{"user_name": "grace"}""")).Response.StatusCode.ShouldBe(HttpStatusCode.Created);
        await using var db = app.OpenDb();
        (await db.AuditEntries.SingleAsync(a => a.Action == "person.create", Cancellation)).Address.ShouldBe("203.0.113.7");

        using var other = app.CreateClient();
        (await other.GetAsync("/sign-in", Cancellation)).StatusCode.ShouldBe(HttpStatusCode.BadRequest);
    }

    [Fact]
    public async Task From_anybody_else_the_same_headers_mean_nothing()
    {
        await using var app = await WebApp.StartAsync("--Network:TrustedProxies=192.0.2.1");
        using var client = Forwarded(app);

        var toSignIn = await client.GetAsync("/people", Cancellation);

        toSignIn.Headers.Location!.Scheme.ShouldBe("http");
        (await client.GetAsync("/sign-in", Cancellation)).Headers.GetValues("Set-Cookie").ShouldAllBe(set => !set.Contains("secure", StringComparison.OrdinalIgnoreCase));
    }

    [Fact]
    public async Task A_proxy_that_is_no_address_is_told_at_start() =>
        (await Should.ThrowAsync<StartupException>(() => WebApp.StartAsync("--Network:TrustedProxies=the-proxy"))).Message.ShouldContain("the-proxy");

    private static HttpClient Forwarded(WebApp app)
    {
        var client = new HttpClient(new BrowserOfTheProxy()) { BaseAddress = app.Url };
        client.DefaultRequestHeaders.Add("X-Forwarded-For", "203.0.113.7");
        client.DefaultRequestHeaders.Add("X-Forwarded-Proto", "https");
        client.DefaultRequestHeaders.Host = "studio.example.org";
        return client;
    }

    /// <summary>Keeps secure cookies too, although the way from the proxy to the app is plain HTTP.</summary>
    private sealed class BrowserOfTheProxy() : DelegatingHandler(new HttpClientHandler { UseCookies = false, AllowAutoRedirect = false })
    {
        private readonly Dictionary<string, string> cookies = [];

        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            if (cookies.Count > 0)
            {
                request.Headers.Add("Cookie", string.Join("; ", cookies.Select(cookie => $"{cookie.Key}={cookie.Value}")));
            }

            var response = await base.SendAsync(request, cancellationToken);
            foreach (var set in response.Headers.TryGetValues("Set-Cookie", out var sets) ? sets : [])
            {
                var (name, value) = (set.Split('=')[0], set.Split(';')[0][(set.IndexOf('=') + 1)..]);
                cookies[name] = value;
            }

            return response;
        }
    }
}

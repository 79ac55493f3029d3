using System.Net;
using System.Text.RegularExpressions;
using Annotator.Web.Account;
using Annotator.Web.Data;
using Annotator.Web.People;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace Annotator.Tests.Fixtures;

/// <summary>
/// The real app: Kestrel on a free port, real SQLite in a temporary data folder, started as <c>Main</c> starts it.
/// By default without its children (no sampler, no trainer); pass <c>--Engine:Enabled=true</c> for them.
/// Use it as a class fixture, or start one in a test: <c>await using var app = await WebApp.StartAsync();</c>
/// </summary>
public sealed partial class WebApp : IAsyncLifetime
{
    /// <summary>
    /// A client that asks whether it may send a body waits so long for the answer. After the usual second it would send all the
    /// same, and a server that refuses unread closes the connection under it: on a busy machine, a broken pipe in place of the refusal.
    /// </summary>
    public static readonly TimeSpan PatienceForContinue = TimeSpan.FromMinutes(1);

    private string[] extraArgs = [];
    private WebApplication? app;

    /// <summary>The temporary data folder; removed at the end.</summary>
    public DataFolder Data { get; } = new(Path.Combine(Path.GetTempPath(), $"annotator-test-{Guid.NewGuid():N}"));

    public IServiceProvider Services => app!.Services;

    /// <summary><c>http://127.0.0.1:PORT/</c>, the same after a restart.</summary>
    public Uri Url { get; private set; } = new("http://127.0.0.1:0/");

    /// <param name="extraArgs">Command-line arguments; they win over the fixture's own.</param>
    public static async Task<WebApp> StartAsync(params string[] extraArgs)
    {
        var web = new WebApp { extraArgs = extraArgs };
        await web.InitializeAsync();
        return web;
    }

    public async ValueTask InitializeAsync()
    {
        app = await Annotator.Web.Program.StartAsync(
        [
            "--urls", $"http://127.0.0.1:{Url.Port}", "--data", Data.Root, "--Engine:Enabled=false", "--Account:AttemptsPerMinute=100000",
            "--Logging:LogLevel:Default=Warning", .. extraArgs,
        ]);
        Url = new(app.Urls.First());
    }

    /// <summary>Stops it and starts it again, with the same data folder and port: open pages find it again.</summary>
    public async Task RestartAsync()
    {
        await StopAsync();
        await InitializeAsync();
    }

    /// <summary>A database context of one's own; dispose it.</summary>
    public AnnotatorDbContext OpenDb() => Services.GetRequiredService<IDbContextFactory<AnnotatorDbContext>>().CreateDbContext();

    /// <summary>An admin (who annotates too), with a password of their own.</summary>
    public Task<TestPerson> CreateAdminAsync(string userName = "ada") => CreateAsync(userName, [Roles.Admin, Roles.Annotator]);

    public Task<TestPerson> CreateAnnotatorAsync(string userName = "ben") => CreateAsync(userName, [Roles.Annotator]);

    /// <summary>Somebody who may look at the studio and change nothing.</summary>
    public Task<TestPerson> CreateViewerAsync(string userName = "vic") => CreateAsync(userName, [Roles.Viewer]);

    /// <summary>A client that has not signed in; it keeps cookies and follows no redirect.</summary>
    public HttpClient CreateClient(CookieContainer? cookies = null) =>
        new(new SocketsHttpHandler { CookieContainer = cookies ?? new(), AllowAutoRedirect = false, Expect100ContinueTimeout = PatienceForContinue }) { BaseAddress = Url };

    /// <summary>Signs in through the page, as a person does.</summary>
    public async Task<HttpClient> SignInAsync(TestPerson person, CookieContainer? cookies = null)
    {
        var client = CreateClient(cookies);
        var response = await PostFormAsync(client, "/sign-in", new() { ["Input.UserName"] = person.UserName, ["Input.Password"] = person.Password });
        response.StatusCode.ShouldBe(HttpStatusCode.Redirect, await response.Content.ReadAsStringAsync());
        return client;
    }

    /// <summary>Opens a page with one form, fills it in and sends it, antiforgery token and all.</summary>
    public static async Task<HttpResponseMessage> PostFormAsync(HttpClient client, string page, Dictionary<string, string> fields)
    {
        var html = await client.GetStringAsync(page);
        foreach (Match hidden in HiddenField().Matches(html))
        {
            fields[hidden.Groups["name"].Value] = WebUtility.HtmlDecode(hidden.Groups["value"].Value);
        }

        return await client.PostAsync(page, new FormUrlEncodedContent(fields));
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        if (Directory.Exists(Data.Root))
        {
            Directory.Delete(Data.Root, recursive: true);
        }
    }

    /// <summary>Stops it in good order; <see cref="InitializeAsync"/> starts it again.</summary>
    public async Task StopAsync()
    {
        if (app is not null)
        {
            await app.StopAsync();
            await app.DisposeAsync();
            app = null;
        }
    }

    private async Task<TestPerson> CreateAsync(string userName, string[] roles)
    {
        await using var scope = Services.CreateAsyncScope();
        var people = scope.ServiceProvider.GetRequiredService<UserManager<Person>>();
        var person = NewPerson.Create(userName, TimeProvider.System);
        person.TourSeenAt = person.CreatedAt; // A first visit has a test of its own.
        var password = NewPerson.OneTimePassword();
        (await people.CreateAsync(person, password)).OrRefuse();
        (await people.AddToRolesAsync(person, roles)).OrRefuse();
        return new(userName, password, new CurrentPerson(person.Id, userName, roles.Contains(Roles.Admin), roles.Contains(Roles.Annotator), roles.Contains(Roles.Viewer)));
    }

    [GeneratedRegex("""<input type="hidden" name="(?<name>[^"]+)" value="(?<value>[^"]*)" ?/?>""")]
    private static partial Regex HiddenField();
}

/// <summary>Somebody with an account in a test; <see cref="Current"/> is what operations take.</summary>
public sealed record TestPerson(string UserName, string Password, CurrentPerson Current);

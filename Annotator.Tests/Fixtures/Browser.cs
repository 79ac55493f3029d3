using System.Collections.Concurrent;
using System.Net;
using Annotator.Tests.Fixtures;
using Microsoft.Playwright;

[assembly: AssemblyFixture(typeof(Browser))]

namespace Annotator.Tests.Fixtures;

/// <summary>
/// One real Chromium for all browser tests, started when the first asks for a page. Take it in the constructor:
/// <c>class DeskTests(WebApp app, Browser browser) : IClassFixture&lt;WebApp&gt;</c>.
/// </summary>
public sealed class Browser : IAsyncLifetime
{
    private static readonly string[] Args =
    [
        "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync",
    ];

    private readonly SemaphoreSlim starting = new(1, 1);
    private IPlaywright? playwright;
    private IBrowser? chromium;

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    /// <summary>A page in a fresh context, signed in as the person if one is given.</summary>
    public async Task<TestPage> OpenAsync(WebApp app, TestPerson? person = null, BrowserNewContextOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(app);
        var context = await (await StartAsync()).NewContextAsync(options ?? new() { ViewportSize = new() { Width = 1280, Height = 800 } });
        if (person is not null)
        {
            var cookies = new CookieContainer();
            using var client = await app.SignInAsync(person, cookies);
            await context.AddCookiesAsync(cookies.GetAllCookies().Select(c => new Microsoft.Playwright.Cookie { Name = c.Name, Value = c.Value, Domain = c.Domain, Path = c.Path }));
        }

        return new(await context.NewPageAsync(), () => app.Url);
    }

    /// <summary>A page in a fresh context for an app that runs as its own process.</summary>
    public async Task<TestPage> OpenAsync(AppProcess app, BrowserNewContextOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(app);
        var context = await (await StartAsync()).NewContextAsync(options ?? new() { ViewportSize = new() { Width = 1280, Height = 800 } });
        return new(await context.NewPageAsync(), () => app.Url);
    }

    public async ValueTask DisposeAsync()
    {
        if (chromium is not null)
        {
            await chromium.DisposeAsync();
        }

        playwright?.Dispose();
        starting.Dispose();
    }

    private async Task<IBrowser> StartAsync()
    {
        await starting.WaitAsync();
        try
        {
            if (chromium is null)
            {
                playwright ??= await Playwright.CreateAsync();
                // A machine that builds or trains beside the tests takes its time.
                Assertions.SetDefaultExpectTimeout(20_000);
                chromium = await playwright.Chromium.LaunchAsync(new() { ExecutablePath = FindChromium(playwright.Chromium.ExecutablePath), Args = Args });
            }

            return chromium;
        }
        finally
        {
            starting.Release();
        }
    }

    /// <summary>A Chromium or Chrome of the system, else Playwright's own.</summary>
    private static string FindChromium(string playwrightsOwn)
    {
        string[] names = OperatingSystem.IsWindows() ? ["chrome.exe", "msedge.exe"] : ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "microsoft-edge"];
        string[] folders =
        [
            .. (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries),
            "/Applications/Google Chrome.app/Contents/MacOS", @"C:\Program Files\Google\Chrome\Application", @"C:\Program Files (x86)\Microsoft\Edge\Application",
        ];
        var found = folders.SelectMany(folder => names.Append("Google Chrome").Select(name => Path.Combine(folder, name)))
            .Append(playwrightsOwn).FirstOrDefault(File.Exists);
        return found ?? throw new InvalidOperationException(
            "The browser tests need Chromium and found none: install it (Debian and Ubuntu: `apt-get install chromium`), " +
            "or let Playwright fetch its own: `pwsh Annotator.Tests/bin/Debug/net10.0/playwright.ps1 install chromium`.");
    }
}

/// <summary>A browser page with the app's address; <see cref="Problems"/> has what the browser's console complained of.</summary>
public sealed class TestPage : IAsyncDisposable
{
    private readonly Func<Uri> url;
    // Told on Playwright's thread.
    private readonly ConcurrentQueue<string> problems = new();

    internal TestPage(IPage page, Func<Uri> url)
    {
        this.url = url;
        Page = page;
        page.Console += (_, message) =>
        {
            if (message.Type == "error")
            {
                problems.Enqueue(message.Text);
            }
        };
        page.PageError += (_, error) => problems.Enqueue(error);
        page.Request += (_, request) =>
        {
            if (!request.Url.StartsWith(url().GetLeftPart(UriPartial.Authority), StringComparison.Ordinal) && !request.Url.StartsWith("data:", StringComparison.Ordinal))
            {
                problems.Enqueue($"A request to the outside: {request.Url}");
            }
        };
    }

    public IPage Page { get; }

    /// <summary>Errors on the console (a broken content security policy among them), script errors, requests to the outside.</summary>
    public IReadOnlyList<string> Problems => [.. problems];

    /// <summary>Goes to an interactive page and waits until its circuit hears keys.</summary>
    public async Task GoAsync(string path)
    {
        await Page.GotoAsync(new Uri(url(), path).ToString());
        await ReadyAsync();
    }

    /// <summary>Another tab of the same browser: signed in as this one is.</summary>
    public async Task<TestPage> NewTabAsync() => new(await Page.Context.NewPageAsync(), url);

    /// <summary>Waits for the mark that the shell sets when the circuit is live.</summary>
    public Task ReadyAsync() => Assertions.Expect(Page.Locator("html[data-ready=true]")).ToBeAttachedAsync();

    /// <summary>Chooses a file as soon as the input hears of it: Blazor listens a moment after the page is live.</summary>
    public static async Task ChooseFileAsync(ILocator input, FilePayload file)
    {
        await HearsAsync(input);
        await input.SetInputFilesAsync(file);
    }

    /// <inheritdoc cref="ChooseFileAsync(ILocator, FilePayload)" />
    public static async Task ChooseFileAsync(ILocator input, string path)
    {
        await HearsAsync(input);
        await input.SetInputFilesAsync(path);
    }

    private static Task HearsAsync(ILocator input) => Until.TrueAsync(() => input.EvaluateAsync<bool>("input => input._blazorInputFileNextFileId !== undefined"));

    public async ValueTask DisposeAsync() => await Page.Context.DisposeAsync();
}

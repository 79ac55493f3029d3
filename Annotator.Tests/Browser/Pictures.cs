using System.Diagnostics;
using Annotator.Tests.Benchmarks;
using Annotator.Tests.Fixtures;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Annotator.Tests.Browser;

/// <summary>
/// Takes the README's pictures from the real app with the embedded policy, in about two minutes. In the repository root:
/// <code>ANNOTATOR_BENCHMARKS=1 dotnet run --project Annotator.Tests -- -class "*Pictures"</code>
/// </summary>
public sealed class Pictures(Fixtures.Browser browser)
{
    private const float Patience = 120_000;
    private const int Judgments = 120;

    private static string Folder { get; } = FindFolder();

    [Benchmark]
    public async Task The_readmes_pictures_are_the_app_as_it_is()
    {
        var sinceStart = Stopwatch.StartNew();
        await using var app = await AppProcess.StartAsync();
        await using var desk = await browser.OpenAsync(app, new() { ViewportSize = new() { Width = 1280, Height = 800 }, ColorScheme = ColorScheme.Light });
        await FirstAdmin.CreateAsync(desk, app);
        Console.WriteLine($"From the app's start to the first comparison on screen, the browser's own start and the account made in between: {sinceStart.Elapsed.TotalSeconds:F1} s");
        await TakeAsync(desk, "desk");
        await desk.Page.EmulateMediaAsync(new() { ColorScheme = ColorScheme.Dark });
        await TakeAsync(desk, "desk-dark");
        await desk.Page.SetViewportSizeAsync(390, 844);
        await TakeAsync(desk, "desk-phone");

        await desk.Page.SetViewportSizeAsync(1280, 800);
        for (var judged = 1; judged <= Judgments; judged++)
        {
            await DeskKeys.JudgeAsync(desk, judged % 2 == 0 ? "ArrowLeft" : "ArrowRight", judged);
        }

        await using var studio = await desk.NewTabAsync();
        await studio.Page.EmulateMediaAsync(new() { ColorScheme = ColorScheme.Light });
        await studio.Page.SetViewportSizeAsync(1280, 800);
        await studio.GoAsync("/rounds");
        await studio.Page.GetByTestId("start").ClickAsync();
        await Expect(studio.Page.Locator("[data-testid=curves][data-steps='12']")).ToBeAttachedAsync(new() { Timeout = Patience });
        await TakeAsync(studio, "round");
    }

    private static async Task TakeAsync(TestPage page, string name)
    {
        await page.Page.Mouse.MoveAsync(0, 0);
        await page.Page.ScreenshotAsync(new() { Path = Path.Combine(Folder, name + ".png"), Animations = ScreenshotAnimations.Disabled });
    }

    private static string FindFolder()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "Annotator.sln")))
            {
                return Directory.CreateDirectory(Path.Combine(folder.FullName, "data", "pictures")).FullName;
            }
        }

        throw new InvalidOperationException("The pictures belong into data/pictures of the repository: run this inside it.");
    }
}

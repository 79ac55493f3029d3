using Annotator.Tests.Fixtures;
using Microsoft.Playwright;

namespace Annotator.Tests.Browser;

/// <summary>Pictures of a page of the studio, kept with the test results: by day, by night, and on a phone.</summary>
internal static class StudioScreens
{
    private static readonly string Folder = Directory.CreateDirectory(Path.Combine(AppContext.BaseDirectory, "TestResults", "screenshots")).FullName;

    public static async Task TakeAsync(this TestPage page, string name)
    {
        await page.Page.SetViewportSizeAsync(1280, 800);
        await TakeOneAsync(page, name);
        await page.Page.EmulateMediaAsync(new() { ColorScheme = ColorScheme.Dark });
        await Axe.ThemeIsDrawnAsync(page, ColorScheme.Dark);
        await TakeOneAsync(page, name + "-dark");
        await page.Page.EmulateMediaAsync(new() { ColorScheme = ColorScheme.Light });
        await Axe.ThemeIsDrawnAsync(page, ColorScheme.Light);
        await page.Page.SetViewportSizeAsync(360, 780);
        await TakeOneAsync(page, name + "-phone");
        await page.Page.SetViewportSizeAsync(1280, 800);
    }

    private static async Task TakeOneAsync(TestPage page, string name)
    {
        await page.Page.EvaluateAsync("() => { scrollTo({ top: 0, behavior: 'instant' }); document.activeElement?.blur(); }");
        var picture = await page.Page.ScreenshotAsync(new() { Path = Path.Combine(Folder, name + ".png"), FullPage = true, Animations = ScreenshotAnimations.Disabled });
        TestContext.Current.AddAttachment(name + ".png", picture, "image/png");
    }
}

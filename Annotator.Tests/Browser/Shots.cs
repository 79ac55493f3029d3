using Annotator.Tests.Fixtures;
using Microsoft.Playwright;

namespace Annotator.Tests.Browser;

/// <summary>Pictures of a whole page, kept in <c>TestResults/screenshots</c> beside the tests' program: to be looked at.</summary>
internal static class Shots
{
    private static readonly string Folder = Directory.CreateDirectory(Path.Combine(AppContext.BaseDirectory, "TestResults", "screenshots")).FullName;

    /// <summary>By day, by night, and on a phone; the page is left as it was, by day.</summary>
    public static async Task TakeInAllWaysAsync(TestPage page, string name)
    {
        var size = page.Page.ViewportSize!;
        foreach (var (suffix, theme, width, height) in new[] { ("", ColorScheme.Light, size.Width, size.Height), ("-dark", ColorScheme.Dark, size.Width, size.Height), ("-phone", ColorScheme.Light, 375, 812) })
        {
            await page.Page.SetViewportSizeAsync(width, height);
            await page.Page.EmulateMediaAsync(new() { ColorScheme = theme });
            await Axe.ThemeIsDrawnAsync(page, theme);
            await page.Page.Mouse.MoveAsync(0, 0);
            await page.Page.ScreenshotAsync(new() { Path = Path.Combine(Folder, name + suffix + ".png"), Animations = ScreenshotAnimations.Disabled, FullPage = true });
        }

        await page.Page.SetViewportSizeAsync(size.Width, size.Height);
    }
}

using Annotator.Web.Shell;
using Deque.AxeCore.Commons;
using Deque.AxeCore.Playwright;
using Microsoft.Playwright;
using MudBlazor;

namespace Annotator.Tests.Fixtures;

/// <summary>The axe accessibility checker on a page as it stands.</summary>
internal static class Axe
{
    private static readonly string[] Levels = ["moderate", "serious", "critical"];

    /// <summary>Checks what is on screen now and fails with one line for each violation of level moderate or above.</summary>
    /// <param name="where">What is on screen, for the message.</param>
    public static async Task ShouldFindNothingAsync(this TestPage page, string where)
    {
        // A colour that is still fading in would be measured half-way.
        await page.Page.EvaluateAsync("() => Promise.allSettled(document.getAnimations().filter(a => a.effect.getTiming().iterations !== Infinity).map(a => a.finished))");
        var result = await page.Page.RunAxe(new AxeRunOptions { ResultTypes = [ResultType.Violations] });
        result.Violations.Where(violation => Levels.Contains(violation.Impact)).SelectMany(Lines)
            .ShouldBeEmpty($"axe complains about {where}");
    }

    /// <summary>
    /// The same in the dark theme at desktop size and in the light one on a phone: colours do not depend on the size, nor what
    /// is where on the theme, and a check takes seconds. Nothing moves meanwhile: a message that fades while a check runs, or
    /// what arrives then, would be measured half-way. The page is left light, at the size it had.
    /// </summary>
    public static async Task ShouldFindNothingInBothThemesAndSizesAsync(this TestPage page, string where)
    {
        var size = page.Page.ViewportSize!;
        foreach (var (theme, width, height) in new[] { (ColorScheme.Dark, 1280, 800), (ColorScheme.Light, 360, 640) })
        {
            await page.Page.SetViewportSizeAsync(width, height);
            await page.Page.EmulateMediaAsync(new() { ColorScheme = theme, ReducedMotion = ReducedMotion.Reduce });
            await ThemeIsDrawnAsync(page, theme);
            await page.ShouldFindNothingAsync($"{where}, {theme}, {width} px");
        }

        await page.Page.EmulateMediaAsync(new() { ReducedMotion = ReducedMotion.NoPreference });
        await page.Page.SetViewportSizeAsync(size.Width, size.Height);
    }

    /// <summary>Waits until the page has a theme's colours: some at once, those that MudBlazor alone writes when the circuit has heard of the change.</summary>
    public static Task ThemeIsDrawnAsync(TestPage page, ColorScheme theme)
    {
        Palette palette = theme == ColorScheme.Dark ? Palettes.Theme.PaletteDark : Palettes.Theme.PaletteLight;
        string[] colours = [.. new[] { palette.Background, palette.Black }.Select(colour => $"rgb({colour.R}, {colour.G}, {colour.B})")];
        return Until.TrueAsync(() => page.Page.EvaluateAsync<bool>("""
            ([ground, black]) => {
              const probe = document.body.appendChild(document.createElement('i'));
              probe.style.color = 'var(--mud-palette-black)';
              const isWritten = !document.querySelector('.mud-layout') || getComputedStyle(probe).color === black;
              probe.remove();
              return isWritten && getComputedStyle(document.body).backgroundColor === ground;
            }
            """, colours));
    }

    private static IEnumerable<string> Lines(AxeResultItem violation) =>
        violation.Nodes.Select(node => $"{violation.Impact} {violation.Id}: {violation.Help}; {node.Target} {node.Html}");
}

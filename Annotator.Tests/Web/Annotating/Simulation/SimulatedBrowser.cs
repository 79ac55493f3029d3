using System.Globalization;
using Annotator.Tests.Browser;
using Annotator.Tests.Fixtures;
using Microsoft.Playwright;

namespace Annotator.Tests.Web.Annotating.Simulation;

/// <summary>One annotator in a real browser: presses keys, reloads, and loses the connection.</summary>
internal sealed class SimulatedBrowser(UnreliableServer server, Fixtures.Browser browser, TestPerson person, int seed)
{
    private static readonly string[] Keys = ["ArrowLeft", "ArrowRight", "1", "2", "t", "b"];

    private readonly Random random = new(seed);

    public int Presses { get; private set; }

    /// <summary>What the page says at the end: judgments in all.</summary>
    public int Told { get; private set; }

    public int Reloads { get; private set; }

    public int Cuts { get; private set; }

    public async Task WorkAsync()
    {
        await using var page = await browser.OpenAsync(server.App, person);
        var wire = await Wire.OfAsync(page);
        await page.GoAsync("/");
        var (before, since) = ("", DateTime.UtcNow);
        while (true)
        {
            var seen = await LookAsync(page);
            if (seen == "Empty:0" && server.IsDone)
            {
                break;
            }

            // A page that lost the server may say its last word to nobody: a person reloads after a while, and answers what is still there.
            if (Happens(0.01) || (seen == before && DateTime.UtcNow - since > TimeSpan.FromSeconds(20)))
            {
                await ReloadAsync(page);
                (before, since) = ("", DateTime.UtcNow);
            }
            else if (Happens(0.01))
            {
                Cuts++;
                await wire.CutAsync();
                await Task.Delay(random.Next(50, 1500), TestContext.Current.CancellationToken);
                wire.Mend();
            }
            else if (seen.StartsWith("Reading:", StringComparison.Ordinal) && seen != before)
            {
                await page.Page.Keyboard.PressAsync(Keys[random.Next(Keys.Length)]);
                Presses++;
                // Pressed without a connection it is no answer, and may be pressed again.
                (before, since) = (Happens(0.9) ? seen : "", DateTime.UtcNow);
            }

            await Task.Delay(random.Next(20, 120), TestContext.Current.CancellationToken);
        }

        Told = int.Parse((await page.Page.Locator(".progress strong").Last.TextContentAsync())!, NumberStyles.AllowThousands, CultureInfo.InvariantCulture);
    }

    /// <summary>The phase and the comparison on screen, or nothing while there is no live page.</summary>
    private static async Task<string> LookAsync(TestPage page)
    {
        try
        {
            return await page.Page.EvaluateAsync<string>("""
                () => {
                  const desk = document.querySelector('.desk[data-desk-ready=true]');
                  return desk && document.documentElement.dataset.ready === 'true' ? `${desk.dataset.phase}:${desk.dataset.comparison}` : '';
                }
                """);
        }
        catch (PlaywrightException)
        {
            return ""; // The page is just being reloaded.
        }
    }

    private async Task ReloadAsync(TestPage page)
    {
        Reloads++;
        try
        {
            await page.Page.ReloadAsync(new() { WaitUntil = WaitUntilState.DOMContentLoaded });
        }
        catch (PlaywrightException)
        {
            // The server is being restarted; the next look or reload finds it.
        }
    }

    private bool Happens(double chance) => random.NextDouble() < chance;
}

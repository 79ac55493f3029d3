using System.Text.Json;
using System.Text.RegularExpressions;
using Annotator.Tests.Fixtures;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Annotator.Tests.Browser;

/// <summary>Rankings from end to end: the real app as its own process, the embedded policy, the sampler, the trainer, a real browser.</summary>
[Collection(TimedCollection.Name)]
public sealed class RankingLoopTests(Fixtures.Browser browser)
{
    private const float Patience = 180_000;
    private const int Judgments = 6;

    [Fact]
    public async Task An_admin_asks_for_rankings_of_four_people_rank_and_a_round_trains_on_them()
    {
        await using var app = await AppProcess.StartAsync();
        await using var desk = await browser.OpenAsync(app);
        await FirstAdmin.CreateAsync(desk, app);

        // What was sampled as pairs makes way, but for what is on the desk already.
        await using var studio = await desk.NewTabAsync();
        await studio.GoAsync("/study");
        await studio.Page.Locator(".mud-select").First.ClickAsync();
        await studio.Page.GetByText("Ranking of several").ClickAsync();
        await Expect(studio.Page.GetByLabel("Responses")).ToHaveValueAsync("4");
        await studio.Page.GetByRole(AriaRole.Button, new() { Name = "Save" }).ClickAsync();
        await Expect(studio.Page.GetByText("Saved.", new() { Exact = true })).ToBeVisibleAsync();

        var (pairs, rankings) = (0, 0);
        while (rankings < Judgments)
        {
            await Expect(desk.Page.Locator("[data-phase=Reading] .comparison")).ToBeVisibleAsync(new() { Timeout = Patience });
            var before = (await desk.Page.Locator(".desk").GetAttributeAsync("data-comparison"))!;
            if (await desk.Page.Locator(".desk[data-board=ranking]").CountAsync() == 0)
            {
                pairs++;
                await desk.Page.Keyboard.PressAsync("1");
            }
            else
            {
                rankings++;
                await Expect(desk.Page.Locator(".ranking[data-hears]")).ToBeAttachedAsync();
                await Expect(desk.Page.Locator(".movable")).ToHaveCountAsync(4);
                foreach (var left in new[] { 3, 2, 1, 0 })
                {
                    // Every second one has a tie.
                    await desk.Page.Keyboard.PressAsync($"{(left == 0 && rankings % 2 == 0 ? 2 : left + 1)}");
                    await Expect(desk.Page.Locator("[data-tray] .movable")).ToHaveCountAsync(left);
                }

                await desk.Page.Keyboard.PressAsync("Enter");
            }

            await Expect(desk.Page.Locator(".desk")).Not.ToHaveAttributeAsync("data-comparison", before, new() { Timeout = Patience });
        }

        await studio.GoAsync("/rounds");
        // "Trains on 11 preferences, and measures on 2 more": all of them.
        var preview = await studio.Page.GetByTestId("preview").TextContentAsync();
        Regex.Matches(preview!, @"\d+").Sum(number => int.Parse(number.Value)).ShouldBe(pairs + rankings, preview);
        await studio.Page.GetByTestId("start").ClickAsync();
        await Expect(studio.Page.GetByTestId("past")).ToContainTextAsync("Policy 1", new() { Timeout = Patience });

        await studio.GoAsync("/dataset/files");
        var asGiven = (await DownloadAsync(studio, "download-ranking")).Where(line => line.GetProperty("completions").GetArrayLength() == 4).ToList();
        asGiven.Count.ShouldBe(rankings);
        asGiven.ShouldAllBe(line => line.GetProperty("ranking").EnumerateArray().Sum(tier => tier.GetArrayLength()) == 4);
        var tied = asGiven.Count(line => line.GetProperty("ranking").GetArrayLength() == 3);
        tied.ShouldBe(rankings / 2);
        (await DownloadAsync(studio, "download-trl")).Count.ShouldBe(pairs + ((rankings - tied) * 6) + (tied * 5), "each pair of four but those that are tied");
        desk.Problems.ShouldBeEmpty();
        studio.Problems.ShouldBeEmpty();
    }

    private static async Task<List<JsonElement>> DownloadAsync(TestPage page, string testId)
    {
        var download = await page.Page.RunAndWaitForDownloadAsync(() => page.Page.GetByTestId(testId).ClickAsync());
        var lines = await File.ReadAllLinesAsync((await download.PathAsync())!, TestContext.Current.CancellationToken);
        return [.. lines.Select(line => JsonSerializer.Deserialize<JsonElement>(line))];
    }
}

using Annotator.Tests.Fixtures;
using Annotator.Web.Data;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Annotator.Tests.Browser;

/// <summary>
/// Pictures of the desk from the real app, kept with the test results in <c>TestResults/screenshots</c> beside the tests'
/// program: to be looked at, and for whoever wonders what changed.
/// </summary>
public sealed class ScreenshotTests(DeskApp desks, Fixtures.Browser browser)
{
    private static readonly string Folder = Directory.CreateDirectory(Path.Combine(AppContext.BaseDirectory, "TestResults", "screenshots")).FullName;
    private static readonly BrowserNewContextOptions Desktop = new() { ViewportSize = new() { Width = 1280, Height = 800 }, ColorScheme = ColorScheme.Light };
    private static readonly BrowserNewContextOptions Phone = new() { ViewportSize = new() { Width = 390, Height = 844 }, ColorScheme = ColorScheme.Light, HasTouch = true, IsMobile = true, DeviceScaleFactor = 2 };

    [Fact]
    public async Task The_desk_by_day_and_by_night_with_all_it_may_ask_and_its_history()
    {
        await using var desk = await desks.SitDownAsync(browser, "painter", task => task with { AsksStrength = true, ReasonChips = ["Clearer", "More truthful", "Kinder", "Better style"], DailyTarget = 4 }, options: Desktop);
        await TakeInBothThemesAsync(desk, "desk");
        await desk.PressAsync("ArrowLeft");
        await Expect(desk.Group("How much better?")).ToBeVisibleAsync();
        await TakeAsync(desk, "strength");
        await desk.PressAsync("3", "1");
        await Expect(desk.Page.GetByRole(AriaRole.Button, new() { Name = "Clearer" })).ToHaveAttributeAsync("aria-pressed", "true");
        await TakeAsync(desk, "reasons");
        await desk.JudgeAsync("Enter");
        await desk.JudgeAsync("t");
        await desk.PressAsync("f", "1", "Escape", "e", "2");
        await Expect(desk.Page.GetByLabel("My version of response 2")).ToBeFocusedAsync();
        await desk.Keys.TypeAsync(" I would see it again tomorrow, and bring my sister.");
        await TakeInBothThemesAsync(desk, "edit");
        await desk.PressAsync("Escape");
        await TakeAsync(desk, "edited");
        await desk.JudgeAsync("2", "1", "4", "Enter");
        await desk.PressAsync("s");
        await Expect(desk.Group("Why do you skip it?")).ToBeVisibleAsync();
        await TakeAsync(desk, "skip");
        await desk.JudgeAsync("3");
        await Expect(desk.Page.GetByRole(AriaRole.Heading, new() { Name = "Today's share is done" })).ToBeVisibleAsync();
        await TakeInBothThemesAsync(desk, "target-reached");
        await desk.PressAsync("h");
        await Expect(desk.Judged).ToHaveCountAsync(4);
        await TakeInBothThemesAsync(desk, "history");
        await desk.Page.GetByRole(AriaRole.Link, new() { Name = "Change this answer: Tie" }).ClickAsync();
        await Expect(desk.Group("A second look")).ToBeVisibleAsync();
        await TakeAsync(desk, "second-look");
    }

    [Fact]
    public async Task A_conversation_with_code()
    {
        await using var desk = await desks.SitDownAsync(browser, "chatter", comparisons: 1, options: Desktop,
            fill: (db, study) => db.AddComparison(study, "", ConversationTests.Turns, ConversationTests.WithCode, ConversationTests.WithFormula));
        await TakeInBothThemesAsync(desk, "conversation");
        await desk.PressAsync("p", "g");
        await Expect(desk.Page.Locator(".role")).ToHaveCountAsync(4);
        await TakeAsync(desk, "conversation-guidelines");
        await desk.PressAsync("g", "r");
        await Expect(desk.Page.Locator(".raw").First).ToBeVisibleAsync();
        await TakeAsync(desk, "conversation-raw");
    }

    [Fact]
    public async Task The_desk_on_a_phone()
    {
        await using var desk = await desks.SitDownAsync(browser, "on-the-go", task => task with { AsksStrength = true }, comparisons: 2, options: Phone,
            fill: (db, study) => db.AddComparison(study, "", ConversationTests.Turns, ConversationTests.WithCode, ConversationTests.WithFormula));
        await TakeInBothThemesAsync(desk, "phone-conversation");
        await desk.Page.GetByRole(AriaRole.Button, new() { Name = "1 is better" }).TapAsync();
        await TakeAsync(desk, "phone-strength");
        await desk.Page.GetByRole(AriaRole.Button, new() { Name = "1 is much better" }).TapAsync();
        await Expect(desk.Page.Locator("[data-phase=Reading] .of-text")).ToBeVisibleAsync();
        await TakeInBothThemesAsync(desk, "phone");
        await desk.Page.GetByRole(AriaRole.Link, new() { Name = "History" }).TapAsync();
        await Expect(desk.Judged).ToHaveCountAsync(1);
        await TakeAsync(desk, "phone-history");
    }

    [Fact]
    public async Task The_desk_in_Chinese_and_with_nothing_to_judge()
    {
        await using var desk = await desks.SitDownAsync(browser, "hanmeimei", comparisons: 1, options: new(Desktop) { Locale = "zh-CN" });
        await TakeAsync(desk, "chinese");
        await desk.JudgeAsync("1");
        await Expect(desk.Page.Locator("[data-why]")).ToBeVisibleAsync();
        await TakeAsync(desk, "empty-chinese");
    }

    [Fact]
    public async Task A_ranking_begun_half_done_and_done()
    {
        await using var desk = await SitDownToRankAsync("ranker", Desktop);
        await TakeInBothThemesAsync(desk, "ranking");
        await desk.PressAsync("2", "2");
        await Expect(desk.Page.Locator("[data-tray] .movable")).ToHaveCountAsync(2);
        await TakeInBothThemesAsync(desk, "ranking-tie");
        await desk.PressAsync("1");
        await Expect(desk.Page.Locator("[data-tray] .movable")).ToHaveCountAsync(1);
        await desk.PressAsync("Enter");
        await Expect(desk.Page.Locator(".hint")).ToBeVisibleAsync();
        await TakeAsync(desk, "ranking-missing");
        await desk.PressAsync("4");
        await Expect(desk.Page.Locator("[data-tray] .movable")).ToHaveCountAsync(0);
        await TakeInBothThemesAsync(desk, "ranking-done");
    }

    [Fact]
    public async Task A_ranking_on_a_phone_and_in_Chinese()
    {
        await using (var desk = await SitDownToRankAsync("ranks-on-the-go", Phone))
        {
            await TakeInBothThemesAsync(desk, "phone-ranking");
            foreach (var place in Enumerable.Range(1, 4))
            {
                await desk.Page.Locator("[data-tray] .movable").First.GetByRole(AriaRole.Button, new() { Name = $"Place {place}" }).TapAsync();
                await Expect(desk.Page.Locator("[data-tray] .movable")).ToHaveCountAsync(4 - place);
                if (place == 2)
                {
                    await TakeAsync(desk, "phone-ranking-begun");
                }
            }

            await TakeAsync(desk, "phone-ranking-done");
        }

        await using var chinese = await SitDownToRankAsync("paiming", new(Desktop) { Locale = "zh-CN" });
        await chinese.PressAsync("2", "Enter");
        await Expect(chinese.Page.Locator(".hint")).ToBeVisibleAsync();
        await TakeAsync(chinese, "ranking-chinese");
    }

    private async Task<DeskScreen> SitDownToRankAsync(string userName, BrowserNewContextOptions options)
    {
        var desk = await desks.SitDownAsync(browser, userName, task => task with { Kind = TaskKind.Ranking, ResponsesPerComparison = 4 }, comparisons: 0, options: options, fill: (db, study) => db.AddComparison(
            study, "Nobody in this film", null,
            " behaves like a person who has ever had a bill to pay, but the camera loves them and so, in the end, did I.",
            " is likeable and the plot is about nothing. I fell asleep twice and I do not think that I missed anything important.",
            " says what they mean until the last ten minutes, and then they all say it at once, in the rain, on a station platform. It should be unbearable. It is the best scene of the year.",
            " can act."));
        await Expect(desk.Page.Locator(".ranking[data-hears]")).ToBeAttachedAsync();
        return desk;
    }

    private static async Task TakeInBothThemesAsync(DeskScreen desk, string name)
    {
        await TakeAsync(desk, name);
        await desk.Page.EmulateMediaAsync(new() { ColorScheme = ColorScheme.Dark });
        await Expect(desk.Page.Locator("html[data-theme=dark]")).ToBeAttachedAsync();
        await Axe.ThemeIsDrawnAsync(desk.Screen, ColorScheme.Dark);
        await TakeAsync(desk, name + "-dark");
        await desk.Page.EmulateMediaAsync(new() { ColorScheme = ColorScheme.Light });
        await Axe.ThemeIsDrawnAsync(desk.Screen, ColorScheme.Light);
    }

    private static async Task TakeAsync(DeskScreen desk, string name)
    {
        await desk.Page.Mouse.MoveAsync(0, 0);
        var picture = await desk.Page.ScreenshotAsync(new() { Path = Path.Combine(Folder, name + ".png"), Animations = ScreenshotAnimations.Disabled });
        TestContext.Current.AddAttachment(name + ".png", picture, "image/png");
    }
}

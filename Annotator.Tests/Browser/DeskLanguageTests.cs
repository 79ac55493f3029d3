using Annotator.Web.Data;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Annotator.Tests.Browser;

/// <summary>The desk in Chinese.</summary>
public sealed class DeskLanguageTests(DeskApp desks, Fixtures.Browser browser)
{
    internal static readonly BrowserNewContextOptions Chinese = new() { Locale = "zh-CN", ViewportSize = new() { Width = 1280, Height = 800 } };

    [Fact]
    public async Task The_desk_speaks_Chinese_in_every_step()
    {
        await using var desk = await desks.SitDownAsync(browser,
            "lilei", task => task with { AsksStrength = true, ReasonChips = ["更清楚", "更真实"], RequiresReason = true, RequiresComment = true, DailyTarget = 50 },
            comparisons: 0, fill: Fill, options: Chinese);

        await ShouldHaveNoEnglishAsync(desk);
        foreach (var (key, step) in new[] { ("s", "Skip"), ("f", "Flags"), ("e", "Edit") })
        {
            await desk.PressAsync(key);
            await Expect(desk.Root).ToHaveAttributeAsync("data-step", step);
            await ShouldHaveNoEnglishAsync(desk);
        }

        await desk.PressAsync("1");
        await Expect(desk.Page.Locator("[data-editor]")).ToBeFocusedAsync();
        await ShouldHaveNoEnglishAsync(desk);
        await desk.PressAsync("Escape", "ArrowLeft");
        await Expect(desk.Group("好多少？")).ToBeVisibleAsync();
        await ShouldHaveNoEnglishAsync(desk);
        await desk.PressAsync("3", "Enter");
        await Expect(desk.Page.GetByRole(AriaRole.Alert)).ToHaveTextAsync("请至少选择一个理由。");
        await ShouldHaveNoEnglishAsync(desk);
        await desk.PressAsync("1", "Enter");
        await Expect(desk.Comment).ToBeFocusedAsync();
        await desk.Keys.TypeAsync("好");
        await desk.PressAsync("Control+Enter");
        await Expect(desk.Page.Locator("[data-why]")).ToBeVisibleAsync();
        await ShouldHaveNoEnglishAsync(desk);
        await desk.PressAsync("?");
        await Expect(desk.Page.GetByRole(AriaRole.Dialog, new() { Name = "快捷键" })).ToBeVisibleAsync();
        await ShouldHaveNoEnglishAsync(desk);
        await desk.PressAsync("Escape");
        await Expect(desk.Page.GetByRole(AriaRole.Dialog)).ToBeHiddenAsync();
        await desk.PressAsync("u");
        await Expect(desk.Page.Locator("[data-live=notice]")).ToHaveTextAsync("已撤销：1 更好");
    }

    private static void Fill(AnnotatorDbContext db, long study)
    {
        db.AddComparison(study, "这部电影", null, "很好看。", "一般。");
        db.Studies.Single(s => s.Id == study).Guidelines = "选更好的。";
        db.Studies.Single(s => s.Id == study).Name = "影评";
        db.SaveChanges();
    }

    /// <summary>What is in sight, and what is told to screen readers, has no word of three Latin letters; names of keys and the brand are none of ours.</summary>
    private static async Task ShouldHaveNoEnglishAsync(DeskScreen desk)
    {
        var words = await desk.Root.EvaluateAsync<string[]>("""
            desk => {
              const said = [];
              for (const element of desk.querySelectorAll('*')) {
                for (const name of ['aria-label', 'title', 'placeholder']) if (element.hasAttribute(name)) said.push(element.getAttribute(name));
                if (element.matches('kbd')) continue;
                for (const node of element.childNodes) if (node.nodeType === Node.TEXT_NODE) said.push(node.data);
              }
              return said.filter(text => /[A-Za-z]{4,}/.test(text));
            }
            """);
        words.ShouldBeEmpty();
    }
}

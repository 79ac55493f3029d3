using Annotator.Tests.Fixtures;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Annotator.Tests.Browser;

/// <summary>English and Simplified Chinese: the browser's wish, and the switch that goes before it.</summary>
public sealed class LanguagesTests(WebApp app, Fixtures.Browser browser) : IClassFixture<WebApp>
{
    private static readonly BrowserNewContextOptions Chinese = new() { Locale = "zh-CN", ViewportSize = new() { Width = 1280, Height = 800 } };

    [Fact]
    public async Task Sign_in_speaks_the_browsers_language_until_the_switch_says_otherwise()
    {
        await using var page = await browser.OpenAsync(app, options: Chinese);
        await page.Page.GotoAsync(new Uri(app.Url, "/sign-in?returnUrl=%2Fpeople").ToString());
        await Expect(page.Page.Locator("html[lang=zh-Hans]")).ToBeAttachedAsync();
        await Expect(page.Page.Locator("h1")).ToHaveTextAsync("登录");
        await page.Page.GetByRole(AriaRole.Button, new() { Name = "登录" }).ClickAsync();
        await Expect(page.Page.GetByText("请输入用户名。")).ToBeVisibleAsync();

        await page.Page.GetByRole(AriaRole.Button, new() { Name = "English" }).ClickAsync();

        await Expect(page.Page.Locator("h1")).ToHaveTextAsync("Sign in");
        await Expect(page.Page.Locator("html[lang=en]")).ToBeAttachedAsync();
        await Expect(page.Page).ToHaveURLAsync(new Uri(app.Url, "/sign-in?returnUrl=%2Fpeople").ToString());
        // Which of the two is the page's is told to ears and eyes.
        var switches = page.Page.GetByRole(AriaRole.Group, new() { Name = "Language" }).GetByRole(AriaRole.Button);
        await Expect(switches.Filter(new() { HasText = "English" })).ToHaveAttributeAsync("aria-current", "true");
        (await switches.EvaluateAllAsync<string[]>("buttons => buttons.map(button => getComputedStyle(button).backgroundColor)")).Distinct().Count().ShouldBe(2);
        await page.ShouldFindNothingInBothThemesAndSizesAsync("signing in");
        await page.Page.EmulateMediaAsync(new() { ColorScheme = ColorScheme.Light });
        await page.TakeAsync("sign-in");
        page.Problems.ShouldBeEmpty();
    }

    [Fact]
    public async Task The_persons_menu_changes_the_language_of_the_page_one_is_on()
    {
        await using var page = await browser.OpenAsync(app, await app.CreateAdminAsync("lin"));
        await page.GoAsync("/study");
        await page.Page.GetByRole(AriaRole.Link, new() { Name = "People" }).ClickAsync();
        await Expect(page.Page.Locator("h1")).ToHaveTextAsync("People");

        await page.Page.GetByRole(AriaRole.Button, new() { Name = "Account of lin" }).ClickAsync();
        await page.Page.GetByRole(AriaRole.Button, new() { Name = "简体中文" }).ClickAsync();

        await Expect(page.Page.GetByRole(AriaRole.Link, new() { Name = "成员" })).ToBeVisibleAsync();
        await Expect(page.Page).ToHaveURLAsync(new Uri(app.Url, "/people").ToString());
        await page.GoAsync("/study");
        await Expect(page.Page.Locator("html[lang=zh-Hans]")).ToBeAttachedAsync();
        await Expect(page.Page.GetByRole(AriaRole.Link, new() { Name = "项目", Exact = true })).ToBeVisibleAsync();
        page.Problems.ShouldBeEmpty();
    }
}

using System.Globalization;
using Annotator.Tests.Fixtures;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Annotator.Tests.Browser;

/// <summary>The desk as a person with a keyboard uses it.</summary>
internal static class DeskKeys
{
    private const float Patience = 180_000;

    /// <summary>Waits until a comparison is on screen and keys are heard.</summary>
    public static async Task ComparisonOnScreenAsync(TestPage desk)
    {
        await Expect(desk.Page.Locator("[data-desk-ready=true]")).ToBeAttachedAsync(new() { Timeout = Patience });
        await Expect(desk.Page.Locator("[data-phase=Reading] .comparison")).ToBeVisibleAsync(new() { Timeout = Patience });
    }

    /// <summary>Presses a key and waits for the confirmed count.</summary>
    public static async Task JudgeAsync(TestPage desk, string key, int countAfter)
    {
        await ComparisonOnScreenAsync(desk);
        await desk.Page.Keyboard.PressAsync(key);
        await Expect(desk.Page.Locator(".progress strong").Last).ToHaveTextAsync(countAfter.ToString(CultureInfo.InvariantCulture));
    }
}

/// <summary>The first visit, by the link on the console.</summary>
internal static class FirstAdmin
{
    public const string UserName = "ada";
    public const string Password = "compare and compare again";

    /// <summary>Opens the printed link, makes the account, leaves the tour, and waits for the first comparison.</summary>
    public static async Task CreateAsync(TestPage page, AppProcess app)
    {
        await page.Page.GotoAsync(app.PrintedLink.ToString());
        await page.Page.GetByLabel("User name").FillAsync(UserName);
        await page.Page.GetByLabel("Password", new() { Exact = true }).FillAsync(Password);
        await page.Page.GetByLabel("Password again").FillAsync(Password);
        await page.Page.Keyboard.PressAsync("Enter");
        await page.Page.GetByRole(AriaRole.Link, new() { Name = "Leave the tour" }).ClickAsync();
        await DeskKeys.ComparisonOnScreenAsync(page);
    }
}

using Annotator.Tests.Fixtures;
using Annotator.Web.Data;
using Microsoft.EntityFrameworkCore;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Annotator.Tests.Browser;

/// <summary>Responses as a model may write them, or somebody who means harm.</summary>
public sealed class HostileTextTests(WebApp app, Fixtures.Browser browser) : IClassFixture<WebApp>
{
    private const string Hostile =
        """
        *Hello* <script>document.title = 'owned'</script><img src="https://elsewhere.example/a.png" onerror="document.title='owned'">

        ![a picture](https://elsewhere.example/spy.png) and [a link](javascript:document.title='owned') and [another](https://elsewhere.example/page)

        <style>.bar { display: none }</style><iframe src="https://elsewhere.example"></iframe>

        """;

    [Fact]
    public async Task A_hostile_response_is_shown_harmlessly_and_fetches_nothing()
    {
        await using var page = await ShowAsync("hostile", Hostile + "pay\u200Bpal \u202Efdp.exe\u202C", ", and so on.");
        var first = page.Page.Locator("article .text", new() { HasText = "Hello" });

        await Expect(first).ToContainTextAsync("<script>document.title = 'owned'</script>");
        await Expect(first.Locator("script, img, iframe, style")).ToHaveCountAsync(0);
        await Expect(first.GetByText("a picture")).ToHaveAttributeAsync("href", "https://elsewhere.example/spy.png");
        (await first.GetByText("a link").GetAttributeAsync("href")).ShouldBeNull();
        await Expect(first.GetByText("another")).ToHaveAttributeAsync("rel", "noopener noreferrer nofollow");
        await first.GetByText("a link").ClickAsync();
        await Expect(first.Locator(".hidden-character")).ToHaveTextAsync(["U+200B", "U+202E", "U+202C"]);
        await Expect(page.Page).ToHaveTitleAsync("Annotate · Annotator");
        page.Problems.ShouldBeEmpty();
    }

    [Fact]
    public async Task Two_hundred_thousand_characters_are_shown_part_by_part_and_keys_are_heard_all_the_while()
    {
        await using var page = await ShowAsync("long", new string('w', 100_000) + string.Concat(Enumerable.Repeat("**so** on\n\n", 9_000)) + "THE END", ".");
        var text = page.Page.Locator("article .text", new() { HasText = "www" });
        (await text.InnerTextAsync()).Length.ShouldBeLessThan(20_000);

        await text.GetByRole(AriaRole.Button, new() { Name = "Show the other" }).ClickAsync();

        await Expect(text).ToContainTextAsync("THE END", new() { Timeout = 60_000 });
        (await page.Page.EvaluateAsync<bool>("() => document.documentElement.scrollWidth <= innerWidth && document.documentElement.scrollHeight <= innerHeight")).ShouldBeTrue();
        await Expect(page.Page.GetByRole(AriaRole.Button, new() { Name = "Tie" })).ToBeInViewportAsync(new() { Ratio = 1 });
        await page.Page.Keyboard.PressAsync("t");
        await Expect(page.Page.Locator(".progress")).ToHaveTextAsync("1 today 1 in all");
        page.Problems.ShouldBeEmpty();
    }

    /// <summary>A new annotator before a comparison of two given texts, and one more behind it.</summary>
    private async Task<TestPage> ShowAsync(string userName, string first, string second)
    {
        await using (var db = app.OpenDb())
        {
            await db.Comparisons.Where(c => c.RetiredAt == null).ExecuteUpdateAsync(set => set.SetProperty(c => c.RetiredAt, DateTime.UtcNow), TestContext.Current.CancellationToken);
            var study = db.StarterStudy().Id;
            db.AddComparison(study, "This film", null, first, second);
            db.AddComparisons(study, 1);
        }

        var page = await browser.OpenAsync(app, await app.CreateAnnotatorAsync(userName));
        await page.GoAsync("/");
        await DeskKeys.ComparisonOnScreenAsync(page);
        return page;
    }
}

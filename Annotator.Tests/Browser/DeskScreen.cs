using Annotator.Tests.Fixtures;
using Annotator.Web.Data;
using Microsoft.EntityFrameworkCore;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Annotator.Tests.Browser;

/// <summary>The desk as an annotator handles it.</summary>
public sealed class DeskScreen(WebApp app, long studyId, TestPerson annotator, TestPage page) : IAsyncDisposable
{
    public WebApp App => app;
    public long StudyId => studyId;
    public TestPerson Annotator => annotator;
    public TestPage Screen => page;
    public IPage Page => page.Page;
    public IKeyboard Keys => Page.Keyboard;
    public ILocator Root => Page.Locator(".desk");
    public ILocator Progress => Page.Locator(".progress");
    public ILocator Comment => Page.Locator("#comment");
    public IReadOnlyList<string> Problems => page.Problems;

    /// <summary>The card that is first, second, … from the left.</summary>
    public ILocator Card(int number) => Page.Locator($"article[data-place='{number}']");

    /// <summary>The answers of the history, newest first.</summary>
    public ILocator Judged => Page.Locator("article.judged");

    public ILocator Button(string name) => Page.GetByRole(AriaRole.Button, new() { Name = name, Exact = true });

    public ILocator Group(string name) => Page.GetByRole(AriaRole.Group, new() { Name = name });

    public async Task OpenAsync()
    {
        await page.GoAsync($"/?study={studyId}");
        await ReadyAsync();
    }

    public async Task ReloadAsync()
    {
        await Page.ReloadAsync();
        await ReadyAsync();
    }

    /// <summary>Waits until keys are heard.</summary>
    public Task ReadyAsync() => Expect(Page.Locator("[data-desk-ready=true]")).ToBeAttachedAsync(new() { Timeout = 60_000 });

    public async Task PressAsync(params string[] keys)
    {
        foreach (var key in keys)
        {
            await Keys.PressAsync(key);
        }
    }

    /// <summary>Presses keys, the last of which answers, and waits for the confirmed count and the next comparison.</summary>
    public async Task JudgeAsync(params string[] keys)
    {
        var before = await ComparisonAsync();
        var judged = int.Parse((await Progress.Locator("strong").First.TextContentAsync())!);
        await PressAsync(keys);
        await Expect(Progress.Locator("strong").First).ToHaveTextAsync($"{judged + 1}");
        await Expect(Root).Not.ToHaveAttributeAsync("data-comparison", before);
    }

    public async Task<string> ComparisonAsync() => (await Root.GetAttributeAsync("data-comparison"))!;

    /// <summary>The texts from left to right.</summary>
    public async Task<IReadOnlyList<string>> SidesAsync() => await Page.Locator("article .text").AllTextContentsAsync();

    /// <summary>All rows of the annotator, edits aside, in the order they were made.</summary>
    public async Task<IReadOnlyList<Judgment>> JudgmentsAsync()
    {
        await using var db = app.OpenDb();
        return await db.Judgments.AsNoTracking().Where(j => j.AnnotatorId == annotator.Current.Id && j.Origin != JudgmentOrigin.Edit).OrderBy(j => j.Id).ToListAsync();
    }

    /// <summary>Waits until what was begun on the comparison on screen is in the database.</summary>
    public async Task DraftIsKeptAsync(string containing)
    {
        await Until.TrueAsync(async () =>
        {
            await using var db = app.OpenDb();
            return await db.Drafts.AnyAsync(d => d.AnnotatorId == annotator.Current.Id && d.Content.Contains(containing));
        });
    }

    public Task ShouldFindNothingAsync(string where) => page.ShouldFindNothingInBothThemesAndSizesAsync(where);

    public ValueTask DisposeAsync() => page.DisposeAsync();
}

using Annotator.Tests.Fixtures;
using Annotator.Web.Data;
using Annotator.Web.Live;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Annotator.Tests.Browser;

/// <summary>The desk in a real browser, by keyboard, with comparisons put straight into the database.</summary>
public sealed class DeskPageTests(WebApp app, Fixtures.Browser browser) : IClassFixture<WebApp>
{
    [Fact]
    public async Task Every_key_judges_and_the_next_comparison_is_there_at_once()
    {
        await using var desk = await SitDownAsync("every-key", comparisons: 7);

        foreach (var key in new[] { "ArrowLeft", "1", "ArrowRight", "2", "t", "b" })
        {
            await desk.JudgeAsync(key);
        }

        var judgments = await desk.JudgmentsAsync();
        judgments.Take(2).ShouldAllBe(j => j.Ranking![0][0] == j.SidesShown[0], "left");
        judgments.Skip(2).Take(2).ShouldAllBe(j => j.Ranking![0][0] == j.SidesShown[1], "right");
        judgments[4].Ranking!.Length.ShouldBe(1, "a tie is one tier");
        judgments[5].Verdict.ShouldBe(Verdict.BothBad);
        judgments.ShouldAllBe(j => j.Seconds > 0 && j.GuidelinesVersion == 1);
        desk.Problems.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_skip_asks_for_its_reason()
    {
        await using var desk = await SitDownAsync("skips", comparisons: 2);

        await desk.Keys.PressAsync("s");
        await Expect(desk.Page.GetByRole(AriaRole.Group, new() { Name = "Why do you skip it?" })).ToBeVisibleAsync();
        await desk.JudgeAsync("3");

        (await desk.JudgmentsAsync()).ShouldHaveSingleItem().SkipReason.ShouldBe(SkipReason.Broken);
    }

    [Fact]
    public async Task Undo_brings_the_last_one_back_as_it_stood()
    {
        await using var desk = await SitDownAsync("undo", comparisons: 3);
        var first = await desk.SidesAsync();
        await desk.JudgeAsync("1");

        await desk.Keys.PressAsync("Control+z");

        await Expect(desk.Page.Locator("[data-live=notice]")).ToHaveTextAsync("Undone: 1 is better");
        (await desk.SidesAsync()).ShouldBe(first);
        await Expect(desk.Progress).ToHaveTextAsync("0 today 0 in all");
        await desk.Keys.PressAsync("u");
        await Expect(desk.Page.Locator("[data-live=notice]")).ToHaveTextAsync("Nothing to undo");
        await Expect(desk.Progress).ToHaveTextAsync("0 today 0 in all");
        await desk.JudgeAsync("2");
        (await desk.JudgmentsAsync()).Select(j => j.Verdict).ShouldBe([Verdict.Ranked, Verdict.Withdrawn, Verdict.Ranked]);
    }

    [Fact]
    public async Task A_key_held_down_counts_once_and_so_does_a_key_pressed_twice_during_the_highlight()
    {
        await using var desk = await SitDownAsync("held", comparisons: 6);
        var first = await desk.ComparisonAsync();

        await desk.Keys.DownAsync("t");
        for (var i = 0; i < 15; i++)
        {
            await desk.Keys.DownAsync("t"); // The browser marks these as repeats.
        }

        await Expect(desk.Root).Not.ToHaveAttributeAsync("data-comparison", first);
        await desk.Keys.DownAsync("t");
        await desk.Keys.UpAsync("t");
        // Both in the one moment: between two calls from here the highlight may end.
        await desk.Page.EvaluateAsync("() => { for (let i = 0; i < 2; i++) document.body.dispatchEvent(new KeyboardEvent('keydown', { key: '1', code: 'Digit1', bubbles: true, cancelable: true })); }");
        await Expect(desk.Progress).ToHaveTextAsync("2 today 2 in all");
        await Expect(desk.Root).ToHaveAttributeAsync("data-phase", "Reading");

        (await desk.JudgmentsAsync()).Count.ShouldBe(2);
    }

    [Fact]
    public async Task Enter_held_on_a_button_judges_once()
    {
        await using var desk = await SitDownAsync("enter", comparisons: 6);
        var first = await desk.ComparisonAsync();

        await desk.Page.GetByRole(AriaRole.Button, new() { Name = "Tie" }).FocusAsync();
        await desk.Keys.DownAsync("Enter");
        await desk.Keys.DownAsync("Enter");
        await Expect(desk.Root).Not.ToHaveAttributeAsync("data-comparison", first);
        await desk.Keys.DownAsync("Enter");
        await desk.Keys.UpAsync("Enter");
        await desk.JudgeAsync("b");

        (await desk.JudgmentsAsync()).Select(j => j.Verdict).ShouldBe([Verdict.Ranked, Verdict.BothBad]);
    }

    [Fact]
    public async Task What_is_typed_right_after_the_comment_key_is_a_comment_and_its_draft_survives_a_reload()
    {
        await using var desk = await SitDownAsync("comment", comparisons: 3);

        await desk.Keys.PressAsync("c");
        await desk.Keys.TypeAsync("best but 2 short");
        await desk.ReloadAsync();
        await desk.Keys.PressAsync("c");
        await Expect(desk.Page.GetByLabel("Comment", new() { Exact = true })).ToHaveValueAsync("best but 2 short");
        await desk.Keys.TypeAsync(".");
        await desk.Keys.PressAsync("Escape");
        await desk.JudgeAsync("2");

        (await desk.JudgmentsAsync()).ShouldHaveSingleItem().Comment.ShouldBe("best but 2 short.");
        await Expect(desk.Page.GetByLabel("Comment", new() { Exact = true })).ToHaveValueAsync("");
    }

    [Fact]
    public async Task The_keys_can_be_listed_and_switched_off()
    {
        await using var desk = await SitDownAsync("switch", comparisons: 3);
        var list = desk.Page.GetByRole(AriaRole.Dialog, new() { Name = "Keys" });

        await desk.Keys.PressAsync("?");
        await Expect(list).ToBeVisibleAsync();
        await desk.Keys.PressAsync("1");
        await list.GetByLabel("Single-key shortcuts").UncheckAsync();
        await desk.Keys.PressAsync("Escape");
        await Expect(list).ToBeHiddenAsync();
        await desk.Keys.PressAsync("1");
        await desk.ReloadAsync();
        await desk.Keys.PressAsync("1");
        await desk.Page.GetByRole(AriaRole.Button, new() { Name = "Tie" }).ClickAsync();
        await Expect(desk.Progress).ToHaveTextAsync("1 today 1 in all");

        (await desk.JudgmentsAsync()).ShouldHaveSingleItem().Ranking!.Length.ShouldBe(1);
    }

    [Fact]
    public async Task The_guidelines_stay_open_after_a_reload()
    {
        await using var desk = await SitDownAsync("guidelines", comparisons: 2);
        var guidelines = desk.Page.GetByRole(AriaRole.Complementary, new() { Name = "Guidelines" });

        await Expect(guidelines).ToBeHiddenAsync();
        await desk.Keys.PressAsync("g");
        await Expect(guidelines.Locator("li").First).ToBeVisibleAsync();
        await desk.ReloadAsync();
        await Expect(guidelines).ToBeVisibleAsync();
        await desk.Keys.PressAsync("g");
        await Expect(guidelines).ToBeHiddenAsync();
    }

    [Fact]
    public async Task A_reload_brings_the_same_comparison_back_with_the_same_sides()
    {
        await using var desk = await SitDownAsync("reload", comparisons: 4);
        await desk.JudgeAsync("t");
        var before = await desk.SidesAsync();

        await desk.ReloadAsync();

        (await desk.SidesAsync()).ShouldBe(before);
    }

    [Fact]
    public async Task Fresh_responses_are_told_quietly_and_come_next_while_the_comparison_on_screen_stays()
    {
        await using var desk = await SitDownAsync("fresh", comparisons: 4);
        var onScreen = await desk.ComparisonAsync();
        IReadOnlyList<long> fresh;
        int number;
        await using (var db = app.OpenDb())
        {
            var study = db.StarterStudy();
            number = db.AddPolicy(study.Id).Number;
            // Enough for the desks of other tests, whose connections may still be open and hear of them too.
            fresh = [.. db.AddComparisons(study.Id, 20).Select(c => c.Id)];
            app.Services.GetRequiredService<LiveFeed>().Publish(new FreshResponsesReady(study.Id, number, fresh));
        }

        await Expect(desk.Page.Locator("[data-live=notice]")).ToHaveTextAsync($"Round {number}: fresh responses");
        await Expect(desk.Page.GetByText($"Policy round {number}")).ToBeVisibleAsync();
        (await desk.ComparisonAsync()).ShouldBe(onScreen);
        await desk.JudgeAsync("1");
        fresh.ShouldContain(long.Parse(await desk.ComparisonAsync()));
    }

    [Fact]
    public async Task An_empty_desk_goes_on_by_itself_when_responses_arrive()
    {
        await using var desk = await SitDownAsync("empty", comparisons: 1);
        await desk.JudgeAsync("1", moves: false);
        await Expect(desk.Page.GetByRole(AriaRole.Heading, new() { Name = "The model" })).ToBeVisibleAsync();

        await using (var db = app.OpenDb())
        {
            var study = db.StarterStudy();
            var fresh = db.AddComparisons(study.Id, 2).Select(c => c.Id).ToList();
            app.Services.GetRequiredService<LiveFeed>().Publish(new FreshResponsesReady(study.Id, 0, fresh));
        }

        await Expect(desk.Root).ToHaveAttributeAsync("data-phase", "Reading");
        await desk.JudgeAsync("2", then: "2 today 2 in all");
    }

    [Theory]
    [InlineData(360, 640)]
    [InlineData(640, 400)]
    [InlineData(1280, 800)]
    public async Task However_long_the_texts_the_choices_stay_in_sight_and_nothing_scrolls_sideways(int width, int height)
    {
        await using (var db = app.OpenDb())
        {
            var comparison = db.AddComparisons(db.StarterStudy().Id, 1)[0];
            var text = db.Responses.Single(r => r.Id == comparison.Responses[0].ResponseId);
            text.Text = string.Join(' ', Enumerable.Repeat("and then the long-awaited sequel arrived", 400)) + new string('x', 300);
            await db.SaveChangesAsync(TestContext.Current.CancellationToken);
        }

        await using var desk = await SitDownAsync($"long-{width}", comparisons: 0, new() { ViewportSize = new() { Width = width, Height = height } });

        foreach (var name in new[] { "1 is better", "Tie", "Both bad", "2 is better" })
        {
            await Expect(desk.Page.GetByRole(AriaRole.Button, new() { Name = name })).ToBeInViewportAsync(new() { Ratio = 1 });
        }

        (await desk.Page.EvaluateAsync<bool>("() => document.documentElement.scrollWidth <= innerWidth")).ShouldBeTrue();
    }

    [Fact]
    public async Task Axe_finds_nothing_on_the_desk_its_keys_and_its_guidelines()
    {
        await using var desk = await SitDownAsync("axe", comparisons: 3);

        await desk.ShouldFindNothingAsync("the desk");
        await desk.Keys.PressAsync("s");
        await Expect(desk.Page.GetByRole(AriaRole.Group, new() { Name = "Why do you skip it?" })).ToBeVisibleAsync();
        await desk.Keys.PressAsync("g");
        await Expect(desk.Page.GetByRole(AriaRole.Complementary, new() { Name = "Guidelines" })).ToBeVisibleAsync();
        await desk.ShouldFindNothingAsync("the desk with reasons and guidelines");
        await desk.Keys.PressAsync("?");
        await Expect(desk.Page.GetByRole(AriaRole.Dialog, new() { Name = "Keys" })).ToBeVisibleAsync();
        await desk.ShouldFindNothingAsync("the list of keys");
    }

    /// <summary>A new annotator at the desk, nobody else's comparisons in stock.</summary>
    private async Task<DeskScreen> SitDownAsync(string userName, int comparisons, BrowserNewContextOptions? options = null)
    {
        await using (var db = app.OpenDb())
        {
            var study = db.StarterStudy();
            if (comparisons > 0)
            {
                await db.Comparisons.Where(c => c.RetiredAt == null).ExecuteUpdateAsync(
                    set => set.SetProperty(c => c.RetiredAt, DateTime.UtcNow), TestContext.Current.CancellationToken);
                db.AddComparisons(study.Id, comparisons);
            }
        }

        var annotator = await app.CreateAnnotatorAsync(userName);
        var desk = new DeskScreen(app, annotator, await browser.OpenAsync(app, annotator, options));
        await desk.OpenAsync();
        return desk;
    }

    /// <summary>The desk as an annotator handles it.</summary>
    private sealed class DeskScreen(WebApp app, TestPerson annotator, TestPage page) : IAsyncDisposable
    {
        public IPage Page => page.Page;
        public IKeyboard Keys => Page.Keyboard;
        public ILocator Root => Page.Locator(".desk");
        public ILocator Progress => Page.Locator(".progress");
        public IReadOnlyList<string> Problems => page.Problems;

        public async Task OpenAsync()
        {
            await page.GoAsync("/");
            await ReadyAsync();
        }

        public async Task ReloadAsync()
        {
            await Page.ReloadAsync();
            await ReadyAsync();
        }

        /// <summary>Presses a key and waits until the count has gone up and, unless told otherwise, the next comparison is on screen.</summary>
        public async Task JudgeAsync(string key, string? then = null, bool moves = true)
        {
            var before = await ComparisonAsync();
            var judged = int.Parse((await Progress.Locator("strong").First.TextContentAsync())!);
            await Keys.PressAsync(key);
            await Expect(Progress).ToHaveTextAsync(then ?? $"{judged + 1} today {judged + 1} in all");
            if (moves)
            {
                await Expect(Root).Not.ToHaveAttributeAsync("data-comparison", before);
            }
        }

        public async Task<string> ComparisonAsync() => (await Root.GetAttributeAsync("data-comparison"))!;

        /// <summary>The texts from left to right.</summary>
        public async Task<IReadOnlyList<string>> SidesAsync() => await Page.Locator("article .text").AllTextContentsAsync();

        public async Task<IReadOnlyList<Judgment>> JudgmentsAsync()
        {
            await using var db = app.OpenDb();
            return await db.Judgments.AsNoTracking().Where(j => j.AnnotatorId == annotator.Current.Id).OrderBy(j => j.Id).ToListAsync();
        }

        public Task ShouldFindNothingAsync(string where) => page.ShouldFindNothingInBothThemesAndSizesAsync(where);

        public ValueTask DisposeAsync() => page.DisposeAsync();

        private Task ReadyAsync() => Expect(Page.Locator("[data-desk-ready=true]")).ToBeAttachedAsync();
    }
}

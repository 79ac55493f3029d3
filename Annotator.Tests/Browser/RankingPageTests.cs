using Annotator.Tests.Fixtures;
using Annotator.Web.Data;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Annotator.Tests.Browser;

/// <summary>Rankings of four in a real browser: by keyboard, by mouse and by finger.</summary>
public sealed class RankingPageTests(DeskApp desks, Fixtures.Browser browser)
{
    [Fact]
    public async Task Four_digits_and_Enter_rank_four_responses()
    {
        await using var board = await SitDownAsync("digits", comparisons: 2);
        var sides = await board.SidesAsync();

        // The first has the focus; after each digit the next one has it.
        await board.PressAsync("3", "1", "4", "2");
        await Expect(board.Live).ToHaveTextAsync("Response 4: place 2. Each has its place.");
        await board.SaveAsync();

        (await board.JudgmentsAsync()).ShouldHaveSingleItem().ShouldSatisfyAllConditions(
            j => j.Verdict.ShouldBe(Verdict.Ranked),
            j => j.Ranking.ShouldBe([[sides[1]], [sides[3]], [sides[0]], [sides[2]]]),
            j => j.SidesShown.ShouldBe(sides),
            j => j.OrderUntouched.ShouldBeFalse());
        board.Problems.ShouldBeEmpty();
    }

    [Fact]
    public async Task The_same_digit_twice_is_a_tie_and_what_is_missing_is_said()
    {
        await using var board = await SitDownAsync("tie", comparisons: 1);
        var sides = await board.SidesAsync();

        await board.PressAsync("1", "2", "2");
        await Expect(board.Live).ToHaveTextAsync("Response 3: place 2, tied with 2. 1 still to rank.");
        await board.Keys.PressAsync("Enter");
        await Expect(board.Page.GetByRole(AriaRole.Alert)).ToHaveTextAsync("Still to rank: 4.");
        await board.PressAsync("4");
        await board.SaveAsync(isLast: true);

        (await board.JudgmentsAsync()).ShouldHaveSingleItem().Ranking.ShouldBe([[sides[0]], [.. new[] { sides[1], sides[2] }.Order()], [sides[3]]]);
    }

    [Fact]
    public async Task An_order_that_was_never_touched_is_asked_back_about_and_marked()
    {
        await using var board = await SitDownAsync("untouched", comparisons: 1);
        var sides = await board.SidesAsync();

        await board.Keys.PressAsync("Enter");
        await Expect(board.Page.GetByRole(AriaRole.Alert)).ToContainTextAsync("Nothing was moved yet.");
        (await board.JudgmentsAsync()).ShouldBeEmpty();
        await board.SaveAsync(isLast: true);

        (await board.JudgmentsAsync()).ShouldHaveSingleItem().ShouldSatisfyAllConditions(
            j => j.Ranking.ShouldBe([.. sides.Select(position => new[] { position })]),
            j => j.OrderUntouched.ShouldBeTrue());
    }

    [Fact]
    public async Task Responses_that_cannot_be_ordered_are_one_key()
    {
        await using var board = await SitDownAsync("not-rankable", comparisons: 1);

        await board.Keys.PressAsync("n");
        await Expect(board.Progress).ToHaveTextAsync("1");

        (await board.JudgmentsAsync()).ShouldHaveSingleItem().Verdict.ShouldBe(Verdict.NotRankable);
    }

    [Fact]
    public async Task Keys_move_the_focus_put_between_two_and_take_out()
    {
        await using var board = await SitDownAsync("keys", comparisons: 1);
        await board.PressAsync("1", "2", "3", "4");
        await Expect(board.Order).ToHaveTextAsync(["1", "2", "3", "4"]);
        await Expect(board.TextOf("4")).ToBeFocusedAsync();

        // From the last to the one before, which goes to the top; the others move along.
        await board.PressAsync("ArrowLeft", "Shift+Digit1");
        await Expect(board.Order).ToHaveTextAsync(["3", "1", "2", "4"]);
        await board.PressAsync("Backspace");
        await Expect(board.Order).ToHaveTextAsync(["1", "2", "4"]);
        await Expect(board.Tray).ToHaveTextAsync(["3"]);
    }

    [Fact]
    public async Task Dragging_puts_into_a_place_between_two_and_onto_another_for_a_tie()
    {
        await using var board = await SitDownAsync("drag", comparisons: 1);

        await board.DragAsync("2", board.Slot(1), 0.5f);
        await Expect(board.Order).ToHaveTextAsync(["2"]);
        await board.DragAsync("1", board.Slot(1), 0.9f);
        await Expect(board.Order).ToHaveTextAsync(["2", "1"]);
        await board.DragAsync("4", board.Slot(2), 0.5f);
        await Expect(board.In(2)).ToHaveTextAsync(["1", "4"]);
        await board.DragAsync("3", board.Slot(1), 0.05f);
        await Expect(board.Order).ToHaveTextAsync(["3", "2", "1", "4"]);
        await board.DragAsync("2", board.Page.Locator("[data-tray]"), 0.5f);
        await Expect(board.Tray).ToHaveTextAsync(["2"]);
        board.Problems.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_press_that_hardly_moves_is_no_drag()
    {
        await using var board = await SitDownAsync("threshold", comparisons: 1);
        var grip = board.Card("1").Locator("[data-grip]");
        await board.RestAsync();
        var box = (await grip.BoundingBoxAsync())!;

        await board.Page.Mouse.MoveAsync(box.X + 5, box.Y + 5);
        await board.Page.Mouse.DownAsync();
        await board.Page.Mouse.MoveAsync(box.X + 10, box.Y + 10);
        await Expect(board.Page.Locator(".ghost")).ToHaveCountAsync(0);
        await board.Page.Mouse.MoveAsync(box.X + 30, box.Y + 5);
        await Expect(board.Page.Locator(".ghost")).ToHaveCountAsync(1);
        await board.Keys.PressAsync("Escape");
        await Expect(board.Page.Locator(".ghost")).ToHaveCountAsync(0);
        await board.Page.Mouse.UpAsync();
        await Expect(board.Tray).ToHaveCountAsync(4);
    }

    [Fact]
    public async Task On_a_phone_a_finger_ranks_by_the_numbers_and_nothing_scrolls_sideways()
    {
        await using var board = await SitDownAsync("phone", comparisons: 1, new() { ViewportSize = new() { Width = 360, Height = 640 }, HasTouch = true, IsMobile = true });
        var sides = await board.SidesAsync();

        foreach (var (number, place) in new[] { ("1", 2), ("2", 1), ("3", 3), ("4", 4) })
        {
            await board.Card(number).GetByRole(AriaRole.Button, new() { Name = $"Place {place}" }).TapAsync();
            await Expect(board.In(place)).ToHaveTextAsync([number]);
        }

        (await board.Page.EvaluateAsync<bool>("() => document.documentElement.scrollWidth <= innerWidth")).ShouldBeTrue();
        await Expect(board.Page.GetByRole(AriaRole.Button, new() { Name = "Save the order" })).ToBeInViewportAsync(new() { Ratio = 1 });
        await board.Page.GetByRole(AriaRole.Button, new() { Name = "Save the order" }).TapAsync();
        await Expect(board.Progress).ToHaveTextAsync("1");
        (await board.JudgmentsAsync()).ShouldHaveSingleItem().Ranking![0].ShouldBe([sides[1]]);
    }

    [Fact]
    public async Task On_a_phone_a_finger_on_the_grip_drags_and_elsewhere_it_scrolls()
    {
        await using var board = await SitDownAsync("finger", comparisons: 1, new() { ViewportSize = new() { Width = 390, Height = 780 }, HasTouch = true, IsMobile = true });
        var (text, grip) = (board.TextOf("1"), board.Card("4").Locator("[data-grip]"));
        await board.RestAsync();
        var top = (await text.BoundingBoxAsync())!.Y;

        await board.SwipeAsync(text, 0, -60);
        await Until.TrueAsync(async () => (await text.BoundingBoxAsync())!.Y < top);
        await Expect(board.Tray).ToHaveCountAsync(4);
        await board.RestAsync();
        await board.Slot(1).EvaluateAsync("slot => slot.scrollIntoView({ block: 'center', behavior: 'instant' })");
        await board.RestAsync();
        var down = (await board.Slot(1).BoundingBoxAsync())!.Y - (await grip.BoundingBoxAsync())!.Y;
        await board.SwipeAsync(grip, 60, down + 20);
        await Expect(board.In(1)).ToHaveTextAsync(["4"]);
        board.Problems.ShouldBeEmpty();
    }

    [Theory]
    [InlineData(1280, 800)]
    [InlineData(360, 640)]
    public async Task Eight_responses_are_ranked_by_digits_and_fit_the_screen(int width, int height)
    {
        await using var board = await SitDownAsync($"eight-{width}", comparisons: 2, new() { ViewportSize = new() { Width = width, Height = height } }, responses: 8);
        await board.TakeAsync($"ranking-eight-{width}");
        var sides = await board.SidesAsync();
        var start = await board.TopAsync();

        await board.PressAsync("8", "7", "6", "5");
        await board.TakeAsync($"ranking-eight-{width}-half");
        await board.PressAsync("4", "3", "2", "1");
        await board.TakeAsync($"ranking-eight-{width}-done");
        (await board.Page.EvaluateAsync<bool>("() => document.documentElement.scrollWidth <= innerWidth")).ShouldBeTrue();
        await board.SaveAsync();
        (await board.TopAsync()).ShouldBe(start, 3, "the next one begins at its prompt, but for the pixel by which it settles");

        (await board.JudgmentsAsync()).ShouldHaveSingleItem().Ranking.ShouldBe([.. sides.Reverse().Select(position => new[] { position })]);
        board.Problems.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_reload_keeps_the_order_so_far_and_undo_brings_the_whole_one_back()
    {
        await using var board = await SitDownAsync("reload", comparisons: 2);
        var sides = await board.SidesAsync();
        await board.PressAsync("2", "2", "1");
        await Expect(board.Order).ToHaveTextAsync(["3", "1", "2"]);
        await board.DraftIsKeptAsync($"[[{sides[2]}],[{sides[0]},{sides[1]}],[],[]]");

        await board.ReloadAsync();
        await Expect(board.Order).ToHaveTextAsync(["3", "1", "2"]);
        await Expect(board.Tray).ToHaveTextAsync(["4"]);
        await board.PressAsync("4");
        await board.SaveAsync();
        await board.PressAsync("u");

        await Expect(board.Order).ToHaveTextAsync(["3", "1", "2", "4"]);
        await Expect(board.In(2)).ToHaveTextAsync(["1", "2"]);
        await board.ReadyAsync();
        await board.SaveAsync();
        (await board.JudgmentsAsync()).Select(j => j.Verdict).ShouldBe([Verdict.Ranked, Verdict.Withdrawn, Verdict.Ranked]);
        board.Problems.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_flag_goes_with_the_response_it_was_set_on()
    {
        await using var board = await SitDownAsync("flag", comparisons: 1);
        var sides = await board.SidesAsync();

        await board.PressAsync("f", "2", "Escape", "1", "2", "3", "4");
        await board.SaveAsync(isLast: true);

        (await board.JudgmentsAsync()).ShouldHaveSingleItem().Flags![sides[1]].ShouldBe(ResponseFaults.Unsafe);
    }

    [Fact]
    public async Task Axe_finds_nothing_on_an_empty_a_half_and_a_whole_order()
    {
        await using var board = await SitDownAsync("axe", comparisons: 1);

        await board.ShouldFindNothingAsync("the tray");
        await board.PressAsync("2", "2");
        await board.PressAsync("Enter");
        await board.ShouldFindNothingAsync("a tie and a hint");
        await board.PressAsync("1", "3");
        await board.ShouldFindNothingAsync("a whole order");
    }

    private async Task<Board> SitDownAsync(string userName, int comparisons, BrowserNewContextOptions? options = null, int responses = 4)
    {
        var board = new Board(await desks.SitDownAsync(browser, $"ranks-{userName}", task => task with { Kind = TaskKind.Ranking, ResponsesPerComparison = responses }, comparisons, options: options));
        await board.ReadyAsync();
        return board;
    }

    /// <summary>The ranking board as an annotator handles it; responses go by the number on their card.</summary>
    private sealed class Board(DeskScreen desk) : IAsyncDisposable
    {
        public IPage Page => desk.Page;
        public IKeyboard Keys => Page.Keyboard;
        public ILocator Progress => desk.Progress.Locator("strong").First;
        public ILocator Live => Page.Locator("[data-live=ranking]");

        /// <summary>The numbers of the responses that have a place, best first.</summary>
        public ILocator Order => Page.Locator("[data-slot] h2 span[aria-hidden]");

        public ILocator Tray => Page.Locator("[data-tray] article h2 span[aria-hidden]");
        public IReadOnlyList<string> Problems => desk.Problems;

        public ILocator Slot(int place) => Page.Locator($"[data-slot='{place - 1}']");

        /// <summary>The numbers of the responses in a place.</summary>
        public ILocator In(int place) => Slot(place).Locator("h2 span[aria-hidden]");

        /// <summary>Has the focus where its card has it.</summary>
        public ILocator TextOf(string number) => Card(number).Locator(".text");

        public ILocator Card(string number) => Page.Locator(".movable", new() { Has = desk.Card(int.Parse(number)) });

        public async Task ReloadAsync()
        {
            await desk.ReloadAsync();
            await ReadyAsync();
        }

        /// <summary>Presses keys, each once the one before has been heard.</summary>
        public async Task PressAsync(params string[] keys)
        {
            foreach (var key in keys)
            {
                var before = await StateAsync();
                await Keys.PressAsync(key);
                await Until.TrueAsync(async () => await StateAsync() != before);
            }
        }

        /// <summary>Gives the answer and waits until it is committed, and until the next comparison is there if there is one.</summary>
        public async Task SaveAsync(bool isLast = false)
        {
            var (before, judged) = (await desk.ComparisonAsync(), int.Parse((await Progress.TextContentAsync())!));
            await Keys.PressAsync("Enter");
            await Expect(Progress).ToHaveTextAsync($"{judged + 1}");
            await Expect(desk.Root).Not.ToHaveAttributeAsync("data-comparison", before);
            if (!isLast)
            {
                await ReadyAsync();
            }
        }

        /// <summary>Waits until nothing scrolls or settles any more.</summary>
        public async Task RestAsync() => await Page.Locator(".ranking").EvaluateAsync("""
            async ranking => {
              const place = () => { const { x, y } = ranking.getBoundingClientRect(); return `${x} ${y}`; };
              // Some frames in a row: a smooth scroll begins a moment after it was asked for.
              for (let still = 0, before = place(); still < 10; before = place()) {
                await new Promise(requestAnimationFrame);
                still = place() === before ? still + 1 : 0;
              }
            }
            """);

        /// <summary>Takes a card by its grip to a place, this far down in it, and waits until it has the focus there.</summary>
        public async Task DragAsync(string number, ILocator to, float down)
        {
            await RestAsync();
            var grip = (await Card(number).Locator("[data-grip]").BoundingBoxAsync())!;
            await Page.Mouse.MoveAsync(grip.X + (grip.Width / 2), grip.Y + (grip.Height / 2));
            await Page.Mouse.DownAsync();
            await Page.Mouse.MoveAsync(grip.X + 40, grip.Y + 10);
            var target = (await to.BoundingBoxAsync())!;
            await Page.Mouse.MoveAsync(target.X + (target.Width / 2), target.Y + (target.Height * down), new() { Steps = 5 });
            await Page.Mouse.UpAsync();
            await Expect(TextOf(number)).ToBeFocusedAsync();
        }

        /// <summary>A finger goes down in the middle of something, this many pixels along, and up.</summary>
        public async Task SwipeAsync(ILocator from, float right, float down)
        {
            var box = (await from.BoundingBoxAsync())!;
            var devtools = await Page.Context.NewCDPSessionAsync(Page);
            for (var step = 0; step <= 8; step++)
            {
                var point = new { x = box.X + (box.Width / 2) + (right * step / 8), y = box.Y + (box.Height / 2) + (down * step / 8) };
                await devtools.SendAsync("Input.dispatchTouchEvent", new() { ["type"] = step == 0 ? "touchStart" : "touchMove", ["touchPoints"] = new[] { point } });
            }

            await devtools.SendAsync("Input.dispatchTouchEvent", new() { ["type"] = "touchEnd", ["touchPoints"] = Array.Empty<object>() });
            await devtools.DetachAsync();
        }

        /// <summary>Where the comparison begins on screen, once it has come to rest.</summary>
        public Task<float> TopAsync() => Page.Locator(".comparison").EvaluateAsync<float>("""
            async comparison => {
              await Promise.allSettled(comparison.getAnimations().map(animation => animation.finished));
              return comparison.getBoundingClientRect().top;
            }
            """);

        public Task TakeAsync(string name) => desk.Screen.TakeAsync(name);

        /// <summary>The positions as they stand; asked while all are in the tray.</summary>
        public async Task<int[]> SidesAsync() =>
            await Page.EvaluateAsync<int[]>("() => [...document.querySelectorAll('[data-tray] .movable')].map(card => Number(card.dataset.position))");

        public Task DraftIsKeptAsync(string containing) => desk.DraftIsKeptAsync(containing);

        public Task<IReadOnlyList<Judgment>> JudgmentsAsync() => desk.JudgmentsAsync();

        public Task ShouldFindNothingAsync(string where) => desk.ShouldFindNothingAsync(where);

        public ValueTask DisposeAsync() => desk.DisposeAsync();

        public Task ReadyAsync() => Expect(Page.Locator(".ranking[data-hears]")).ToBeAttachedAsync();

        /// <summary>All that a key can change.</summary>
        private Task<string> StateAsync() => Page.EvaluateAsync<string>("""
            () => {
              const desk = document.querySelector('.desk');
              return [document.activeElement?.closest('.movable')?.dataset.position, desk.dataset.step, desk.dataset.comparison, desk.dataset.phase,
                ...['[data-live=ranking]', '[data-live=notice]', '.hint', '.fault'].map(name => document.querySelector(name)?.textContent)].join('|');
            }
            """);
    }
}

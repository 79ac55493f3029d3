using Annotator.Web.Data;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Annotator.Tests.Browser;

/// <summary>What a study may ask with an answer, and what an annotator may say beside it.</summary>
public sealed class DeskAnswersTests(DeskApp desks, Fixtures.Browser browser)
{
    [Fact]
    public async Task Where_the_study_asks_how_much_better_one_more_key_says_it()
    {
        await using var desk = await desks.SitDownAsync(browser, "strength", task => task with { AsksStrength = true });

        await desk.PressAsync("ArrowLeft");
        await Expect(desk.Group("How much better?").GetByRole(AriaRole.Button)).ToHaveTextAsync(["1 1 is slightly better", "2 1 is better", "3 1 is much better", "Back esc"]);
        await desk.ShouldFindNothingAsync("the strip of strengths");
        await desk.JudgeAsync("3");
        // A quick hand is ahead of the screen, and may change its mind.
        await desk.JudgeAsync("2", "1");
        await desk.JudgeAsync("ArrowLeft", "ArrowRight", "2");
        await desk.JudgeAsync("ArrowLeft", "t");

        var judgments = await desk.JudgmentsAsync();
        judgments.Select(j => j.Strength).ShouldBe([3, 1, 2, null]);
        judgments.Take(3).Select(j => j.Ranking![0][0] == j.SidesShown[0]).ShouldBe([true, false, false]);
        desk.Problems.ShouldBeEmpty();
    }

    [Fact]
    public async Task Where_the_study_wants_a_comment_the_box_opens_and_the_answer_waits_for_it()
    {
        await using var desk = await desks.SitDownAsync(browser, "required-comment", task => task with { RequiresComment = true });

        await desk.PressAsync("ArrowRight");
        await Expect(desk.Comment).ToBeFocusedAsync();
        await desk.PressAsync("Escape", "Enter");
        await Expect(desk.Page.GetByRole(AriaRole.Alert)).ToHaveTextAsync("Say in a few words why.");
        await Expect(desk.Comment).ToBeFocusedAsync();
        await desk.Keys.TypeAsync("2 has a point");
        await desk.JudgeAsync("Control+Enter");
        await desk.JudgeAsync("t");

        (await desk.JudgmentsAsync()).Select(j => j.Comment).ShouldBe(["2 has a point", null]);
    }

    [Fact]
    public async Task Reasons_are_offered_with_a_preference_and_may_be_required()
    {
        await using var desk = await desks.SitDownAsync(browser, "reasons", task => task with { ReasonChips = ["Clearer", "Truer", "Kinder"], RequiresReason = true });

        await desk.PressAsync("1", "Enter");
        await Expect(desk.Page.GetByRole(AriaRole.Alert)).ToHaveTextAsync("Choose at least one reason.");
        await desk.PressAsync("3", "1", "2", "2");
        await Expect(desk.Page.GetByRole(AriaRole.Button, new() { Name = "Kinder" })).ToHaveAttributeAsync("aria-pressed", "true");
        await desk.ShouldFindNothingAsync("the reasons");
        await desk.JudgeAsync("Enter");
        await desk.JudgeAsync("b");

        (await desk.JudgmentsAsync()).Select(j => j.Reasons).ShouldBe([["Clearer", "Kinder"], []]);
    }

    [Fact]
    public async Task Single_responses_are_flagged_by_key_and_shown_so()
    {
        await using var desk = await desks.SitDownAsync(browser, "flags");

        await desk.PressAsync("f", "1", "4", "3", "3");
        await Expect(desk.Card(1).GetByRole(AriaRole.Button, new() { Name = "Take the flag away: Unsafe" })).ToBeVisibleAsync();
        await Expect(desk.Card(2).GetByRole(AriaRole.Button, new() { Name = "Take the flag away: Broken" })).ToBeVisibleAsync();
        await desk.ShouldFindNothingAsync("the flags");
        await desk.JudgeAsync("Escape", "ArrowRight");

        var judgment = (await desk.JudgmentsAsync()).ShouldHaveSingleItem();
        judgment.SidesShown.Select(position => judgment.Flags![position]).ShouldBe([ResponseFaults.Unsafe, ResponseFaults.Broken]);
    }

    [Fact]
    public async Task A_tie_and_both_bad_are_kept_apart_and_a_skip_has_its_reason()
    {
        await using var desk = await desks.SitDownAsync(browser, "apart");

        await desk.JudgeAsync("t");
        await desk.JudgeAsync("b");
        await desk.JudgeAsync("s", "2");

        (await desk.JudgmentsAsync()).Select(j => (j.Verdict, j.Ranking?.Length, j.SkipReason))
            .ShouldBe([(Verdict.Ranked, 1, null), (Verdict.BothBad, null, null), (Verdict.Skipped, null, SkipReason.Unsafe)]);
    }

    [Fact]
    public async Task An_undo_brings_the_comparison_back_with_all_that_was_said_of_it()
    {
        await using var desk = await desks.SitDownAsync(browser, "undo-all", task => task with { ReasonChips = ["Clearer"] });
        var first = await desk.ComparisonAsync();
        await desk.PressAsync("c");
        await desk.Keys.TypeAsync("sharper");
        await desk.PressAsync("Escape", "f", "3", "Escape");
        await desk.JudgeAsync("1", "1", "Enter");

        await desk.PressAsync("u");

        await Expect(desk.Root).ToHaveAttributeAsync("data-comparison", first);
        await Expect(desk.Comment).ToHaveValueAsync("sharper");
        await Expect(desk.Card(1).GetByRole(AriaRole.Button, new() { Name = "Take the flag away: Broken" })).ToBeVisibleAsync();
        await desk.PressAsync("2");
        await Expect(desk.Page.GetByRole(AriaRole.Button, new() { Name = "Clearer" })).ToHaveAttributeAsync("aria-pressed", "true");
        await desk.JudgeAsync("Enter");
        (await desk.JudgmentsAsync())[^1].Comment.ShouldBe("sharper");
    }

    [Fact]
    public async Task A_known_answer_is_told_afterwards_where_the_study_tells()
    {
        await using var desk = await desks.SitDownAsync(browser, "gold", task => task with { ShowsGoldFeedback = true, GoldRate = 1 }, fill: (db, study) =>
        {
            foreach (var gold in Annotator.Tests.Fixtures.StudyRows.AddComparisons(db, study, 3, purpose: ComparisonPurpose.Gold))
            {
                gold.GoldRanking = [[0], [1]];
            }

            db.SaveChanges();
        });
        var notice = desk.Page.Locator("[data-live=notice]");
        await desk.JudgeAsync("1");

        var told = (await desk.JudgmentsAsync()).ShouldHaveSingleItem();
        await Expect(notice).ToHaveTextAsync(told.GoldCorrect!.Value ? "You agreed with the known answer." : "The known answer was: 2 is better");
    }

    [Fact]
    public async Task When_the_days_target_is_reached_the_desk_says_so_and_whoever_likes_goes_on()
    {
        await using var desk = await desks.SitDownAsync(browser, "target", task => task with { DailyTarget = 2 });
        await Expect(desk.Progress).ToContainTextAsync("0 of 2 today");
        await desk.JudgeAsync("1");
        await desk.JudgeAsync("2");

        await Expect(desk.Page.GetByRole(AriaRole.Heading, new() { Name = "Today's share is done" })).ToBeVisibleAsync();
        await desk.ShouldFindNothingAsync("the reached target");
        await desk.Button("Go on").ClickAsync();
        await Expect(desk.Root).ToHaveAttributeAsync("data-phase", "Reading");
        await desk.JudgeAsync("1");

        await Expect(desk.Progress).ToContainTextAsync("3 of 2 today");
    }
}

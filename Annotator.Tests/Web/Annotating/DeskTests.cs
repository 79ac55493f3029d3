using Annotator.Web.Annotating;
using Annotator.Web.Data;
using Annotator.Web.Live;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Tests.Web.Annotating;

public sealed class DeskTests : IDisposable
{
    private readonly DeskDatabase database = new();
    private readonly Seat ada;
    private readonly Seat ben;

    public DeskTests() => (ada, ben) = (database.AddAnnotator("ada"), database.AddAnnotator("ben"));

    private Desk Desk => database.Desk;
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task An_annotator_takes_a_comparison_judges_it_and_goes_on_with_the_prefetched_one()
    {
        database.AddComparisons(3);

        var onScreen = (await Next(ada))!;
        var prefetched = (await Next(ada, onScreen))!;
        var result = await Desk.JudgeAsync(ada, Press(onScreen, Answer.Left) with { PrefetchedId = prefetched.Id }, Cancel);

        prefetched.Id.ShouldNotBe(onScreen.Id);
        result.ShouldSatisfyAllConditions(
            r => r.Outcome.ShouldBe(JudgeOutcome.Judged),
            r => r.Counts.ShouldBe(new DeskCounts(Today: 1, All: 1)),
            r => r.PrefetchedIsKept.ShouldBeTrue(),
            r => r.Next.ShouldNotBeNull().Id.ShouldNotBeOneOf(onScreen.Id, prefetched.Id));
        var judgment = database.Judgments().ShouldHaveSingleItem();
        judgment.Ranking.ShouldBe([[onScreen.Sides[0]], [onScreen.Sides[1]]]);
        judgment.SidesShown.ShouldBe(onScreen.Sides);
        judgment.Seconds.ShouldBe(2.5);
        database.Reread(onScreen.Id).ShouldSatisfyAllConditions(
            c => c.JudgmentCount.ShouldBe(1),
            c => c.OpenPlaces.ShouldBe(0));
    }

    [Fact]
    public async Task The_newest_policy_comes_first()
    {
        database.AddComparisons(2);
        database.AddPolicy();
        var fresh = database.AddComparison();

        (await Next(ada))!.Id.ShouldBe(fresh.Id);
    }

    [Fact]
    public async Task Only_unretired_comparisons_for_training_are_handed_out()
    {
        database.AddComparison(purpose: ComparisonPurpose.Evaluation);
        var retired = database.AddComparison();
        await using (var db = database.CreateDbContext())
        {
            db.Comparisons.Single(c => c.Id == retired.Id).RetiredAt = database.Clock.Now;
            await db.SaveChangesAsync(Cancel);
        }

        (await Next(ada)).ShouldBeNull();
    }

    [Fact]
    public async Task A_prompt_comes_back_with_a_new_policy_but_never_twice_under_one()
    {
        var prompt = database.AddPrompt("One summer night");
        database.AddComparisons(2, prompt.Id);

        var first = (await Next(ada))!;
        (await Next(ada, first)).ShouldBeNull("its sibling must not be prefetched beside it");
        await Desk.JudgeAsync(ada, Press(first, Answer.Skip, SkipReason.CannotJudge), Cancel);
        (await Next(ada)).ShouldBeNull("she skipped that prompt under this policy");
        (await Next(ben)).ShouldNotBeNull("he has not seen it");

        database.AddPolicy();
        var fresh = database.AddComparison(prompt.Id);
        (await Next(ada))!.Id.ShouldBe(fresh.Id);
    }

    [Fact]
    public async Task A_repeat_of_the_same_press_finds_the_judgment_it_made()
    {
        database.AddComparison();
        var press = Press((await Next(ada))!, Answer.Right);

        await Desk.JudgeAsync(ada, press, Cancel);
        var repeat = await Desk.JudgeAsync(ada, press, Cancel);

        repeat.Outcome.ShouldBe(JudgeOutcome.Judged, "it was");
        repeat.Counts.All.ShouldBe(1);
        database.Judgments().Count.ShouldBe(1);
        database.Reread(press.Comparison.Id).JudgmentCount.ShouldBe(1);
    }

    [Fact]
    public async Task Two_tabs_judge_the_same_comparison_once_even_at_the_same_moment()
    {
        database.AddComparison();
        var inFirstTab = (await Next(ada))!;
        var inSecondTab = (await Next(ada))!;
        inSecondTab.Id.ShouldBe(inFirstTab.Id);

        var results = await Task.WhenAll(
            Task.Run(() => Desk.JudgeAsync(ada, Press(inFirstTab, Answer.Left), Cancel), Cancel),
            Task.Run(() => Desk.JudgeAsync(ada, Press(inSecondTab, Answer.Tie), Cancel), Cancel));

        results.Count(r => r.Outcome == JudgeOutcome.AlreadyJudged).ShouldBe(1);
        database.Judgments().Count.ShouldBe(1);
    }

    [Fact]
    public async Task Twenty_annotators_at_once_never_get_the_same_comparison()
    {
        database.AddComparisons(60);
        var annotators = Enumerable.Range(0, 20).Select(i => database.AddAnnotator($"annotator{i}")).ToList();

        var taken = await Task.WhenAll(annotators.Select(annotator => Task.Run(async () =>
        {
            var first = (await Next(annotator))!;
            var second = (await Next(annotator, first))!;
            await Desk.JudgeAsync(annotator, Press(first, Answer.Left), Cancel);
            return new[] { first.Id, second.Id };
        }, Cancel)));

        taken.SelectMany(ids => ids).ShouldBeUnique();
        database.Judgments().Count.ShouldBe(20);
    }

    [Fact]
    public async Task A_tie_and_both_bad_are_different_answers()
    {
        database.AddComparisons(2);
        await Desk.JudgeAsync(ada, Press((await Next(ada))!, Answer.Tie), Cancel);
        await Desk.JudgeAsync(ada, Press((await Next(ada))!, Answer.BothBad), Cancel);

        var judgments = database.Judgments();
        (judgments[0].Verdict, judgments[1].Verdict).ShouldBe((Verdict.Ranked, Verdict.BothBad));
        judgments[0].Ranking.ShouldBe([[0, 1]]);
        judgments[1].Ranking.ShouldBeNull();
    }

    [Theory]
    [InlineData(SkipReason.CannotJudge)]
    [InlineData(SkipReason.Unsafe)]
    [InlineData(SkipReason.Broken)]
    [InlineData(SkipReason.NotMyLanguage)]
    [InlineData(SkipReason.Other)]
    public async Task A_skip_is_stored_with_its_reason(SkipReason reason)
    {
        database.AddComparison();
        await Desk.JudgeAsync(ada, Press((await Next(ada))!, Answer.Skip, reason), Cancel);

        var judgment = database.Judgments().ShouldHaveSingleItem();
        (judgment.Verdict, judgment.SkipReason, judgment.Ranking).ShouldBe((Verdict.Skipped, reason, null));
    }

    [Fact]
    public async Task A_skip_without_a_reason_is_refused()
    {
        database.AddComparison();
        var shown = (await Next(ada))!;

        var refusal = await Should.ThrowAsync<ArgumentException>(() => Desk.JudgeAsync(ada, Press(shown, Answer.Skip), Cancel));
        refusal.Message.ShouldContain("reason");
    }

    [Fact]
    public async Task A_comparison_of_an_older_policy_is_retired_when_it_is_given_back()
    {
        database.AddComparisons(2);
        var prefetched = (await Next(ada, (await Next(ada))!))!;
        database.AddPolicy();

        await Desk.ReleaseAsync(ada, [prefetched.Id], database.Clock.Now, Cancel);

        database.Reread(prefetched.Id).RetiredAt.ShouldNotBeNull();
    }

    [Fact]
    public async Task The_feed_hears_of_a_judgment_once_it_is_committed()
    {
        database.AddComparison();
        var shown = (await Next(ada))!;
        var heard = new List<LiveEvent>();
        var rowsWhenHeard = -1;
        using var listening = database.Feed.Subscribe(e =>
        {
            heard.Add(e);
            rowsWhenHeard = database.Judgments().Count;
        });

        await Desk.JudgeAsync(ada, Press(shown, Answer.Tie), Cancel);

        heard.ShouldBe([new JudgmentCounted(database.StudyId, Total: 1)]);
        rowsWhenHeard.ShouldBe(1);
    }

    [Fact]
    public async Task Today_begins_at_the_annotators_own_midnight()
    {
        // It is 12:00 UTC; 13 hours ahead the day is one hour old.
        var inAuckland = ada with { UtcOffset = TimeSpan.FromHours(13) };
        database.AddComparisons(2);
        database.Clock.Move(TimeSpan.FromHours(-2));
        await Desk.JudgeAsync(ada, Press((await Next(ada))!, Answer.Left), Cancel);
        database.Clock.Move(TimeSpan.FromHours(2));

        var result = await Desk.JudgeAsync(inAuckland, Press((await Next(ada))!, Answer.Left), Cancel);

        result.Counts.ShouldBe(new DeskCounts(Today: 1, All: 2));
        (await Desk.CountAsync(ada, Cancel)).ShouldBe(new DeskCounts(Today: 2, All: 2));
    }

    [Fact]
    public async Task Being_at_the_desk_is_noted_at_most_once_a_minute()
    {
        database.AddComparisons(2);
        var start = database.Clock.Now;
        await Next(ada);
        database.Clock.Move(TimeSpan.FromSeconds(30));
        await Next(ada);
        LastSeen().ShouldBe(start);

        database.Clock.Move(TimeSpan.FromSeconds(31));
        await Next(ada);
        LastSeen().ShouldBe(start + TimeSpan.FromSeconds(61));
    }

    [Fact]
    public async Task An_empty_desk_says_why()
    {
        (await Desk.WhyEmptyAsync(ada, Cancel)).ShouldBe(EmptyDesk.NoPrompts);
        var prompt = database.AddPrompt("One summer night");
        (await Desk.WhyEmptyAsync(ada, Cancel)).ShouldBe(EmptyDesk.Sampling);
        database.AddComparison(prompt.Id);
        var shown = (await Next(ada))!;
        (await Desk.WhyEmptyAsync(ada, Cancel)).ShouldBe(EmptyDesk.WithOthers);
        await Desk.JudgeAsync(ada, Press(shown, Answer.Left), Cancel);
        (await Desk.WhyEmptyAsync(ada, Cancel)).ShouldBe(EmptyDesk.AllJudged);

        // Whoever has had every prompt that is sampled for waits for a round, whatever is in stock for others.
        var paused = database.AddPrompt("One winter night");
        database.AddComparison(prompt.Id);
        (await Desk.WhyEmptyAsync(ada, Cancel)).ShouldBe(EmptyDesk.Sampling);
        await using var db = database.CreateDbContext();
        await db.Prompts.Where(p => p.Id == paused.Id).ExecuteUpdateAsync(set => set.SetProperty(p => p.IsPaused, true), Cancel);
        (await Next(ada)).ShouldBeNull();
        (await Desk.WhyEmptyAsync(ada, Cancel)).ShouldBe(EmptyDesk.AllJudged);
    }

    [Fact]
    public async Task Only_an_annotator_can_sit_at_the_desk()
    {
        database.AddComparison();
        var admin = ada with { Person = ada.Person with { IsAdmin = true, IsAnnotator = false } };

        await Should.ThrowAsync<NotAllowedException>(() => Next(admin));
    }

    [Fact]
    public async Task A_cancelled_wait_for_the_next_comparison_ends()
    {
        using var cancelled = new CancellationTokenSource();
        await cancelled.CancelAsync();

        await Should.ThrowAsync<OperationCanceledException>(() => Desk.NextAsync(ada, [], cancelled.Token));
    }

    public void Dispose() => database.Dispose();

    private Task<ShownComparison?> Next(Seat annotator, params ShownComparison[] except) =>
        Desk.NextAsync(annotator, [.. except.Select(c => c.Id)], Cancel);

    private DateTime? LastSeen()
    {
        using var db = database.CreateDbContext();
        return db.Users.Single(p => p.Id == ada.Person.Id).LastAnnotatingAt;
    }

    private static JudgeRequest Press(ShownComparison comparison, Answer answer, SkipReason? reason = null) => new()
    {
        Comparison = comparison, Answer = answer, SkipReason = reason, Seconds = 2.5, GuidelinesVersion = 1, RequestId = Guid.NewGuid(),
    };
}

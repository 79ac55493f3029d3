using Annotator.Tests.Fixtures;
using Annotator.Web.Annotating;
using Annotator.Web.Data;
using Annotator.Web.Live;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging.Abstractions;

namespace Annotator.Tests.Web.Annotating;

public sealed class DeskSessionTests : IDisposable
{
    private readonly DeskDatabase database = new();
    private readonly Seat ada;
    private readonly Seat ben;

    public DeskSessionTests() => (ada, ben) = (database.AddAnnotator("ada"), database.AddAnnotator("ben"));

    [Fact]
    public async Task An_answer_for_a_comparison_that_is_no_longer_on_screen_does_nothing()
    {
        database.AddComparisons(4);
        await using var session = await OpenAsync(ada);
        var first = session.Current!.Id;

        await session.AnswerAsync(first, Answer.Left);
        await session.AnswerAsync(first, Answer.Right);

        database.Judgments().Count.ShouldBe(1);
        session.Counts.ShouldBe(new DeskCounts(1, 1));
    }

    [Fact]
    public async Task An_answer_during_the_highlight_does_nothing_and_the_one_on_screen_is_not_skipped()
    {
        database.AddComparisons(4);
        await using var session = await OpenAsync(ada, highlight: TimeSpan.FromMilliseconds(300));
        var first = session.Current!.Id;

        var answered = session.AnswerAsync(first, Answer.Left);
        await session.AnswerAsync(first, Answer.Right);
        session.Phase.ShouldBe(DeskPhase.Answered);
        await Until.TrueAsync(() => database.Judgments().Count == 1);
        session.Current!.Id.ShouldBe(first, "it stays in sight for the highlight");
        database.Clock.Move(TimeSpan.FromMilliseconds(300));
        await answered;

        session.Current!.Id.ShouldNotBe(first);
        database.Judgments().ShouldHaveSingleItem().SidesShown.Length.ShouldBe(2);
    }

    [Fact]
    public async Task What_another_took_over_after_the_lease_is_neither_judged_nor_shown()
    {
        database.AddComparisons(3);
        await using var session = await OpenAsync(ada);
        database.Clock.Move(Desk.Lease + TimeSpan.FromMinutes(1));
        await using var other = await OpenAsync(ben);
        var taken = other.Current!.Id;

        await session.AnswerAsync(session.Current!.Id, Answer.Tie);

        session.Current.ShouldSatisfyAllConditions(
            c => c?.Id.ShouldNotBe(taken),
            c => c.ShouldNotBeNull());
        session.Announcement.ShouldStartWith("While you were away, others took that one over.");
        database.Judgments().ShouldBeEmpty();
        session.Problem.ShouldBeNull();
    }

    [Fact]
    public async Task A_judgment_that_could_not_be_saved_stays_on_screen_and_can_be_given_again()
    {
        database.AddComparisons(3);
        await using var session = await OpenAsync(ada);
        var first = session.Current!.Id;
        session.Comment = new string('x', JudgeCheck.MaxCommentLength + 1);

        await session.AnswerAsync(first, Answer.Left);

        session.Problem.ShouldNotBeNull().ShouldContain("shorten");
        (session.Phase, session.Current!.Id).ShouldBe((DeskPhase.Reading, first));
        session.Comment = "short";
        await session.AnswerAsync(first, Answer.Left);
        session.Problem.ShouldBeNull();
        database.Judgments().ShouldHaveSingleItem().Comment.ShouldBe("short");
    }

    [Fact]
    public async Task Fresh_responses_take_the_place_of_the_prefetched_comparison_and_retire_it()
    {
        database.AddComparisons(2);
        await using var session = await OpenAsync(ada);
        var onScreen = session.Current!.Id;
        database.AddPolicy();
        var fresh = database.AddComparisons(3).Select(c => c.Id).ToList();

        await session.HearAsync(new FreshResponsesReady(database.StudyId, 1, fresh));

        session.Notice.ShouldBe("Round 1: fresh responses");
        session.Study.PolicyNumber.ShouldBe(1);
        session.Current!.Id.ShouldBe(onScreen);
        await session.AnswerAsync(onScreen, Answer.Left);
        fresh.ShouldContain(session.Current!.Id);
        session.Notice.ShouldNotBeNull("it is to be seen beside the first fresh one");
        await session.AnswerAsync(session.Current!.Id, Answer.Left);
        session.Notice.ShouldBeNull();
        await using var db = database.CreateDbContext();
        (await db.Comparisons.CountAsync(c => c.RetiredAt != null, TestContext.Current.CancellationToken)).ShouldBe(1);
    }

    [Fact]
    public async Task An_undo_puts_what_was_on_screen_behind_the_one_that_comes_back()
    {
        database.AddComparisons(5);
        await using var session = await OpenAsync(ada);
        var first = session.Current!.Id;
        session.Comment = "sharper";
        await session.AnswerAsync(first, Answer.Left);
        var second = session.Current!.Id;
        session.Comment.ShouldBeNull();

        await session.UndoAsync();

        (session.Current!.Id, session.Comment, session.Counts.All).ShouldBe((first, "sharper", 0));
        await session.AnswerAsync(first, Answer.Right);
        session.Current!.Id.ShouldBe(second);
    }

    [Fact]
    public async Task A_page_that_is_left_gives_back_what_it_had_prefetched()
    {
        database.AddComparisons(2);
        var session = await OpenAsync(ada);
        await session.DisposeAsync();

        await using var other = await OpenAsync(ben);

        other.Current!.Id.ShouldNotBe(session.Current!.Id);
    }

    [Fact]
    public async Task An_empty_desk_says_why_and_goes_on_when_it_hears_of_responses()
    {
        await using var session = await OpenAsync(ada);
        (session.Phase, session.Empty).ShouldBe((DeskPhase.Empty, EmptyDesk.NoPrompts));

        var fresh = database.AddComparison();
        await session.HearAsync(new FreshResponsesReady(database.StudyId, 0, [fresh.Id]));

        (session.Phase, session.Current!.Id, session.Notice).ShouldBe((DeskPhase.Reading, fresh.Id, null));
    }

    [Fact]
    public async Task The_clock_counts_from_the_appearance_to_the_key()
    {
        database.AddComparisons(2);
        await using var session = await OpenAsync(ada);
        database.Clock.Move(TimeSpan.FromSeconds(7.25));

        await session.AnswerAsync(session.Current!.Id, Answer.BothBad);

        database.Judgments().ShouldHaveSingleItem().Seconds.ShouldBe(7.25);
    }

    public void Dispose() => database.Dispose();

    private async Task<DeskSession> OpenAsync(Seat seat, TimeSpan highlight = default)
    {
        var study = (await database.Desk.StudyAsync(seat.Person))!;
        var session = new DeskSession(database.Desk, seat, study, database.Clock, highlight, NullLogger<DeskSession>.Instance, EnglishWords.All);
        await session.OpenAsync();
        return session;
    }
}

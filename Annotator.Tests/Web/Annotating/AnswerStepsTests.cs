using Annotator.Tests.Fixtures;
using Annotator.Web.Annotating;
using Annotator.Web.Data;
using Microsoft.Extensions.Logging.Abstractions;

namespace Annotator.Tests.Web.Annotating;

public sealed class AnswerStepsTests : IDisposable
{
    private readonly DeskDatabase database = new();
    private Seat? seat;
    private DeskSession session = null!;
    private AnswerSteps steps = null!;

    [Fact]
    public async Task Without_questions_of_the_study_a_key_is_the_answer()
    {
        await SitDownAsync(task => task);

        (await PressAsync("ArrowLeft")).ShouldBeTrue();

        database.Judgments().ShouldHaveSingleItem().Ranking.ShouldNotBeNull();
        steps.Step.ShouldBe(AnswerStep.Choosing);
    }

    [Fact]
    public async Task Strength_reasons_and_comment_are_asked_one_after_the_other()
    {
        await SitDownAsync(task => task with { AsksStrength = true, ReasonChips = ["Clear", "True"], RequiresReason = true, RequiresComment = true });
        var wanted = 0;
        steps.CommentWanted += () => wanted++;

        await PressAsync("ArrowRight");
        steps.Step.ShouldBe(AnswerStep.Strength);
        await PressAsync("Digit2");
        (steps.Step, wanted).ShouldBe((AnswerStep.Details, 0));
        await PressAsync("Enter");
        steps.Missing.ShouldBe(Wanted.Reason);
        await PressAsync("Digit2");
        await PressAsync("Enter");
        (steps.Missing, wanted).ShouldBe((Wanted.Comment, 1));
        database.Judgments().ShouldBeEmpty();
        session.Comment = "because";
        await PressAsync("Enter");

        var judgment = database.Judgments().ShouldHaveSingleItem();
        (judgment.Strength, judgment.Reasons.Single(), judgment.Comment).ShouldBe((2, "True", "because"));
    }

    [Fact]
    public async Task The_same_choice_once_more_saves_it_and_another_takes_its_place()
    {
        await SitDownAsync(task => task with { ReasonChips = ["Clear"] });

        await PressAsync("ArrowLeft");
        await PressAsync("ArrowRight");
        steps.Begun!.Answer.ShouldBe(Answer.Right);
        await PressAsync("ArrowRight");

        var judgment = database.Judgments().ShouldHaveSingleItem();
        judgment.Ranking![0][0].ShouldBe(judgment.SidesShown[1]);
    }

    [Fact]
    public async Task A_tie_and_both_bad_need_no_reason_and_take_none()
    {
        await SitDownAsync(task => task with { ReasonChips = ["Clear"], RequiresReason = true });

        await PressAsync("ArrowLeft");
        await PressAsync("Digit1");
        await PressAsync("KeyT");

        database.Judgments().ShouldHaveSingleItem().Reasons.ShouldBeEmpty();
    }

    [Fact]
    public async Task Escape_goes_one_step_back_and_says_when_there_is_none()
    {
        await SitDownAsync(task => task with { AsksStrength = true });
        await PressAsync("ArrowLeft");

        steps.Close().ShouldBeTrue();
        steps.Close().ShouldBeFalse();

        (steps.Begun, database.Judgments().Count).ShouldBe((null, 0));
    }

    [Fact]
    public async Task A_key_for_another_comparison_means_nothing()
    {
        await SitDownAsync(task => task);

        (await steps.KeyAsync("ArrowLeft", session.Current!.Id + 1000)).ShouldBeFalse();

        database.Judgments().ShouldBeEmpty();
    }

    [Fact]
    public async Task Digits_flag_responses_as_they_stand_on_screen()
    {
        await SitDownAsync(task => task);

        await PressAsync("KeyF");
        foreach (var digit in new[] { 1, 4, 3, 3 })
        {
            await PressAsync($"Digit{digit}");
        }

        var sides = session.Current!.Sides;
        sides.Select(position => session.Draft.Flags![position]).ShouldBe([ResponseFaults.Unsafe, ResponseFaults.Broken]);
    }

    [Fact]
    public async Task Three_responses_know_no_left_and_right()
    {
        await SitDownAsync(task => task with { Kind = TaskKind.Ranking, ResponsesPerComparison = 3 });

        foreach (var key in new[] { "ArrowLeft", "ArrowRight", "Digit1", "KeyT", "KeyB" })
        {
            (await PressAsync(key)).ShouldBeFalse(key);
        }

        await PressAsync("KeyS");
        await PressAsync("Digit3");
        database.Judgments().ShouldHaveSingleItem().SkipReason.ShouldBe(SkipReason.Broken);
    }

    [Fact]
    public async Task What_was_begun_is_kept_a_moment_later_and_when_the_page_is_left()
    {
        await SitDownAsync(task => task);
        session.Comment = "half";
        database.Clock.Move(TimeSpan.FromSeconds(1));
        await Until.TrueAsync(() => Drafts() == 1);
        steps.Edit(session.Current!.Sides[1]);
        steps.Write("mine");

        await session.DisposeAsync();

        await SitDownAsync(task => task, comparisons: 0);
        (session.Draft.Comment, session.Draft.Edit!.Text).ShouldBe(("half", "mine"));
        await PressAsync("KeyB");
        Drafts().ShouldBe(0);
    }

    public void Dispose() => database.Dispose();

    private Task<bool> PressAsync(string code) => steps.KeyAsync(code, session.Current!.Id);

    private int Drafts()
    {
        using var db = database.CreateDbContext();
        return db.Drafts.Count();
    }

    private async Task SitDownAsync(Func<StudyTask, StudyTask> ask, int comparisons = 4)
    {
        database.Ask(ask);
        database.AddComparisons(comparisons);
        seat ??= database.AddAnnotator("ada");
        session = new(database.Desk, seat, (await database.Desk.StudyAsync(seat.Person))!, database.Clock, TimeSpan.Zero, NullLogger<DeskSession>.Instance, EnglishWords.All);
        steps = new(session);
        await session.OpenAsync();
    }
}

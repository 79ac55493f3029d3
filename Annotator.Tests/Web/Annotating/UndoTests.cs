using Annotator.Web.Annotating;
using Annotator.Web.Data;

namespace Annotator.Tests.Web.Annotating;

/// <summary>An answer is taken back.</summary>
public sealed class UndoTests : IDisposable
{
    private readonly DeskDatabase database = new();
    private readonly Seat ada;
    private readonly Seat ben;

    public UndoTests() => (ada, ben) = (database.AddAnnotator("ada"), database.AddAnnotator("ben"));

    private Desk Desk => database.Desk;
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task An_undo_withdraws_the_last_judgment_and_gives_its_comparison_back_first()
    {
        database.AddComparisons(3);
        var first = (await Next(ada))!;
        var second = (await Next(ada, first))!;
        await Desk.JudgeAsync(ada, Press(first, Answer.Right) with { Comment = " sharper " }, Cancel);

        var undone = (await Desk.UndoAsync(ada, Guid.NewGuid(), Cancel))!;

        undone.ShouldSatisfyAllConditions(
            u => u.Comparison.Id.ShouldBe(first.Id),
            u => u.Comparison.Left.ShouldBe(first.Left),
            u => u.Comparison.Draft!.Comment.ShouldBe("sharper"),
            u => u.Answer.ShouldBe(Answer.Right),
            u => u.Counts.ShouldBe(new DeskCounts(0, 0)));
        database.Reread(first.Id).JudgmentCount.ShouldBe(0);
        var judgments = database.Judgments();
        judgments.Select(j => (j.Verdict, j.IsSuperseded)).ShouldBe([(Verdict.Ranked, true), (Verdict.Withdrawn, false)]);
        judgments[1].SupersedesId.ShouldBe(judgments[0].Id);

        var reloaded = (await Next(ada))!;
        reloaded.Id.ShouldBe(first.Id, "a reload shows the one taken back");
        (await Next(ada, reloaded))!.Id.ShouldBe(second.Id);

        await Desk.JudgeAsync(ada, Press(reloaded, Answer.Left), Cancel);
        var again = database.Judgments()[2];
        (again.Verdict, again.SupersedesId, again.IsSuperseded).ShouldBe((Verdict.Ranked, judgments[1].Id, false));
    }

    [Fact]
    public async Task A_repeated_undo_withdraws_nothing_more_and_a_second_one_goes_back_further()
    {
        database.AddComparisons(2);
        var first = (await Next(ada))!;
        await Desk.JudgeAsync(ada, Press(first, Answer.Left), Cancel);
        database.Clock.Move(TimeSpan.FromSeconds(3));
        var second = (await Next(ada))!;
        await Desk.JudgeAsync(ada, Press(second, Answer.Left), Cancel);

        var press = Guid.NewGuid();
        (await Desk.UndoAsync(ada, press, Cancel))!.Comparison.Id.ShouldBe(second.Id);
        var repeat = (await Desk.UndoAsync(ada, press, Cancel))!;
        (repeat.Comparison.Id, repeat.Counts.All).ShouldBe((second.Id, 1));

        (await Desk.UndoAsync(ada, Guid.NewGuid(), Cancel))!.Comparison.Id.ShouldBe(first.Id);
        (await Desk.UndoAsync(ada, Guid.NewGuid(), Cancel)).ShouldBeNull();
        (await Desk.UndoAsync(ben, Guid.NewGuid(), Cancel)).ShouldBeNull("hers are not his to undo");
    }

    [Fact]
    public async Task After_several_undos_a_reload_still_brings_back_what_is_on_screen()
    {
        database.AddComparisons(5);
        var onScreen = (await Next(ada))!;
        for (var i = 0; i < 4; i++)
        {
            onScreen = (await Desk.JudgeAsync(ada, Press(onScreen, Answer.Left), Cancel)).Next!;
            database.Clock.Move(TimeSpan.FromSeconds(3));
        }

        for (var i = 0; i < 4; i++)
        {
            onScreen = (await Desk.UndoAsync(ada, Guid.NewGuid(), Cancel))!.Comparison;
            (await Next(ada))!.Id.ShouldBe(onScreen.Id);
        }

        // Now five lie on the desk.
        for (var i = 0; i < 4; i++)
        {
            database.Clock.Move(TimeSpan.FromSeconds(3));
            onScreen = (await Desk.JudgeAsync(ada, Press(onScreen, Answer.Right), Cancel)).Next!;
            (await Next(ada))!.Id.ShouldBe(onScreen.Id);
        }
    }

    public void Dispose() => database.Dispose();

    private Task<ShownComparison?> Next(Seat annotator, params ShownComparison[] except) =>
        Desk.NextAsync(annotator, [.. except.Select(c => c.Id)], Cancel);

    private static JudgeRequest Press(ShownComparison comparison, Answer answer) => new()
    {
        Comparison = comparison, Answer = answer, Seconds = 2.5, GuidelinesVersion = 1, RequestId = Guid.NewGuid(),
    };
}

using Annotator.Tests.Fixtures;
using Annotator.Tests.Web.Annotating;
using Annotator.Web.Annotating;
using Annotator.Web.Data;
using Annotator.Web.Studies.Gold;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Tests.Web.Studies.Gold;

/// <summary>An admin says what the right answer to a comparison is, and takes it back.</summary>
public sealed class GoldOperationsTests : IDisposable
{
    private static readonly CancellationToken Cancel = TestContext.Current.CancellationToken;
    private static readonly CurrentPerson Admin = new("1", "ada", IsAdmin: true, IsAnnotator: false);
    private readonly DeskDatabase database = new();
    private readonly GoldOperations gold;
    private readonly Seat ben, cleo;

    public GoldOperationsTests()
    {
        gold = new(database, database.Gate, database.Clock, EnglishWords.All);
        (ben, cleo) = (database.AddAnnotator("ben"), database.AddAnnotator("cleo"));
    }

    public void Dispose() => database.Dispose();

    [Fact]
    public async Task A_judged_comparison_becomes_gold_with_what_was_said_to_it_right_or_wrong_and_goes_to_everybody_once()
    {
        database.Ask(task => task with { Overlap = 2, GoldRate = 0.5 });
        database.AddComparison();
        var (right, wrong) = (await JudgeNextAsync(ben, Answer.Left), await JudgeNextAsync(cleo, Answer.Tie));
        var view = (await gold.JudgedAsync(Admin, database.StudyId, cancellation: Cancel)).Views.ShouldHaveSingleItem();
        view.Given.Select(given => given.Count).ShouldBe([1, 1]);
        view.Agreed.ShouldBeNull();

        await gold.MarkAsync(Admin, view.ComparisonId, database.Judgments().Single(j => j.Id == right).Ranking!, Cancel);

        (await gold.JudgedAsync(Admin, database.StudyId, cancellation: Cancel)).Views.ShouldBeEmpty();
        (await gold.GoldAsync(Admin, database.StudyId, cancellation: Cancel)).Views.ShouldHaveSingleItem().Agreed.ShouldBe((1, 2));
        database.Judgments().Single(j => j.Id == right).GoldCorrect.ShouldBe(true);
        database.Judgments().Single(j => j.Id == wrong).GoldCorrect.ShouldBe(false);
        var comparison = database.Reread(view.ComparisonId);
        (comparison.Purpose, comparison.GoldRanking.ShouldNotBeNull().Length, comparison.RetiredAt).ShouldBe((ComparisonPurpose.Gold, 2, null));
        await using var db = database.CreateDbContext();
        (await db.AuditEntries.SingleAsync(Cancel)).Detail.ShouldStartWith("ada said that [[");
    }

    [Fact]
    public async Task Unmarked_it_has_the_places_it_would_have_had_and_is_in_the_queue_again()
    {
        database.Ask(task => task with { Overlap = 3 });
        database.AddComparison();
        await JudgeNextAsync(ben, Answer.Left);
        var onDesk = (await database.Desk.NextAsync(cleo, [], Cancel))!;
        await gold.MarkAsync(Admin, onDesk.Id, [[0], [1]], Cancel);
        var dora = database.AddAnnotator("dora");
        (await database.Desk.NextAsync(dora, [], Cancel)).ShouldBeNull("no gold is handed out at a share of 0");

        await gold.UnmarkAsync(Admin, onDesk.Id, Cancel);

        var comparison = database.Reread(onDesk.Id);
        (comparison.Purpose, comparison.GoldRanking, comparison.OpenPlaces).ShouldBe((ComparisonPurpose.Train, null, 1));
        database.Judgments().ShouldAllBe(j => j.GoldCorrect == null);
        (await database.Desk.NextAsync(dora, [], Cancel))!.Id.ShouldBe(onDesk.Id);
        database.Reread(onDesk.Id).OpenPlaces.ShouldBe(0);
    }

    [Fact]
    public async Task Only_an_admin_marks_and_only_with_an_order_of_all_its_responses()
    {
        var comparison = database.AddComparison();
        var other = database.AddComparison(purpose: ComparisonPurpose.Evaluation);

        (await Should.ThrowAsync<RefusedException>(() => gold.MarkAsync(Admin, comparison.Id, [[0]], Cancel))).Message.ShouldBe("The right answer must rank each of the 2 responses once.");
        await Should.ThrowAsync<RefusedException>(() => gold.MarkAsync(Admin, comparison.Id, [[0], [0, 1]], Cancel));
        await Should.ThrowAsync<RefusedException>(() => gold.MarkAsync(Admin, other.Id, [[0], [1]], Cancel));
        await Should.ThrowAsync<RefusedException>(() => gold.UnmarkAsync(Admin, 4711, Cancel));
        var nobody = ben.Person;
        await Should.ThrowAsync<NotAllowedException>(() => gold.MarkAsync(nobody, comparison.Id, [[0], [1]], Cancel));
        await Should.ThrowAsync<NotAllowedException>(() => gold.UnmarkAsync(nobody, comparison.Id, Cancel));
        await Should.ThrowAsync<NotAllowedException>(() => gold.GoldAsync(nobody, database.StudyId, cancellation: Cancel));
        await Should.ThrowAsync<NotAllowedException>(() => gold.JudgedAsync(nobody, database.StudyId, cancellation: Cancel));
        await Should.ThrowAsync<NotAllowedException>(() => gold.FindAsync(nobody, database.StudyId, comparison.Id, Cancel));
        (await gold.FindAsync(Admin, database.StudyId, other.Id, Cancel)).ShouldBeNull();
        (await gold.FindAsync(Admin, database.StudyId, comparison.Id, Cancel)).ShouldNotBeNull().Responses.Count.ShouldBe(2);
    }

    [Fact]
    public async Task The_latest_judged_come_first_each_once_a_page_at_a_time()
    {
        database.AddComparisons(GoldOperations.PageSize + 3);
        for (var i = 0; i < GoldOperations.PageSize + 3; i++)
        {
            await JudgeNextAsync(ben, Answer.Left);
        }

        var latest = database.Judgments()[^1].ComparisonId;
        var first = await gold.JudgedAsync(Admin, database.StudyId, cancellation: Cancel);
        var second = await gold.JudgedAsync(Admin, database.StudyId, first.Next, cancellation: Cancel);

        first.Views[0].ComparisonId.ShouldBe(latest);
        (first.Views.Count, second.Views.Count, second.Next).ShouldBe((GoldOperations.PageSize, 3, null));
        first.Views.Concat(second.Views).Select(view => view.ComparisonId).Distinct().Count().ShouldBe(GoldOperations.PageSize + 3);
    }

    private async Task<long> JudgeNextAsync(Seat seat, Answer answer)
    {
        var next = (await database.Desk.NextAsync(seat, [], Cancel))!;
        await database.Desk.JudgeAsync(seat, new() { Comparison = next, Answer = answer, Seconds = 1, GuidelinesVersion = 1, RequestId = Guid.NewGuid() }, Cancel);
        return database.Judgments()[^1].Id;
    }
}

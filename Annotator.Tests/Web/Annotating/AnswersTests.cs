using System.Globalization;
using Annotator.Web.Annotating;
using Annotator.Web.Data;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Tests.Web.Annotating;

/// <summary>What may be answered, and what becomes of it: rankings, strength, reasons, flags, edits.</summary>
public sealed class AnswersTests : IDisposable
{
    private readonly DeskDatabase database = new();
    private readonly Seat ada;

    public AnswersTests() => ada = database.AddAnnotator("ada");

    private Desk Desk => database.Desk;
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_ranking_of_four_is_stored_in_tiers_with_its_ties_and_flags()
    {
        database.Ask(task => task with { Kind = TaskKind.Ranking, ResponsesPerComparison = 4 });
        database.AddComparison();
        var shown = await NextAsync();
        shown.Texts.Count.ShouldBe(4);
        shown.ResponseIds.ShouldBeUnique();

        await Desk.JudgeAsync(ada, Press(shown, Answer.Ranked) with
        {
            Tiers = [[2], [3, 0], [1]],
            Flags = new Dictionary<int, ResponseFaults> { [1] = ResponseFaults.Unsafe | ResponseFaults.Broken },
            OrderUntouched = true,
        }, Cancel);

        database.Judgments().ShouldHaveSingleItem().ShouldSatisfyAllConditions(
            j => j.Verdict.ShouldBe(Verdict.Ranked),
            j => j.Ranking.ShouldBe([[2], [0, 3], [1]]),
            j => j.Flags.ShouldBe([ResponseFaults.None, ResponseFaults.Unsafe | ResponseFaults.Broken, ResponseFaults.None, ResponseFaults.None]),
            j => j.OrderUntouched.ShouldBeTrue(),
            j => j.SidesShown.Order().ShouldBe([0, 1, 2, 3]));
    }

    [Fact]
    public async Task Responses_that_cannot_be_ordered_are_an_answer_of_their_own()
    {
        database.Ask(task => task with { Kind = TaskKind.Ranking, ResponsesPerComparison = 3 });
        database.AddComparison();
        var shown = await NextAsync();

        await Should.ThrowAsync<ArgumentException>(() => Desk.JudgeAsync(ada, Press(shown, Answer.BothBad), Cancel));
        await Desk.JudgeAsync(ada, Press(shown, Answer.NotRankable), Cancel);

        database.Judgments().ShouldHaveSingleItem().ShouldSatisfyAllConditions(j => j.Verdict.ShouldBe(Verdict.NotRankable), j => j.Ranking.ShouldBeNull());
        (await Desk.HistoryAsync(ada, null, Cancel)).Entries.ShouldHaveSingleItem().Answer.ShouldBe(Answer.NotRankable);
    }

    [Theory]
    [InlineData("[[0],[1]]")]
    [InlineData("[[0],[1],[2],[2]]")]
    [InlineData("[[0],[1],[3]]")]
    [InlineData("[[0,1,2],[]]")]
    public async Task Tiers_that_are_no_order_of_the_responses_are_refused(string tiers)
    {
        database.Ask(task => task with { Kind = TaskKind.Ranking, ResponsesPerComparison = 3 });
        database.AddComparison();
        var shown = await NextAsync();

        await Should.ThrowAsync<ArgumentException>(() => Desk.JudgeAsync(
            ada, Press(shown, Answer.Ranked) with { Tiers = System.Text.Json.JsonSerializer.Deserialize<int[][]>(tiers) }, Cancel));
        database.Judgments().ShouldBeEmpty();
    }

    [Fact]
    public async Task A_study_that_asks_for_strength_comment_and_reason_takes_no_preference_without_them()
    {
        database.Ask(task => task with { AsksStrength = true, RequiresComment = true, ReasonChips = ["more truthful", "better style"], RequiresReason = true });
        database.AddComparisons(3);
        var shown = await NextAsync();
        var full = Press(shown, Answer.Left) with { Strength = 3, Comment = "It answers.", Reasons = ["better style"] };

        (await RefusalAsync(full with { Strength = null })).ShouldContain("how much better");
        (await RefusalAsync(full with { Comment = " " })).ShouldContain("comment");
        (await RefusalAsync(full with { Reasons = [] })).ShouldContain("reason");
        (await RefusalAsync(full with { Reasons = ["funnier"] })).ShouldContain("reload");
        await Desk.JudgeAsync(ada, full, Cancel);
        await Desk.JudgeAsync(ada, Press(await NextAsync(), Answer.Tie), Cancel);
        await Desk.JudgeAsync(ada, Press(await NextAsync(), Answer.Skip) with { SkipReason = SkipReason.NotMyLanguage }, Cancel);

        database.Judgments()[0].ShouldSatisfyAllConditions(
            j => j.Strength.ShouldBe(3), j => j.Comment.ShouldBe("It answers."), j => j.Reasons.ShouldBe(["better style"]));
        database.Judgments().Count.ShouldBe(3);
    }

    [Fact]
    public async Task A_strength_where_none_is_asked_is_refused()
    {
        database.AddComparison();
        var shown = await NextAsync();
        await Should.ThrowAsync<ArgumentException>(() => Desk.JudgeAsync(ada, Press(shown, Answer.Left) with { Strength = 2 }, Cancel));
    }

    [Fact]
    public async Task An_edited_response_is_a_persons_response_preferred_to_its_original()
    {
        database.AddComparison();
        var shown = await NextAsync();
        var worse = shown.Sides[1];

        await Desk.JudgeAsync(ada, Press(shown, Answer.Left) with { Edit = new(worse, "Now it is good.") }, Cancel);

        var judgments = database.Judgments();
        judgments.Select(j => j.Origin).ShouldBe([JudgmentOrigin.Queue, JudgmentOrigin.Edit]);
        var (given, edit) = (judgments[0], judgments[1]);
        (edit.GivenWithId, edit.Verdict).ShouldBe((given.Id, Verdict.Ranked));
        edit.Ranking.ShouldBe([[1], [0]]);
        await using var db = database.CreateDbContext();
        var comparison = await db.Comparisons.Include(c => c.Responses).ThenInclude(r => r.Response).SingleAsync(c => c.Id == edit.ComparisonId, Cancel);
        (comparison.Purpose, comparison.OpenPlaces).ShouldBe((ComparisonPurpose.Edit, 0));
        var edited = comparison.Responses.Single(r => r.Position == 1).Response!;
        edited.ShouldSatisfyAllConditions(
            r => r.Text.ShouldBe("Now it is good."),
            r => r.AuthorId.ShouldBe(ada.Person.Id),
            r => r.PolicyId.ShouldBeNull(),
            r => r.TokenIds.ShouldBeNull(),
            r => r.EditedFromId.ShouldBe(shown.ResponseIds[1]));
        (await Desk.CountAsync(ada, Cancel)).All.ShouldBe(1, "an edit goes with its judgment");
    }

    [Fact]
    public async Task An_edit_that_changes_nothing_or_is_not_wanted_is_refused()
    {
        database.AddComparison();
        var shown = await NextAsync();
        var press = Press(shown, Answer.Left);

        (await RefusalAsync(press with { Edit = new(shown.Sides[0], shown.Left) })).ShouldContain("same as the original");
        (await RefusalAsync(press with { Edit = new(shown.Sides[0], "  ") })).ShouldContain("empty");
        (await RefusalAsync(press with { Edit = new(0, new string('x', JudgeCheck.MaxEditLength + 1)) })).ShouldContain("shorten");
        database.Ask(task => task with { AllowsEdit = false });
        await Should.ThrowAsync<ArgumentException>(() => Desk.JudgeAsync(ada, press with { Edit = new(0, "Better.") }, Cancel));
        database.Judgments().ShouldBeEmpty();
    }

    [Fact]
    public async Task A_refusal_is_in_the_language_of_the_page()
    {
        database.Ask(task => task with { RequiresComment = true });
        database.AddComparison();
        var press = Press(await NextAsync(), Answer.Left);
        var before = CultureInfo.CurrentUICulture;
        try
        {
            CultureInfo.CurrentUICulture = CultureInfo.GetCultureInfo("zh-Hans");
            (await RefusalAsync(press)).ShouldBe("本研究要求每个偏好都附上评论：请用几句话说明原因。");
        }
        finally
        {
            CultureInfo.CurrentUICulture = before;
        }

        (await RefusalAsync(press)).ShouldBe("This study wants a comment with every preference: say in a few words why.");
    }

    [Theory]
    [InlineData("[[1],[0]]", Answer.Left, new[] { 1, 0 }, true)]
    [InlineData("[[1],[0]]", Answer.Right, new[] { 1, 0 }, false)]
    [InlineData("[[1],[0]]", Answer.Tie, new[] { 1, 0 }, false)]
    [InlineData("[[1],[0]]", Answer.BothBad, new[] { 1, 0 }, false)]
    [InlineData("[[1],[0]]", Answer.Skip, new[] { 1, 0 }, null)]
    [InlineData("[[0,1]]", Answer.Tie, new[] { 0, 1 }, true)]
    [InlineData("[[0,1]]", Answer.Left, new[] { 0, 1 }, false)]
    public void Agreement_with_gold_is_stating_its_preferences(string gold, Answer answer, int[] sides, bool? correct) =>
        IsCorrect(System.Text.Json.JsonSerializer.Deserialize<int[][]>(gold)!, Press(new(1, "x", sides, ["a", "b"]), answer)).ShouldBe(correct);

    [Fact]
    public void A_gold_tie_among_stated_preferences_may_be_ordered_either_way()
    {
        int[][] gold = [[2], [0, 1]];
        var press = Press(new(1, "x", [0, 1, 2], ["a", "b", "c"]), Answer.Ranked);

        IsCorrect(gold, press with { Tiers = [[2], [1], [0]] }).ShouldBe(true);
        IsCorrect(gold, press with { Tiers = [[2, 1], [0]] }).ShouldBe(false);
    }

    public void Dispose() => database.Dispose();

    private async Task<ShownComparison> NextAsync() => (await Desk.NextAsync(ada, [], Cancel))!;

    private async Task<string> RefusalAsync(JudgeRequest press) => (await Should.ThrowAsync<RefusedException>(() => Desk.JudgeAsync(ada, press, Cancel))).Message;

    private static bool? IsCorrect(int[][] gold, JudgeRequest press) => GoldAnswer.IsCorrect(gold, press.Verdict, press.Ranking);

    private static JudgeRequest Press(ShownComparison comparison, Answer answer) => new()
    {
        Comparison = comparison, Answer = answer, Seconds = 2, GuidelinesVersion = 1, RequestId = Guid.NewGuid(),
    };
}

using Annotator.Web.Annotating;
using Annotator.Web.Data;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Tests.Web.Annotating;

/// <summary>A second look: history, revision, drafts; and what one's work has come to.</summary>
public sealed class RevisingTests : IDisposable
{
    private readonly DeskDatabase database = new();
    private readonly Seat ada;
    private readonly Seat ben;

    public RevisingTests() => (ada, ben) = (database.AddAnnotator("ada"), database.AddAnnotator("ben"));

    private Desk Desk => database.Desk;
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_history_shows_ones_own_judgments_newest_first_a_page_at_a_time()
    {
        database.AddComparisons(50);
        await JudgeAsync(ben);
        var shown = new List<ShownComparison>();
        for (var i = 0; i < 23; i++)
        {
            shown.Add(await JudgeAsync(ada, i % 2 == 0 ? Answer.Left : Answer.BothBad));
        }

        var first = await Desk.HistoryAsync(ada, null, Cancel);
        var second = await Desk.HistoryAsync(ada, first.Before, Cancel);

        (first.Entries.Count, second.Entries.Count, second.Before).ShouldBe((20, 3, null));
        var entries = first.Entries.Concat(second.Entries).ToList();
        entries.Select(e => e.Comparison.Id).ShouldBe(shown.Select(c => c.Id).Reverse());
        entries[^1].ShouldSatisfyAllConditions(
            e => e.Answer.ShouldBe(Answer.Left),
            e => e.Comparison.Texts.ShouldBe(shown[0].Texts),
            e => e.Tiers.ShouldNotBeNull()[0].ShouldBe([shown[0].Sides[0]]),
            e => e.IsRevision.ShouldBeFalse());
    }

    [Fact]
    public async Task A_revision_supersedes_and_overwrites_nothing()
    {
        database.AddComparisons(2);
        await JudgeAsync(ada);
        await JudgeAsync(ada);
        var old = (await Desk.HistoryAsync(ada, null, Cancel)).Entries[1];
        var press = Press(old.Comparison, Answer.Right) with { Comment = "On second thoughts." };

        var revised = await Desk.ReviseAsync(ada, old.JudgmentId, press, Cancel);
        var again = await Desk.ReviseAsync(ada, old.JudgmentId, press, Cancel);

        (revised.Answer, revised.Comment, revised.IsRevision).ShouldBe((Answer.Right, "On second thoughts.", true));
        again.JudgmentId.ShouldBe(revised.JudgmentId, "the same press");
        var judgments = database.Judgments();
        judgments.Count.ShouldBe(3);
        judgments[0].ShouldSatisfyAllConditions(j => j.IsSuperseded.ShouldBeTrue(), j => j.Ranking.ShouldBe([[old.Comparison.Sides[0]], [old.Comparison.Sides[1]]]));
        judgments[2].SupersedesId.ShouldBe(judgments[0].Id);
        database.Reread(old.Comparison.Id).JudgmentCount.ShouldBe(1);
        (await Desk.CountAsync(ada, Cancel)).All.ShouldBe(2);

        var refusal = await Should.ThrowAsync<RefusedException>(() => Desk.ReviseAsync(ada, old.JudgmentId, Press(old.Comparison, Answer.Tie), Cancel));
        refusal.Message.ShouldContain("another window");
        await Should.ThrowAsync<RefusedException>(() => Desk.ReviseAsync(ben, revised.JudgmentId, Press(old.Comparison, Answer.Tie), Cancel));
    }

    [Fact]
    public async Task An_edit_is_withdrawn_with_its_judgment_and_comes_back_in_the_draft()
    {
        database.AddComparisons(2);
        var shown = (await Desk.NextAsync(ada, [], Cancel))!;
        await Desk.JudgeAsync(ada, Press(shown, Answer.Left) with { Comment = "Nearly.", Edit = new(1, "Now it is good.") }, Cancel);
        (await Desk.HistoryAsync(ada, null, Cancel)).Entries.ShouldHaveSingleItem().Edit.ShouldBe(new ResponseEdit(1, "Now it is good."));

        var undone = (await Desk.UndoAsync(ada, Guid.NewGuid(), Cancel))!;

        undone.Comparison.Draft.ShouldBe(new DeskDraft { Comment = "Nearly.", Edit = new(1, "Now it is good.") });
        database.Judgments().Where(j => !j.IsSuperseded).ShouldAllBe(j => j.Verdict == Verdict.Withdrawn);
        (await database.NewDesk().NextAsync(ada, [], Cancel))!.Draft.ShouldBe(undone.Comparison.Draft, "it outlives a restart");
        await Desk.JudgeAsync(ada, Press(shown, Answer.Left), Cancel);
        (await Desk.HistoryAsync(ada, null, Cancel)).Entries.ShouldHaveSingleItem().Edit.ShouldBeNull();
    }

    [Fact]
    public async Task A_revision_takes_the_edit_that_comes_with_it_in_the_place_of_the_old_one()
    {
        database.AddComparison();
        var shown = (await Desk.NextAsync(ada, [], Cancel))!;
        await Desk.JudgeAsync(ada, Press(shown, Answer.Left) with { Edit = new(1, "First try.") }, Cancel);
        var entry = (await Desk.HistoryAsync(ada, null, Cancel)).Entries[0];

        await Desk.ReviseAsync(ada, entry.JudgmentId, Press(entry.Comparison, Answer.Left) with { Edit = new(1, "Second try.") }, Cancel);

        await using var db = database.CreateDbContext();
        var standing = await db.Judgments.Where(j => j.Origin == JudgmentOrigin.Edit && !j.IsSuperseded && j.Verdict == Verdict.Ranked)
            .Select(j => j.Comparison!.Responses.Single(r => r.Position == 1).Response!.Text).ToListAsync(Cancel);
        standing.ShouldBe(["Second try."]);
    }

    [Fact]
    public async Task A_draft_survives_reload_restart_and_an_expired_lease_until_it_is_judged()
    {
        database.AddComparison();
        var shown = (await Desk.NextAsync(ada, [], Cancel))!;
        var draft = new DeskDraft { Comment = "I think", Edit = new(0, "Half a sen"), Tiers = [[1]] };

        await Desk.SaveDraftAsync(ada, shown.Id, draft, Cancel);
        database.Clock.Move(Desk.Lease + TimeSpan.FromMinutes(1));
        var back = (await database.NewDesk().NextAsync(ada, [], Cancel))!;

        back.Draft.ShouldNotBeNull().ShouldSatisfyAllConditions(
            d => d.Comment.ShouldBe("I think"), d => d.Edit.ShouldBe(draft.Edit), d => d.Tiers.ShouldNotBeNull()[0].ShouldBe([1]));
        (await Desk.NextAsync(ben, [], Cancel)).ShouldBeNull("hers alone");
        await Desk.JudgeAsync(ada, Press(back, Answer.Tie), Cancel);
        await using var db = database.CreateDbContext();
        (await db.Drafts.AnyAsync(Cancel)).ShouldBeFalse();
    }

    [Fact]
    public async Task Writing_keeps_the_lease_and_what_is_on_screen_stays_first()
    {
        database.AddComparisons(2);
        var onScreen = (await Desk.NextAsync(ada, [], Cancel))!;
        await Desk.NextAsync(ada, [onScreen.Id], Cancel);
        for (var i = 0; i < 3; i++)
        {
            database.Clock.Move(Desk.Lease - TimeSpan.FromMinutes(1));
            await Desk.SaveDraftAsync(ada, onScreen.Id, new() { Comment = new string('w', i + 1) }, Cancel);
        }

        (await Desk.NextAsync(ben, [], Cancel)).ShouldBeNull();
        (await database.NewDesk().NextAsync(ada, [], Cancel))!.Id.ShouldBe(onScreen.Id);
    }

    [Fact]
    public async Task Drafts_are_bounded()
    {
        var comparisons = database.AddComparisons(60);
        foreach (var comparison in comparisons)
        {
            database.Clock.Move(TimeSpan.FromSeconds(1));
            await Desk.SaveDraftAsync(ada, comparison.Id, new() { Comment = "?" }, Cancel);
        }

        await using var db = database.CreateDbContext();
        (await db.Drafts.Select(d => d.ComparisonId).Order().ToListAsync(Cancel)).ShouldBe(comparisons.Skip(10).Select(c => c.Id));
        await Should.ThrowAsync<RefusedException>(() =>
            Desk.SaveDraftAsync(ada, comparisons[0].Id, new() { Edit = new(0, new string('x', JudgeCheck.MaxEditLength + 1)) }, Cancel));
        await Desk.SaveDraftAsync(ada, comparisons[59].Id, null, Cancel);
        (await db.Drafts.CountAsync(Cancel)).ShouldBe(49);
    }

    [Fact]
    public async Task Progress_tells_what_became_of_ones_judgments_once_enough_was_compared()
    {
        database.AddComparison();
        await JudgeAsync(ada);
        (await Desk.ProgressAsync(ada, Cancel)).ShouldBe(new DeskProgress(new(1, 1), null, null, null));
        AddRoundAndEvaluation(wins: 14, losses: 4, ties: 2);

        var impact = (await Desk.ProgressAsync(ada, Cancel)).Impact.ShouldNotBeNull();

        impact.ShouldSatisfyAllConditions(
            i => (i.Round, i.Policy, i.Over, i.Judgments).ShouldBe((1, 1, 0, 20)),
            i => i.Share.ShouldBe(0.75),
            // Wilson's interval of 15 in 20, worked by hand: (0.75 + 3.8415/40 ± 1.96 √(0.75·0.25/20 + 3.8415/1600)) / (1 + 3.8415/20).
            i => i.Low.ShouldBe(0.5313, 1e-4),
            i => i.High.ShouldBe(0.8881, 1e-4));
        (await Desk.ProgressAsync(ben, Cancel)).Impact.ShouldBeNull("none of his are in it");
    }

    public void Dispose() => database.Dispose();

    /// <summary>A round that saw every judgment so far, its policy, and blind judgments between the two policies.</summary>
    private void AddRoundAndEvaluation(int wins, int losses, int ties)
    {
        var policy = database.AddPolicy();
        using var db = database.CreateDbContext();
        var old = db.Policies.Single(p => p.Number == 0);
        db.Rounds.Add(new()
        {
            StudyId = database.StudyId, Number = 1, State = RoundState.Succeeded, DirectoryName = "1", Options = "{}", Init = RoundInit.Previous,
            Reference = RoundReference.Sft, Data = RoundData.All, InitPolicyId = old.Id, ResultPolicyId = policy.Id,
            LastJudgmentId = db.Judgments.Max(j => j.Id), CreatedAt = database.Clock.Now,
        });
        db.SaveChanges();
        var comparisons = database.AddComparisons(wins + losses + ties, purpose: ComparisonPurpose.Evaluation);
        foreach (var (i, comparison) in comparisons.Index())
        {
            // The new policy's response is at position 1, the old one's at 0.
            db.Responses.Where(r => r.Id == db.ComparisonResponses.Single(c => c.ComparisonId == comparison.Id && c.Position == 0).ResponseId)
                .ExecuteUpdate(set => set.SetProperty(r => r.PolicyId, old.Id));
            db.Judgments.Add(new()
            {
                ComparisonId = comparison.Id, StudyId = comparison.StudyId, PolicyId = comparison.PolicyId, PromptId = comparison.PromptId,
                AnnotatorId = ben.Person.Id, Verdict = Verdict.Ranked, Ranking = i < wins ? [[1], [0]] : i < wins + losses ? [[0], [1]] : [[0, 1]],
                SidesShown = [0, 1], Seconds = 1, GuidelinesVersion = 1, RequestId = Guid.NewGuid(), CreatedAt = database.Clock.Now,
            });
        }

        db.SaveChanges();
    }

    private async Task<ShownComparison> JudgeAsync(Seat annotator, Answer answer = Answer.Left)
    {
        database.Clock.Move(TimeSpan.FromSeconds(2));
        var shown = (await Desk.NextAsync(annotator, [], Cancel))!;
        await Desk.JudgeAsync(annotator, Press(shown, answer), Cancel);
        return shown;
    }

    private static JudgeRequest Press(ShownComparison comparison, Answer answer) => new()
    {
        Comparison = comparison, Answer = answer, Seconds = 2, GuidelinesVersion = 1, RequestId = Guid.NewGuid(),
    };
}

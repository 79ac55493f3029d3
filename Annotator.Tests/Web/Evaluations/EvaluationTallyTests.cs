using Annotator.Tests.Fixtures;
using Annotator.Tests.Web.Annotating;
using Annotator.Web.Annotating;
using Annotator.Web.Data;
using Annotator.Web.Evaluations;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Tests.Web.Evaluations;

/// <summary>A tally that was kept while people worked is the same as one that is taken now.</summary>
public sealed class EvaluationTallyTests : IDisposable
{
    private readonly DeskDatabase database = new();
    private readonly EvaluationTally kept;
    private readonly Policy older, newer;
    private readonly Seat ada, ben;

    public EvaluationTallyTests()
    {
        (ada, ben) = (database.AddAnnotator("ada"), database.AddAnnotator("ben"));
        using (var db = database.CreateDbContext())
        {
            older = db.Policies.Single(p => p.StudyId == database.StudyId);
        }

        newer = database.AddPolicy();
        kept = database.NewTally();
        foreach (var comparison in database.AddComparisons(12, purpose: ComparisonPurpose.Evaluation))
        {
            using var db = database.CreateDbContext();
            db.Responses.Where(r => r.Id == db.ComparisonResponses.Single(c => c.ComparisonId == comparison.Id && c.Position == 0).ResponseId)
                .ExecuteUpdate(set => set.SetProperty(r => r.PolicyId, older.Id).SetProperty(r => r.Text, r => r.Text + new string('!', (int)(comparison.Id % 3))));
        }

        database.Evaluate(1);
    }

    private Desk Desk => database.Desk;
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Judgments_revisions_undoes_and_who_is_left_out_change_the_kept_tally_as_they_change_a_fresh_one()
    {
        (await KeptAsync()).ShouldBe(new(0, 0));

        // New judgments, some of the newer policy (position 1), a tie and a skip.
        var first = await JudgeAsync(ada, better: 1);
        (await KeptAsync()).ShouldBe(new(1, 0));
        await JudgeAsync(ada, better: 1);
        await JudgeAsync(ada, better: null);
        await JudgeAsync(ben, better: 0);
        await JudgeAsync(ben, better: 1);
        (await KeptAsync()).ShouldBe(new(3, 1, Ties: 1));

        // A revision of what is counted, and then of the revision, with no look between them.
        var entry = (await Desk.HistoryAsync(ada, null, Cancel)).Entries.Single(e => e.Comparison.Id == first);
        var revised = await Desk.ReviseAsync(ada, entry.JudgmentId, Press(entry.Comparison, better: null), Cancel);
        await Desk.ReviseAsync(ada, revised.JudgmentId, Press(entry.Comparison, better: 0), Cancel);
        (await KeptAsync()).ShouldBe(new(2, 2, Ties: 1));

        // An undo of what is counted, and one of what never was.
        await Desk.UndoAsync(ben, Guid.NewGuid(), Cancel);
        (await KeptAsync()).ShouldBe(new(1, 2, Ties: 1));
        await JudgeAsync(ada, better: 1);
        await Desk.UndoAsync(ada, Guid.NewGuid(), Cancel);
        (await KeptAsync()).ShouldBe(new(1, 2, Ties: 1));

        // Left out, with a judgment that came since; judging on; taken in again.
        await JudgeAsync(ben, better: 1);
        await LeaveOutAsync(ben, true);
        (await KeptAsync()).ShouldBe(new(1, 1, Ties: 1));
        await JudgeAsync(ben, better: 1);
        await JudgeAsync(ada, better: 1);
        (await KeptAsync()).ShouldBe(new(2, 1, Ties: 1));
        await Desk.UndoAsync(ben, Guid.NewGuid(), Cancel);
        await LeaveOutAsync(ben, false);
        (await KeptAsync()).ShouldBe(new(3, 2, Ties: 1));

        // Judgments for training are none of an evaluation.
        database.Evaluate(0);
        database.AddComparisons(2);
        await JudgeAsync(database.AddAnnotator("cyd"), better: 1);
        (await KeptAsync()).ShouldBe(new(3, 2, Ties: 1));
    }

    [Fact]
    public async Task What_an_import_brings_counts_once_it_is_the_studys_though_its_ids_are_older()
    {
        var imported = (await Desk.NextAsync(ada, [], Cancel))!;
        await Desk.JudgeAsync(ada, Press(imported, better: 1), Cancel);
        await using var db = database.CreateDbContext();
        var import = new Import { StudyId = database.StudyId, FileName = "log.jsonl", Format = "log", Sha256 = "", CreatedAt = database.Clock.Now };
        db.Imports.Add(import);
        await db.SaveChangesAsync(Cancel);
        await db.Judgments.ExecuteUpdateAsync(set => set.SetProperty(j => j.StudyId, Import.StagingStudyId(import.Id)), Cancel);
        await JudgeAsync(ben, better: 0);
        (await KeptAsync()).ShouldBe(new(0, 1), "an import that is being read is nobody's yet");

        await db.Judgments.Where(j => j.StudyId < 0).ExecuteUpdateAsync(set => set.SetProperty(j => j.StudyId, database.StudyId), Cancel);
        import.EndedAt = database.Clock.Now;
        await db.SaveChangesAsync(Cancel);

        (await KeptAsync()).ShouldBe(new(1, 1));
    }

    public void Dispose() => database.Dispose();

    private sealed record Said(int Wins, int Losses, int Ties = 0, int BothBad = 0);

    /// <summary>What the kept tally says, which is what a fresh one says, lengths too.</summary>
    private async Task<Said> KeptAsync()
    {
        var (now, fresh) = (await kept.OfPairAsync(newer, older, Cancel), await database.NewTally().OfPairAsync(newer, older, Cancel));
        now.ShouldBe(fresh with { LengthControlled = now.LengthControlled });
        (now.LengthControlled.NoEstimate, Math.Round(now.LengthControlled.Rate ?? 0, 9)).ShouldBe((fresh.LengthControlled.NoEstimate, Math.Round(fresh.LengthControlled.Rate ?? 0, 9)));
        return new(now.Wins, now.Losses, now.Ties, now.BothBad);
    }

    private async Task<long> JudgeAsync(Seat seat, int? better)
    {
        database.Clock.Move(TimeSpan.FromSeconds(2));
        var shown = (await Desk.NextAsync(seat, [], Cancel))!;
        await Desk.JudgeAsync(seat, Press(shown, better), Cancel);
        return shown.Id;
    }

    private async Task LeaveOutAsync(Seat seat, bool leftOut)
    {
        await using var db = database.CreateDbContext();
        var row = new LeftOutAnnotator { StudyId = database.StudyId, AnnotatorId = seat.Person.Id, At = database.Clock.Now };
        db.Entry(row).State = leftOut ? EntityState.Added : EntityState.Deleted;
        await db.SaveChangesAsync(Cancel);
    }

    /// <param name="better">The better response's position, wherever it stands; null for a tie.</param>
    private static JudgeRequest Press(ShownComparison shown, int? better) => new()
    {
        Comparison = shown, Answer = better is null ? Answer.Tie : shown.Sides[0] == better ? Answer.Left : Answer.Right,
        Seconds = 2, GuidelinesVersion = 1, RequestId = Guid.NewGuid(),
    };
}

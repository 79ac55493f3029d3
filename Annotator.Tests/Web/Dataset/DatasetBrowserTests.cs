using Annotator.Model.Preferences;
using Annotator.Tests.Fixtures;
using Annotator.Tests.Web.Rounds;
using Annotator.Web.Data;
using Annotator.Web.Dataset;
using Annotator.Web.Dataset.Browsing;
using Annotator.Web.Rounds;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Tests.Web.Dataset;

/// <summary>Judged comparisons are found, told in full, and decided where annotators disagree.</summary>
public sealed class DatasetBrowserTests : IAsyncLifetime
{
    private readonly WriteGate gate = new();
    private RoundsDatabase data = null!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    // Its clock stands still: a slow machine cuts no search short.
    private DatasetBrowser Browser => new(data, data.Reader, gate, new StandingClock(), EnglishWords.All);

    private DatasetFilter All => new() { StudyId = data.StudyId };

    public async ValueTask InitializeAsync() => data = await RoundsDatabase.CreateAsync();

    public async ValueTask DisposeAsync()
    {
        await data.DisposeAsync();
        gate.Dispose();
    }

    [Fact]
    public async Task The_list_has_the_newest_judgment_first_and_goes_on_where_a_part_ends()
    {
        var ids = new List<long>();
        foreach (var i in Enumerable.Range(0, 7))
        {
            ids.Add(await data.AddComparisonAsync($"Film {i}"));
        }

        foreach (var id in ids)
        {
            await data.JudgeAsync(id);
        }

        await data.AddComparisonAsync("Nobody judged this");
        await data.JudgeAsync(ids[2], annotator: "annotator-2");

        var first = await Browser.PageAsync(data.Admin, All, size: 3, cancellation: Cancel);
        var second = await Browser.PageAsync(data.Admin, All, first.Next, size: 3, Cancel);
        var third = await Browser.PageAsync(data.Admin, All, ComparisonMark.Parse(second.Next!.ToString()), size: 3, Cancel);

        first.Rows.Concat(second.Rows).Concat(third.Rows).Select(row => row.Id).ShouldBe([ids[2], ids[6], ids[5], ids[4], ids[3], ids[1], ids[0]]);
        third.Next.ShouldBeNull();
        first.Rows[0].ShouldSatisfyAllConditions(
            row => row.Agreement.ShouldBe(ComparisonAgreement.Agreed),
            row => row.Answers.ShouldHaveSingleItem().Count.ShouldBe(2),
            row => row.Responses.ShouldBe([" first", " second"]),
            row => row.Prompt.ShouldBe("Film 2"));
    }

    [Fact]
    public async Task The_list_is_narrowed_by_agreement_annotator_policy_text_and_day()
    {
        var (agreed, contested, single) = (await data.AddComparisonAsync("A comedy"), await data.AddComparisonAsync("A drama"), await data.AddComparisonAsync("100% true", " story", " lie"));
        await data.JudgeAsync(contested);
        await data.JudgeAsync(contested, [[1], [0]], annotator: "annotator-2");
        await data.JudgeAsync(agreed);
        await data.JudgeAsync(agreed, annotator: "annotator-2");
        await data.JudgeAsync(single);

        (await IdsAsync(All with { Agreement = ComparisonAgreement.Contested })).ShouldBe([contested]);
        (await IdsAsync(All with { Agreement = ComparisonAgreement.Unknown })).ShouldBe([single]);
        (await IdsAsync(All with { ContestedFirst = true })).ShouldBe([contested, single, agreed]);
        (await IdsAsync(All with { Annotator = "pseudonym of annotator-2" })).ShouldBe([agreed, contested]);
        (await IdsAsync(All with { Annotator = "pseudonym of annotator-2", Agreement = ComparisonAgreement.Agreed })).ShouldBe([agreed]);
        (await IdsAsync(All with { Annotator = "nobody" })).ShouldBeEmpty();
        (await IdsAsync(All with { Text = "COMEDY" })).ShouldBe([agreed]);
        (await IdsAsync(All with { Text = "0% t" })).ShouldBe([single]);
        (await IdsAsync(All with { Text = "_" })).ShouldBeEmpty();
        (await IdsAsync(All with { Text = "lie" })).ShouldBe([single], "a response");
        (await IdsAsync(All with { Policy = 0 })).Count.ShouldBe(3);
        (await IdsAsync(All with { Policy = 7 })).ShouldBeEmpty();
        (await IdsAsync(All with { From = new(2026, 3, 1), To = new(2026, 3, 1) })).Count.ShouldBe(3);
        (await IdsAsync(All with { From = new(2026, 3, 2) })).ShouldBeEmpty();
        (await IdsAsync(All with { To = new(2026, 2, 28) })).ShouldBeEmpty();
        var choices = await Browser.ChoicesAsync(data.Admin, data.StudyId, Cancel);
        choices.Policies.ShouldBe([0]);
        choices.Annotators.Select(a => a.Name).ShouldBe(["name of annotator-1", "name of annotator-2"]);
    }

    [Fact]
    public async Task A_revision_and_an_undo_change_what_the_list_says()
    {
        var id = await data.AddComparisonAsync("Film");
        var first = await data.JudgeAsync(id);
        await data.JudgeAsync(id, [[1], [0]], annotator: "annotator-2");
        (await Browser.PageAsync(data.Admin, All, cancellation: Cancel)).Rows.Single().Agreement.ShouldBe(ComparisonAgreement.Contested);

        var revised = await data.JudgeAsync(id, [[1], [0]], supersedes: first);
        (await Browser.PageAsync(data.Admin, All, cancellation: Cancel)).Rows.Single().Agreement.ShouldBe(ComparisonAgreement.Agreed);

        await data.JudgeAsync(id, verdict: Verdict.Withdrawn, supersedes: revised);
        (await Browser.PageAsync(data.Admin, All, cancellation: Cancel)).Rows.Single().Agreement.ShouldBe(ComparisonAgreement.Unknown);
    }

    [Fact]
    public async Task One_comparison_is_told_with_everything_that_was_ever_said_and_the_rounds_that_took_it()
    {
        var prompt = Enumerable.Range(0, 100).Select(i => $"Prompt {i}").First(p => !RoundSelection.IsForEvaluation(p, data.StudyId));
        await data.AddPreferencesAsync(30);
        var id = await data.AddComparisonAsync(prompt, promptTokens: [1, 2]);
        var first = await data.JudgeAsync(id, comment: "so dull", strength: 3);
        var second = await data.JudgeAsync(id, [[1], [0]], supersedes: first);
        await data.AddPreferencesAsync(30, from: 30);
        await using (var db = data.CreateDbContext())
        {
            var last = await db.Judgments.MaxAsync(j => j.Id, Cancel);
            db.Rounds.AddRange(Enumerable.Range(1, 2).Select(number => new Round
            {
                StudyId = data.StudyId, Number = number, State = RoundState.Succeeded, DirectoryName = $"r{number}", Options = "{}", Init = RoundInit.Previous,
                Reference = RoundReference.Sft, Data = RoundData.All, LastJudgmentId = number == 1 ? last : first - 1, CreatedAt = DateTime.UtcNow,
            }));
            await db.SaveChangesAsync(Cancel);
        }

        await data.Snapshot.WriteAsync(data.StudyId, RoundData.All, "reference", new RoundDirectory(data.Folder.Round("r1")), Cancel);

        var story = (await Browser.StoryAsync(data.Admin, id, Cancel)).ShouldNotBeNull();

        story.Prompt.ShouldBe(prompt);
        story.Responses.Select(r => (r.Text, r.Policy, r.Tokens)).ShouldBe([(" first", 0, 7), (" second", 0, 8)]);
        story.Judgments.Select(j => (j.Id, j.Stands, j.Who, j.Comment, j.Strength)).ShouldBe([(first, false, "name of annotator-1", "so dull", 3), (second, true, "name of annotator-1", null, null)]);
        story.Rounds.ShouldBe([new RoundThatTook(1, second, PreferenceSplit.Train)]);
        (await Browser.StoryAsync(data.Admin, await data.AddComparisonAsync("Unjudged"), Cancel)).ShouldBeNull("whoever reads it may judge it yet");
        var vic = new CurrentPerson("vic", "vic", IsAdmin: false, IsAnnotator: false, IsViewer: true);
        (await Browser.StoryAsync(vic, id, Cancel))!.Judgments[0].Who.ShouldBe("pseudonym of annotator-1");
    }

    [Fact]
    public async Task Every_line_of_a_snapshot_is_found_and_no_other()
    {
        await data.AddPreferencesAsync(40);
        var directory = new RoundDirectory(data.Folder.Round("r"));
        await data.Snapshot.WriteAsync(data.StudyId, RoundData.All, "reference", directory, Cancel);
        await using var db = data.CreateDbContext();

        foreach (var judgment in await db.Judgments.ToListAsync(Cancel))
        {
            SnapshotSearch.Find(directory.Preferences, judgment.ComparisonId, judgment.Id).ShouldNotBeNull();
            SnapshotSearch.Find(directory.Preferences, judgment.ComparisonId + 1, judgment.Id).ShouldBeNull();
        }

        SnapshotSearch.Find(directory.Preferences, 1, 10_000).ShouldBeNull();
        SnapshotSearch.Find(directory.Preferences, 1, 0).ShouldBeNull();
        SnapshotSearch.Find(Path.Combine(directory.Root, "none"), 1, 1).ShouldBeNull();
    }

    [Fact]
    public async Task A_decision_counts_in_place_of_the_annotators_who_disagree_until_it_is_withdrawn()
    {
        var prompt = Enumerable.Range(0, 100).Select(i => $"Prompt {i}").First(p => !RoundSelection.IsForEvaluation(p, data.StudyId));
        var id = await data.AddComparisonAsync(prompt);
        await data.JudgeAsync(id);
        await data.JudgeAsync(id, [[1], [0]], annotator: "annotator-2");
        var export = new DatasetExport(data, EnglishWords.All);

        await Browser.AdjudicateAsync(data.Admin, id, Verdict.Ranked, [[1], [0]], " the second is true ", Cancel);

        (await export.Trl(data.Admin, data.StudyId).ToListAsync(Cancel)).ShouldHaveSingleItem().Chosen.Text.ShouldBe(" second");
        var counts = await data.Snapshot.CountAsync(data.StudyId, RoundData.All, Cancel);
        (counts.Train, counts.LeftOut[LeftOut.Overruled]).ShouldBe((1, 2));
        var story = (await Browser.StoryAsync(data.Admin, id, Cancel))!;
        story.Agreement.ShouldBe(ComparisonAgreement.Adjudicated);
        story.Decision.ShouldNotBeNull().Comment.ShouldBe("the second is true");
        (await export.Log(data.Admin, data.StudyId).ToListAsync(Cancel)).Select(line => line.Origin).ShouldBe([JudgmentOrigin.Queue, JudgmentOrigin.Queue, JudgmentOrigin.Adjudication]);

        await Browser.AdjudicateAsync(data.Admin, id, Verdict.Ranked, [[0, 1]], null, Cancel);
        (await export.Trl(data.Admin, data.StudyId).CountAsync(Cancel)).ShouldBe(0, "a tie is no preference");

        await Browser.WithdrawAdjudicationAsync(data.Admin, id, Cancel);
        (await export.Trl(data.Admin, data.StudyId).CountAsync(Cancel)).ShouldBe(2);
        (await Browser.StoryAsync(data.Admin, id, Cancel))!.Agreement.ShouldBe(ComparisonAgreement.Contested);
        await using var db = data.CreateDbContext();
        (await db.AuditEntries.CountAsync(e => e.Action == "comparison.adjudicate", Cancel)).ShouldBe(3);
        (await db.Comparisons.SingleAsync(Cancel)).JudgmentCount.ShouldBe(0, "it is counted nowhere (nor are the test's own judgments)");
    }

    [Fact]
    public async Task What_can_not_be_decided_is_refused_in_words()
    {
        var agreed = await data.AddComparisonAsync("A");
        await data.JudgeAsync(agreed);
        await data.JudgeAsync(agreed, annotator: "annotator-2");
        var contested = await data.AddComparisonAsync("B");
        await data.JudgeAsync(contested);
        await data.JudgeAsync(contested, [[0, 1]], annotator: "annotator-2");

        async Task<string> RefusalAsync(long id, Verdict verdict, int[][]? ranking) =>
            (await Should.ThrowAsync<RefusedException>(() => Browser.AdjudicateAsync(data.Admin, id, verdict, ranking, null, Cancel))).Message;

        (await RefusalAsync(agreed, Verdict.Ranked, [[0], [1]])).ShouldStartWith("There is nothing to decide");
        (await RefusalAsync(contested, Verdict.Ranked, [[0]])).ShouldBe("The ranking must name each position from 0 to 1 once.");
        (await RefusalAsync(contested, Verdict.Ranked, [[0], [0]])).ShouldStartWith("The ranking must name");
        (await RefusalAsync(contested, Verdict.Skipped, null)).ShouldContain("both are bad");
        (await RefusalAsync(4711, Verdict.BothBad, null)).ShouldContain("not there any more");
        (await Should.ThrowAsync<RefusedException>(() => Browser.WithdrawAdjudicationAsync(data.Admin, contested, Cancel))).Message.ShouldContain("No decision stands");
        var vic = new CurrentPerson("vic", "vic", IsAdmin: false, IsAnnotator: false, IsViewer: true);
        await Should.ThrowAsync<NotAllowedException>(() => Browser.AdjudicateAsync(vic, contested, Verdict.BothBad, null, null, Cancel));
        await Should.ThrowAsync<NotAllowedException>(() => Browser.WithdrawAdjudicationAsync(vic, contested, Cancel));
        await Should.ThrowAsync<NotAllowedException>(() => Browser.PageAsync(data.Annotator, All, cancellation: Cancel));
        await Should.ThrowAsync<NotAllowedException>(() => Browser.StoryAsync(data.Annotator, contested, Cancel));
        await Should.ThrowAsync<NotAllowedException>(() => Browser.ChoicesAsync(data.Annotator, data.StudyId, Cancel));
    }

    private async Task<List<long>> IdsAsync(DatasetFilter filter) => [.. (await Browser.PageAsync(data.Admin, filter, cancellation: Cancel)).Rows.Select(row => row.Id)];

    private sealed class StandingClock : TimeProvider
    {
        public override long GetTimestamp() => 0;
    }
}

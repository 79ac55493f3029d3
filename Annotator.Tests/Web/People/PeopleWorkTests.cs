using System.Text.Json.Nodes;
using Annotator.Model.Preferences;
using Annotator.Tests.Fixtures;
using Annotator.Tests.Web.Rounds;
using Annotator.Web.Data;
using Annotator.Web.Dataset;
using Annotator.Web.Live;
using Annotator.Web.People.Work;
using Annotator.Web.Rounds;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging.Abstractions;

namespace Annotator.Tests.Web.People;

/// <summary>The figures of the People's work page, by the operation that the page reads, from judgments in a real database.</summary>
public sealed class PeopleWorkTests
{
    private const double Tolerance = 1e-9;
    private static readonly JsonNode Oracle = Oracles.Json("agreement/agreement.json");
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("small_complete")]
    [InlineData("small_missing")]
    public async Task Agreement_of_judgments_in_a_study_equals_the_oracles(string name)
    {
        await using var data = await RoundsDatabase.CreateAsync();
        var oracle = Oracle[name]!;
        await JudgeAsync(data, oracle["data_items_by_annotators"]!);

        var work = await ReadAsync(data);

        work.Alpha.Value!.Value.ShouldBe(oracle["krippendorff_alpha_nominal"]!.GetValue<double>(), Tolerance);
        if (oracle["fleiss_kappa"] is { } fleiss)
        {
            work.Fleiss.Value!.Value.ShouldBe(fleiss.GetValue<double>(), Tolerance);
            work.Pairs.Count.ShouldBe(3);
            foreach (var (pair, kappa) in oracle["cohen_kappa_pairs"]!.AsObject())
            {
                work.Pairs.Single(p => (p.FirstId, p.SecondId) == (Person(pair[0] - '0'), Person(pair[2] - '0'))).Kappa.Value!.Value.ShouldBe(kappa!.GetValue<double>(), Tolerance);
            }
        }
        else
        {
            work.Fleiss.Why.ShouldBe(WhyNoFigure.UnequalNumbers);
        }
    }

    [Fact]
    public async Task Where_no_estimate_exists_the_page_has_words_for_it()
    {
        foreach (var degenerate in Oracle["degenerate"]!.AsArray())
        {
            await using var data = await RoundsDatabase.CreateAsync();
            await JudgeAsync(data, degenerate!["data_items_by_annotators"]!);

            var work = await ReadAsync(data);

            if (degenerate["krippendorff_alpha_nominal"] is { } alpha)
            {
                work.Alpha.Value!.Value.ShouldBe(alpha.GetValue<double>(), Tolerance);
                work.Pairs.ShouldHaveSingleItem().Kappa.Value!.Value.ShouldBe(degenerate["cohen_kappa"]!.GetValue<double>(), Tolerance);
            }
            else
            {
                EnglishWords.All.WhyNone(work.Alpha.Why!.Value).ShouldBe("Everybody gave the same answer throughout, so agreement beyond chance can't be measured.");
                EnglishWords.All.WhyNoneShort(work.Pairs.ShouldHaveSingleItem().Kappa.Why!.Value).ShouldBe("one answer throughout");
            }
        }

        await using var alone = await RoundsDatabase.CreateAsync();
        (await ReadAsync(alone)).Alpha.Why.ShouldBe(WhyNoFigure.NothingJudgedTwice);
        await alone.JudgeAsync(await alone.AddComparisonAsync("Film"));
        EnglishWords.All.WhyNone((await ReadAsync(alone)).Alpha.Why!.Value).ShouldStartWith("No comparison was answered by two people yet");
    }

    [Fact]
    public void One_persons_figures_are_worked_out_by_hand()
    {
        var count = new WorkCount();
        var at = DateTime.UnixEpoch;
        WorkAnswer Says(string who, int better, int[]? sides = null, double seconds = 5, bool again = false) => new(who, Verdict.Ranked, [[better], [1 - better]], sides ?? [0, 1], seconds, at, again);

        count.Add([Says("a", 0), Says("b", 0), Says("c", 1, seconds: 1)]);
        count.Add([Says("a", 0, [1, 0], 20), Says("b", 1), Says("a", 1, again: true)]);
        count.Add([Says("a", 1, [1, 0], 300), new("b", Verdict.Skipped, null, [0, 1], 2, at)]);
        count.AddGold("a", 3, 4);
        var work = count.Result();

        var a = work.People.Single(p => p.AnnotatorId == "a");
        (a.Judgments, a.Skipped, work.JudgedTwice).ShouldBe((3, 0, 2));
        a.Majority.ShouldSatisfyAllConditions(m => m.Count.ShouldBe(1, "b and c are divided about the first"), m => m.Value.ShouldBe(0));
        a.Gold.Value.ShouldBe(0.75);
        (a.SelfConsistency.Value, a.SelfConsistency.Count).ShouldBe((0, 1));
        (a.PositionBias.Value!.Value, a.PositionBias.Count).ShouldBe((2 / 3.0, 3), "the better one stood left twice");
        a.MedianSeconds.ShouldBe(20);
        a.Speed.ShouldBe([0, 0, 1, 0, 1, 0, 0, 1]);
        a.LabelNoise.Why.ShouldBe(WhyNoFigure.TooFew);
        var b = work.People.Single(p => p.AnnotatorId == "b");
        (b.Judgments, b.Skipped).ShouldBe((3, 1));
        b.SelfConsistency.Why.ShouldBe(WhyNoFigure.NothingYet);
    }

    [Fact]
    public void Label_noise_is_what_the_literature_says_of_people_who_agree_on_65_percent()
    {
        var count = new WorkCount();
        for (var i = 0; i < 1000; i++)
        {
            var second = i < 650 ? 0 : 1;
            count.Add([new("a", Verdict.Ranked, [[0], [1]], [0, 1], 5, DateTime.UnixEpoch.AddMinutes(i)), new("b", Verdict.Ranked, [[second], [1 - second]], [0, 1], 5, DateTime.UnixEpoch.AddMinutes(i))]);
        }

        var work = count.Result();

        work.LabelNoise.Value!.Value.ShouldBe((1 - Math.Sqrt(0.3)) / 2, Tolerance);
        work.People.Select(p => p.LabelNoise.Value!.Value).ShouldAllBe(noise => Math.Abs(noise - work.LabelNoise.Value!.Value) < Tolerance, "two alike");
        work.AlphaOverTime.Count.ShouldBe(24);
        work.AlphaOverTime[^1].Answered.ShouldBe(1000);
    }

    [Fact]
    public void Preferences_of_another_tool_say_nothing_of_sides()
    {
        var count = new WorkCount();
        count.Add([new("imported", Verdict.Ranked, [[0], [1]], [0, 1], Seconds: 0, DateTime.UnixEpoch, SidesKnown: false)]);

        count.Result().People.ShouldHaveSingleItem().PositionBias.Count.ShouldBe(0, "the better one stands first in such files, whatever stood where on whose screen");
    }

    [Fact]
    public void A_ranking_is_compared_pair_by_pair()
    {
        var count = new WorkCount();
        count.Add([new("a", Verdict.Ranked, [[0], [1, 2]], [2, 1, 0], 5, DateTime.UnixEpoch), new("b", Verdict.Ranked, [[1], [0], [2]], [0, 1, 2], 5, DateTime.UnixEpoch)]);

        var work = count.Result();

        work.JudgedTwice.ShouldBe(1);
        work.Pairs.ShouldHaveSingleItem().Kappa.Count.ShouldBe(3);
        work.People.Single(p => p.AnnotatorId == "a").Majority.ShouldSatisfyAllConditions(m => m.Count.ShouldBe(3), m => m.Value!.Value.ShouldBe(1 / 3.0, Tolerance));
        work.People.Single(p => p.AnnotatorId == "b").PositionBias.Value.ShouldBe(1);
        work.People.Single(p => p.AnnotatorId == "a").PositionBias.Count.ShouldBe(0, "two are worst");
    }

    [Fact]
    public async Task The_preview_of_leaving_somebody_out_is_what_rounds_lose_by_it()
    {
        await using var data = await RoundsDatabase.CreateAsync();
        var prompts = Enumerable.Range(0, 400).Select(i => $"Prompt {i}").ToLookup(p => RoundSelection.IsForEvaluation(p, data.StudyId));
        var (train, eval) = (new Queue<string>(prompts[false]), new Queue<string>(prompts[true]));
        foreach (var (verdict, ranking) in new (Verdict, int[][]?)[] { (Verdict.Ranked, [[1], [0]]), (Verdict.Ranked, [[0, 1]]), (Verdict.BothBad, null), (Verdict.Skipped, null), (Verdict.Withdrawn, null) })
        {
            await JudgeAsync(await data.AddComparisonAsync(train.Dequeue()), verdict, ranking);
            await JudgeAsync(await data.AddComparisonAsync(eval.Dequeue()), verdict, ranking);
        }

        await JudgeAsync(await data.AddComparisonAsync(train.Dequeue(), split: PromptSplit.Heldout));
        await JudgeAsync(await data.AddComparisonAsync(train.Dequeue(), purpose: ComparisonPurpose.Evaluation));
        await JudgeAsync(await data.AddComparisonAsync(train.Dequeue(), purpose: ComparisonPurpose.Edit));
        var (same, other) = (await data.AddComparisonAsync(train.Dequeue(), " twice", " twice"), await data.AddComparisonAsync(train.Dequeue()));
        await JudgeAsync(same);
        await JudgeAsync(other);
        await using (var db = data.CreateDbContext())
        {
            await db.Comparisons.Where(c => c.Id == same || c.Id == other).ExecuteUpdateAsync(set => set.SetProperty(c => c.ImportId, 1), Cancel);
            await db.Comparisons.Where(c => c.Id == other).ExecuteUpdateAsync(set => set.SetProperty(c => c.JudgmentCount, 1), Cancel);
        }

        using var work = new PeopleWork(data, new LiveFeed(NullLogger<LiveFeed>.Instance), TimeProvider.System, EnglishWords.All);
        var before = await data.Snapshot.CountAsync(data.StudyId, RoundData.All, Cancel);

        var preview = await work.PreviewLeavingOutAsync(data.Admin, data.StudyId, "annotator-2", Cancel);

        await work.SetLeftOutAsync(data.Admin, data.StudyId, "annotator-2", leftOut: true, Cancel);
        var after = await data.Snapshot.CountAsync(data.StudyId, RoundData.All, Cancel);
        (preview.Train, preview.Eval).ShouldBe((before.Train - after.Train, before.Eval - after.Eval));
        preview.ShouldBe(new LeaveOutPreview(Judgments: 13, Train: 3, Eval: 1, OnlyTheirs: 1));
        (await work.PreviewLeavingOutAsync(data.Admin, data.StudyId, "annotator-2", Cancel)).ShouldBe(preview, "to take in again is the same the other way");

        Task<long> JudgeAsync(long comparison, Verdict verdict = Verdict.Ranked, int[][]? ranking = null) => data.JudgeAsync(comparison, ranking, verdict, annotator: "annotator-2");
    }

    [Fact]
    public async Task Who_is_left_out_of_training_is_counted_so_by_rounds_and_exports_and_the_preview_told_it_before()
    {
        await using var data = await RoundsDatabase.CreateAsync();
        var prompts = Enumerable.Range(0, 100).Select(i => $"Prompt {i}").Where(p => !RoundSelection.IsForEvaluation(p, data.StudyId)).Take(3).ToList();
        var shared = await data.AddComparisonAsync(prompts[0]);
        await data.JudgeAsync(shared);
        await data.JudgeAsync(shared, annotator: "annotator-2");
        await data.JudgeAsync(await data.AddComparisonAsync(prompts[1]), annotator: "annotator-2");
        await data.JudgeAsync(await data.AddComparisonAsync(prompts[2]), [[0, 1]], annotator: "annotator-2");
        using var work = new PeopleWork(data, new LiveFeed(NullLogger<LiveFeed>.Instance), TimeProvider.System, EnglishWords.All);

        (await work.PreviewLeavingOutAsync(data.Admin, data.StudyId, "annotator-2", Cancel)).ShouldBe(new LeaveOutPreview(Judgments: 3, Train: 2, Eval: 0, OnlyTheirs: 0));
        await work.SetLeftOutAsync(data.Admin, data.StudyId, "annotator-2", leftOut: true, Cancel);

        var counts = await data.Snapshot.CountAsync(data.StudyId, RoundData.All, Cancel);
        counts.Train.ShouldBe(1);
        counts.LeftOut.ShouldBe(new Dictionary<LeftOut, int> { [LeftOut.AnnotatorLeftOut] = 3 });
        var export = new DatasetExport(data, EnglishWords.All);
        (await export.Trl(data.Admin, data.StudyId).CountAsync(Cancel)).ShouldBe(1);
        (await export.Rankings(data.Admin, data.StudyId).CountAsync(Cancel)).ShouldBe(1);
        (await export.Log(data.Admin, data.StudyId).CountAsync(Cancel)).ShouldBe(4, "the log keeps everything");
        (await CountedAsync(work, data.Admin, data.StudyId)).People["annotator-2"].ShouldSatisfyAllConditions(p => p.IsLeftOut.ShouldBeTrue(), p => p.Name.ShouldBe("name of annotator-2"));
        await using (var db = data.CreateDbContext())
        {
            (await db.AuditEntries.SingleAsync(Cancel)).Detail.ShouldBe("ada left the judgments of name of annotator-2 out of training in Film reviews.");
        }

        await work.SetLeftOutAsync(data.Admin, data.StudyId, "annotator-2", leftOut: false, Cancel);
        (await data.Snapshot.CountAsync(data.StudyId, RoundData.All, Cancel)).Train.ShouldBe(3);
    }

    [Fact]
    public async Task A_viewer_sees_pseudonyms_and_changes_nothing_and_an_annotator_sees_none_of_it()
    {
        await using var data = await RoundsDatabase.CreateAsync();
        await data.JudgeAsync(await data.AddComparisonAsync("Film"));
        var vic = new CurrentPerson("vic", "vic", IsAdmin: false, IsAnnotator: false, IsViewer: true);
        using var work = new PeopleWork(data, new LiveFeed(NullLogger<LiveFeed>.Instance), TimeProvider.System, EnglishWords.All);

        (await CountedAsync(work, vic, data.StudyId)).People["annotator-1"].Name.ShouldBe("pseudonym of annotator-1");
        await Should.ThrowAsync<NotAllowedException>(() => work.SetLeftOutAsync(vic, data.StudyId, "annotator-1", true, Cancel));
        await Should.ThrowAsync<NotAllowedException>(() => work.PreviewLeavingOutAsync(vic, data.StudyId, "annotator-1", Cancel));
        await Should.ThrowAsync<NotAllowedException>(() => work.ReadAsync(data.Annotator, data.StudyId, Cancel));
    }

    private static async Task<StudyWork> ReadAsync(RoundsDatabase data)
    {
        using var work = new PeopleWork(data, new LiveFeed(NullLogger<LiveFeed>.Instance), TimeProvider.System, EnglishWords.All);
        return (await CountedAsync(work, data.Admin, data.StudyId)).Work.ShouldNotBeNull();
    }

    /// <summary>The figures once they are counted, which on a busy machine is not at once.</summary>
    private static async Task<WorkView> CountedAsync(PeopleWork work, CurrentPerson who, long studyId)
    {
        var view = await work.ReadAsync(who, studyId, Cancel);
        await (view.Newer ?? Task.CompletedTask);
        return view.Newer is null ? view : await work.ReadAsync(who, studyId, Cancel);
    }

    private static string Person(int observer) => $"observer-{observer}";

    /// <summary>Items of an oracle as comparisons, their values a to d as the four answers that a pair has.</summary>
    private static async Task JudgeAsync(RoundsDatabase data, JsonNode items)
    {
        await using (var db = data.CreateDbContext())
        {
            db.Users.AddRange(Enumerable.Range(0, 4).Select(i => new Person { Id = Person(i), UserName = Person(i), Pseudonym = $"pseudonym {i}", CreatedAt = DateTime.UtcNow }));
            await db.SaveChangesAsync(Cancel);
        }

        foreach (var (number, item) in items.AsArray().Index())
        {
            var comparison = await data.AddComparisonAsync($"Item {number}");
            foreach (var (observer, value) in item!.AsArray().Index().Where(one => one.Item is not null))
            {
                int[][]? ranking = value!.GetValue<string>() switch { "a" => [[0], [1]], "b" => [[1], [0]], "c" => [[0, 1]], _ => null };
                await data.JudgeAsync(comparison, ranking, ranking is null ? Verdict.BothBad : Verdict.Ranked, Person(observer));
            }
        }
    }
}

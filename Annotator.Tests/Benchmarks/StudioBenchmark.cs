using System.Diagnostics;
using System.Globalization;
using Annotator.Tests.Fixtures;
using Annotator.Tests.Web.Annotating;
using Annotator.Web.Data;
using Annotator.Web.Dataset;
using Annotator.Web.Dataset.Browsing;
using Annotator.Web.Evaluations;
using Annotator.Web.Overview;
using Annotator.Web.People;
using Annotator.Web.People.Work;
using Annotator.Web.Policies.Pages;
using Annotator.Web.Rounds;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace Annotator.Tests.Benchmarks;

/// <summary>
/// What the studio's pages ask of the server with 1,000,000 judgments of 20 annotators in one study, half of them blind
/// comparisons of its policies (the largest share that a study may set), by the pages' own operations; some minutes, most of
/// them for making the rows. In the repository root:
/// <code>ANNOTATOR_BENCHMARKS=1 dotnet run --project Annotator.Tests -- -class "*StudioBenchmark" -showLiveOutput</code>
/// </summary>
public sealed class StudioBenchmark
{
    private const int Judgments = 1_000_000;
    private const int Annotators = 20;
    private const int Policies = 6;
    private const int Times = 5;
    private const int PageSize = 50;
    private const double MostMilliseconds = 300;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Benchmark]
    public async Task The_pages_of_the_studio_answer_within_300_ms_at_a_million_judgments()
    {
        await using var app = await WebApp.StartAsync();
        var admin = (await app.CreateAdminAsync()).Current;
        var annotators = new List<string>();
        foreach (var i in Enumerable.Range(0, Annotators))
        {
            annotators.Add((await app.CreateAnnotatorAsync($"annotator{i}")).Current.Id);
        }

        var watch = Stopwatch.StartNew();
        var studyId = Seed(app, annotators);
        Console.WriteLine($"{Judgments:N0} judgments written in {watch.Elapsed.TotalSeconds:F0} s");

        // What each page asks, by name. A page more is a line more.
        var browser = app.Services.GetRequiredService<DatasetBrowser>();
        var (people, work, counting) = (app.Services.GetRequiredService<PeopleOperations>(), app.Services.GetRequiredService<PeopleWork>(), app.Services.GetRequiredService<DatasetCounting>());
        var all = new DatasetFilter { StudyId = studyId };
        var mark = await MarkAsync(app, studyId, (1_000 - 1) * PageSize);
        string pseudonym;
        await using (var db = app.OpenDb())
        {
            pseudonym = await db.Users.Where(p => p.Id == annotators[0]).Select(p => p.Pseudonym).SingleAsync(Cancel);
        }

        var (overview, evaluations, policies) = (app.Services.GetRequiredService<OverviewReader>(), app.Services.GetRequiredService<EvaluationReader>(), app.Services.GetRequiredService<PolicyReader>());
        var pages = new Dictionary<string, Func<Task>>
        {
            ["overview"] = () => overview.ReadAsync(admin, studyId, cancellation: Cancel),
            ["evaluation"] = () => evaluations.ReadAsync(admin, studyId, Cancel),
            ["evaluation, after another judgment"] = async () =>
            {
                await using var db = app.OpenDb();
                db.AddEvaluation(await db.Policies.SingleAsync(p => p.StudyId == studyId && p.Number == 2, Cancel), await db.Policies.SingleAsync(p => p.StudyId == studyId && p.Number == 1, Cancel), annotators[1], wins: 1, losses: 0);
                watch.Restart();
                await evaluations.ReadAsync(admin, studyId, Cancel);
            },
            ["policies, and the explorer's choice"] = () => policies.LineAsync(admin, studyId, Cancel),
            ["a policy's card"] = () => policies.FindAsync(admin, studyId, 3, Cancel),
            ["dataset, its filters' choices"] = () => browser.ChoicesAsync(admin, studyId, Cancel),
            ["dataset, page 1"] = () => browser.PageAsync(admin, all, null, PageSize, Cancel),
            ["dataset, page 1,000"] = () => browser.PageAsync(admin, all, mark, PageSize, Cancel),
            ["dataset, disagreement first"] = () => browser.PageAsync(admin, all with { ContestedFirst = true }, null, PageSize, Cancel),
            ["dataset, disagreement, page 1,000"] = () => browser.PageAsync(admin, all with { Agreement = ComparisonAgreement.Contested }, mark, PageSize, Cancel),
            ["dataset, of one annotator"] = () => browser.PageAsync(admin, all with { Annotator = pseudonym }, null, PageSize, Cancel),
            ["dataset, of a policy"] = () => browser.PageAsync(admin, all with { Policy = 0 }, mark, PageSize, Cancel),
            ["dataset, a rare text (a stretch)"] = () => browser.PageAsync(admin, all with { Text = "found nowhere" }, null, PageSize, Cancel),
            ["dataset, a day long ago (a stretch)"] = () => browser.PageAsync(admin, all with { To = new(2001, 1, 1) }, null, PageSize, Cancel),
            ["a comparison's story"] = async () => await browser.StoryAsync(admin, (await browser.PageAsync(admin, all, mark, 1, Cancel)).Rows[0].Id, Cancel),
            ["people, accounts"] = () => people.ListAsync(admin, Cancel),
            ["people's work"] = () => work.ReadAsync(admin, studyId, Cancel),
            ["dataset, files"] = () => counting.ReadAsync(admin, studyId, Cancel),
        };
        // What the app does by itself, at its start and when somebody is left out; a page that comes at that moment waits for it.
        foreach (var (what, before) in new (string, Func<Task>)[]
        {
            ("blind judgments, counted at the start", () => Task.CompletedTask),
            ("blind judgments, somebody left out", () => work.SetLeftOutAsync(admin, studyId, annotators[0], true, Cancel)),
            ("blind judgments, and taken in again", () => work.SetLeftOutAsync(admin, studyId, annotators[0], false, Cancel)),
        })
        {
            await before();
            watch.Restart();
            await evaluations.ReadAsync(admin, studyId, Cancel);
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{what,-38} {watch.Elapsed.TotalMilliseconds,6:F0} ms"));
        }

        var slow = new List<string>();
        foreach (var (page, ask) in pages)
        {
            var took = new List<double>();
            for (var i = 0; i < Times; i++)
            {
                watch.Restart();
                await ask();
                took.Add(watch.Elapsed.TotalMilliseconds);
            }

            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{page,-38} first {took[0],6:F0} ms, then {took[1..].Min(),6:F0} to {took[1..].Max(),6:F0} ms"));
            if (took[1..].Max() > MostMilliseconds)
            {
                slow.Add(page);
            }
        }

        await Until.TrueAsync(async () => (await work.ReadAsync(admin, studyId, Cancel)).Work is not null, 300, "people's work is counted");
        watch.Restart();
        (await work.ReadAsync(admin, studyId, Cancel)).Work!.Judgments.ShouldBeGreaterThanOrEqualTo(Judgments);
        Console.WriteLine($"people's work, once counted            {watch.Elapsed.TotalMilliseconds,6:F0} ms");
        // No page, but what a press of a button goes through: all that one person has judged.
        watch.Restart();
        var preview = await work.PreviewLeavingOutAsync(admin, studyId, annotators[0], Cancel);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"leaving somebody out, the preview      {watch.Elapsed.TotalMilliseconds,6:F0} ms of {preview.Judgments:N0} judgments"));
        slow.ShouldBeEmpty();
    }

    /// <summary>A quarter of a million comparisons for training, each judged by two of the annotators, one in four of them contested; twice as many blind ones.</summary>
    private static long Seed(WebApp app, IReadOnlyList<string> annotators)
    {
        using var db = app.OpenDb();
        var study = db.AddStudy();
        study.Task = study.Task with { Overlap = 2 };
        db.SaveChanges();
        LargeStudy.AddOpenComparisons(db, study.Id, Judgments / 4);
        LargeStudy.Judge(db, study.Id, annotators, Judgments / 2 / Annotators);
        List<Policy> line = [db.Policies.Single(p => p.StudyId == study.Id), .. Enumerable.Range(1, Policies - 1).Select(_ => db.AddPolicy(study.Id))];
        LargeStudy.AddEvaluations(db, line, annotators, Judgments / 2);
        db.Rounds.Add(new()
        {
            StudyId = study.Id, Number = 1, State = RoundState.Succeeded, DirectoryName = "benchmark", Options = "{}", Init = RoundInit.Previous, Reference = RoundReference.Sft,
            Data = RoundData.All, InitPolicyId = line[^2].Id, ResultPolicyId = line[^1].Id, CreatedAt = DateTime.UtcNow, EndedAt = DateTime.UtcNow,
        });
        db.Studies.Where(s => s.Id == study.Id).ExecuteUpdate(set => set.SetProperty(s => s.JudgmentCount, Judgments));
        db.SaveChanges();
        LargeStudy.Disagree(db, study.Id);
        return study.Id;
    }

    private static async Task<ComparisonMark> MarkAsync(WebApp app, long studyId, int rows)
    {
        await using var db = app.OpenDb();
        var last = await db.Comparisons.Where(c => c.StudyId == studyId && c.LastJudgmentId < long.MaxValue).OrderByDescending(c => c.LastJudgmentId).Skip(rows).Select(c => c.LastJudgmentId!.Value).FirstAsync(Cancel);
        return new(last, false);
    }
}

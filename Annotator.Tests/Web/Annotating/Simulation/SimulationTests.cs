using Annotator.Tests.Benchmarks;
using Annotator.Tests.Fixtures;
using Annotator.Web.Annotating;
using Annotator.Web.Data;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Tests.Web.Annotating.Simulation;

/// <summary>
/// Many annotators judge a whole stock, with reloads, lost connections and restarts of the server: each judgment that was
/// confirmed is stored once, and each comparison has as many as it wants. The large one takes some minutes; in the repository root:
/// <code>ANNOTATOR_BENCHMARKS=1 dotnet run --project Annotator.Tests -- -class "*SimulationTests" -showLiveOutput</code>
/// </summary>
public sealed class SimulationTests(Fixtures.Browser browser)
{
    private const int Overlap = 4;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public Task A_dozen_annotators_judge_a_stock_while_the_server_restarts_twice() => RunAsync(annotators: 12, inBrowsers: 0, comparisons: 90, restarts: 2, widest: 6);

    [Benchmark]
    public Task Two_hundred_annotators_ten_of_them_in_browsers_give_twenty_thousand_judgments() =>
        RunAsync(annotators: 190, inBrowsers: 10, comparisons: 5_000, restarts: 6, widest: 3.2905);

    /// <param name="widest">How far the share of left sides may be from one half, in standard deviations.</param>
    private async Task RunAsync(int annotators, int inBrowsers, int comparisons, int restarts, double widest)
    {
        await using var app = await WebApp.StartAsync();
        var people = new List<TestPerson>();
        for (var i = 0; i < annotators + inBrowsers; i++)
        {
            people.Add(await app.CreateAnnotatorAsync($"annotator{i}"));
        }

        var studyId = await StockAsync(app, comparisons);
        using var server = new UnreliableServer(app);
        var atDesk = people.Take(annotators).Select((person, i) => new SimulatedAnnotator(server, new Seat(person.Current, studyId), i)).ToList();
        var inBrowser = people.Skip(annotators).Select((person, i) => new SimulatedBrowser(server, browser, person, i)).ToList();

        Task[] work = [.. atDesk.Select(annotator => Task.Run(annotator.WorkAsync, Cancel)), .. inBrowser.Select(page => page.WorkAsync())];
        var running = server.RunUntilDoneAsync(Overlap, restarts);
        // Whoever fails ends it: the others would wait for what is left to them.
        await foreach (var ended in Task.WhenEach(work.Append(running)))
        {
            await ended;
        }

        await using var db = app.OpenDb();
        var rows = await db.Judgments.AsNoTracking().ToListAsync(Cancel);
        var standing = rows.Where(j => !j.IsSuperseded && j.Verdict != Verdict.Withdrawn).ToList();

        var confirmed = atDesk.SelectMany(annotator => annotator.Confirmed).ToList();
        var byRequest = rows.ToDictionary(j => j.RequestId);
        foreach (var one in confirmed)
        {
            var stored = byRequest[one.RequestId];
            (stored.ComparisonId, stored.AnnotatorId, stored.IsSuperseded).ShouldBe((one.ComparisonId, one.AnnotatorId, false));
            (stored.Ranking is null ? null : string.Join('>', stored.Ranking.Select(tier => string.Join('=', tier))))
                .ShouldBe(one.Ranking is null ? null : string.Join('>', one.Ranking.Select(tier => string.Join('=', tier))));
        }

        standing.Count.ShouldBe(comparisons * Overlap);
        standing.GroupBy(j => j.ComparisonId).ShouldAllBe(of => of.Count() == Overlap);
        standing.Select(j => (j.ComparisonId, j.AnnotatorId)).ShouldBeUnique();
        (await db.Comparisons.AllAsync(c => c.JudgmentCount == Overlap && c.OpenPlaces == 0, Cancel)).ShouldBeTrue();
        (await db.Leases.AnyAsync(Cancel)).ShouldBeFalse();

        // What was not confirmed and is there nevertheless had lost its confirmation on the way.
        var atDeskIds = people.Take(annotators).Select(person => person.Current.Id).ToHashSet();
        var unconfirmed = standing.Count(j => atDeskIds.Contains(j.AnnotatorId)) - confirmed.Count;
        unconfirmed.ShouldBeInRange(0, atDesk.Sum(annotator => annotator.Abandoned));
        foreach (var (page, person) in inBrowser.Zip(people.Skip(annotators)))
        {
            page.Told.ShouldBe(standing.Count(j => j.AnnotatorId == person.Current.Id));
            page.Told.ShouldBeLessThanOrEqualTo(page.Presses);
        }

        var left = standing.Count(j => j.SidesShown[0] == 0);
        var deviation = Math.Sqrt(standing.Count) / 2;
        Math.Abs(left - (standing.Count / 2.0)).ShouldBeLessThanOrEqualTo(widest * deviation);

        Console.WriteLine($"{people.Count} annotators, {inBrowsers} of them in browsers: {standing.Count:N0} judgments stand, {rows.Count - standing.Count:N0} were taken back or superseded.");
        Console.WriteLine($"  {confirmed.Count:N0} confirmed at the operations, each stored once; {atDesk.Sum(a => a.Lost):N0} answers lost on the way, {unconfirmed:N0} judgments stored without a word; {server.Restarts} restarts, {atDesk.Sum(a => a.Reloads) + inBrowser.Sum(p => p.Reloads):N0} reloads, {inBrowser.Sum(p => p.Cuts):N0} cuts in browsers.");
        Console.WriteLine($"  The first response stood left in {left:N0} of {standing.Count:N0} ({100.0 * left / standing.Count:F2} %; within ±{100 * widest * deviation / standing.Count:F2} of 50 %).");
    }

    private static async Task<long> StockAsync(WebApp app, int comparisons)
    {
        await using var db = app.OpenDb();
        var study = db.StarterStudy();
        study.Task = study.Task with { Overlap = Overlap };
        await db.SaveChangesAsync(Cancel);
        LargeStudy.AddOpenComparisons(db, study.Id, comparisons);
        return study.Id;
    }
}

using System.Diagnostics;
using Annotator.Tests.Web.Annotating;
using Annotator.Web.Annotating;
using Annotator.Web.Data;

namespace Annotator.Tests.Benchmarks;

/// <summary>
/// The choice of the next comparison with 1,000 and with 1,000,000 comparisons in the database, by the desk's own operation
/// on real SQLite; two minutes, most of it for making the rows. In the repository root:
/// <code>ANNOTATOR_BENCHMARKS=1 dotnet run --project Annotator.Tests -- -class "*QueueBenchmark" -showLiveOutput</code>
/// </summary>
public sealed class QueueBenchmark
{
    private const int Overlap = 3;
    private const int Times = 400;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Benchmark]
    public async Task The_next_comparison_is_found_as_fast_among_a_million_as_among_a_thousand()
    {
        await MeasureAsync(comparisons: 1_000, judged: 500); // Until everything is compiled.
        var small = await MeasureAsync(comparisons: 1_000, judged: 500);
        var large = await MeasureAsync(comparisons: 1_000_000, judged: 50_000);

        Console.WriteLine("The next comparison (desk operation, leased and committed), p50:");
        foreach (var (of, few) in small)
        {
            var many = large[of];
            Console.WriteLine($"  {of,-52} 1,000: {few}   1,000,000: {many}   ratio {many.P50 / few.P50:F2}");
        }

        foreach (var (of, few) in small)
        {
            (large[of].P50 / few.P50).ShouldBeLessThanOrEqualTo(2, of);
        }
    }

    private static async Task<Dictionary<string, Figures>> MeasureAsync(int comparisons, int judged)
    {
        using var database = new DeskDatabase();
        database.Ask(task => task with { Overlap = Overlap });
        var (fresh, old) = (database.AddAnnotator("fresh"), database.AddAnnotator("old"));
        var making = Stopwatch.StartNew();
        using (var db = database.CreateDbContext())
        {
            LargeStudy.AddOpenComparisons(db, database.StudyId, comparisons);
            LargeStudy.Judge(db, database.StudyId, [old.Person.Id], judged);
        }

        Console.WriteLine($"{comparisons:N0} comparisons made in {making.Elapsed.TotalSeconds:F0} s");
        return new()
        {
            ["Someone new"] = await MeasureAsync(database, fresh),
            ["Someone who judged the first ones, all still open"] = await MeasureAsync(database, old),
        };
    }

    /// <summary>Takes the next one and gives it back, again and again; what is timed is the taking, the wait for the disk in it.</summary>
    private static async Task<Figures> MeasureAsync(DeskDatabase database, Seat seat)
    {
        var times = new List<double>();
        for (var i = 0; i < Times; i++)
        {
            var start = Stopwatch.GetTimestamp();
            var next = await database.Desk.NextAsync(seat, [], Cancel);
            times.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
            await database.Desk.ReleaseAsync(seat, [next!.Id], database.Clock.Now, Cancel);
        }

        return new(times[0], times.Skip(Times / 4).Order().ElementAt(Times * 3 / 8));
    }

    /// <summary>In milliseconds. The very first time there is more to do: what someone has judged before is walked once.</summary>
    private sealed record Figures(double First, double P50)
    {
        public override string ToString() => $"{P50:F2} ms (the first time {First:F0} ms)";
    }
}

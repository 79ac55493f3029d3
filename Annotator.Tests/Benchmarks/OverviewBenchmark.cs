using System.Diagnostics;
using Annotator.Tests.Fixtures;
using Annotator.Web.Overview;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace Annotator.Tests.Benchmarks;

/// <summary>
/// The overview with 1,000,000 judgments in one study, the last two weeks full of them, by the page's own reader on real
/// SQLite; three minutes, most of it for making the rows. In the repository root:
/// <code>ANNOTATOR_BENCHMARKS=1 dotnet run --project Annotator.Tests -- -class "*OverviewBenchmark" -showLiveOutput</code>
/// </summary>
public sealed class OverviewBenchmark
{
    private const int Judgments = 1_000_000;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Benchmark]
    public async Task The_overview_answers_at_once_with_a_million_judgments()
    {
        await using var app = await WebApp.StartAsync();
        var admin = (await app.CreateAdminAsync()).Current;
        await using var db = app.OpenDb();
        db.Database.SetCommandTimeout(600);
        var study = db.AddStudy();
        LargeStudy.AddOpenComparisons(db, study.Id, Judgments);
        LargeStudy.Judge(db, study.Id, [admin.Id], Judgments);
        // Evenly over two weeks that end now; as many as a day's today.
        await db.Database.ExecuteSqlRawAsync("UPDATE Judgments SET CreatedAt = strftime('%Y-%m-%d %H:%M:%f', 'now', '-' || (Id % 1209600) || ' seconds')", Cancel);
        await db.Studies.Where(s => s.Id == study.Id).ExecuteUpdateAsync(set => set.SetProperty(s => s.JudgmentCount, Judgments), Cancel);
        var reader = app.Services.GetRequiredService<OverviewReader>();
        await reader.ReadAsync(admin, db.Studies.First().Id, cancellation: Cancel); // Until everything is compiled.

        var first = await TimeAsync();
        var again = Enumerable.Range(0, 20).Select(_ => TimeAsync().GetAwaiter().GetResult()).Order().ToList();
        Console.WriteLine($"The overview at {Judgments:N0} judgments: {first:F0} ms the first time since the start, then p50 {again[10]:F1} ms, slowest {again[^1]:F1} ms");
        first.ShouldBeLessThan(300);
        again[^1].ShouldBeLessThan(300);

        async Task<double> TimeAsync()
        {
            var watch = Stopwatch.StartNew();
            var overview = await reader.ReadAsync(admin, study.Id, cancellation: Cancel);
            overview!.Judging.Days.Sum(day => day.Judgments).ShouldBeGreaterThan(900_000);
            return watch.Elapsed.TotalMilliseconds;
        }
    }
}

using System.Diagnostics;
using System.Globalization;
using Annotator.Tests.Fixtures;
using Annotator.Web.Data;
using Annotator.Web.Demo;
using Annotator.Web.Evaluations;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace Annotator.Tests.Benchmarks;

/// <summary>
/// What a visitor of <c>--demo</c> sees, and when, at the pace that it has by default; up to five minutes:
/// <code>ANNOTATOR_BENCHMARKS=1 dotnet run --project Annotator.Tests -- -class "*DemoBenchmark" -showLiveOutput</code>
/// </summary>
[Collection(TimedCollection.Name)]
public sealed class DemoBenchmark
{
    private const double FiveMinutes = 300;
    private readonly Stopwatch watch = Stopwatch.StartNew();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Benchmark]
    public async Task Within_five_minutes_a_visitor_of_the_demo_sees_judgments_a_round_and_a_win_rate()
    {
        await using var app = await WebApp.StartAsync("--Engine:Enabled=true", "--demo");
        var admin = (await app.CreateAdminAsync()).Current;
        var demo = app.Services.GetRequiredService<DemoOperations>();
        var evaluations = app.Services.GetRequiredService<EvaluationReader>();
        var study = demo.State.StudyId.ShouldNotBeNull();

        await SeenAsync("the first judgment", () => Task.FromResult(demo.State.Judged > 0));
        await SeenAsync("the first round done", async () =>
        {
            await using var db = app.OpenDb();
            return await db.Rounds.AnyAsync(r => r.StudyId == study && r.State == RoundState.Succeeded, Cancel);
        });
        await SeenAsync("the first win rate with its interval", async () => (await evaluations.ReadAsync(admin, study, Cancel))?.Pairs.Any(pair => pair.IsEnough) == true);
    }

    private async Task SeenAsync(string what, Func<Task<bool>> condition)
    {
        await Until.TrueAsync(condition, FiveMinutes - watch.Elapsed.TotalSeconds, what);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{what}: {watch.Elapsed.TotalSeconds:F0} s after the start"));
    }
}

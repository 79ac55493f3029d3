using System.Collections.Concurrent;
using System.Diagnostics;
using Annotator.Model.Preferences;
using Annotator.Tests.Fixtures;
using Annotator.Web.Annotating;
using Annotator.Web.Data;
using Annotator.Web.Engine;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Playwright;

namespace Annotator.Tests.Benchmarks;

/// <summary>
/// From the key to the judgment committed and the next comparison ready, with fifty annotators at the desk's operations and
/// one in a real browser, against 100,000 comparisons, a minute and a half a case. In the repository root:
/// <code>ANNOTATOR_BENCHMARKS=1 dotnet run --project Annotator.Tests -- -class "*DeskBenchmark" -showLiveOutput</code>
/// The round trains the embedded policy.
/// </summary>
public sealed class DeskBenchmark(Fixtures.Browser browser)
{
    private const int Annotators = 50;
    private const int Comparisons = 100_000;
    private const int JudgmentsEach = 40;
    private const int JudgmentsInBrowser = 30;
    private const int EarlierJudgmentsEach = 200;

    /// <summary>The page highlights an answer for 300 ms, so nobody presses faster than that.</summary>
    private const int ShortestThoughtMs = 300;
    private const int LongestThoughtMs = 1500;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Benchmark]
    public Task A_key_is_answered_before_anybody_notices() => MeasureAsync(whileARoundRuns: false, p50Limit: 30, p99Limit: 120);

    [Benchmark]
    public Task A_key_is_answered_in_time_while_a_round_runs() => MeasureAsync(whileARoundRuns: true, p50Limit: 250, p99Limit: 250);

    private async Task MeasureAsync(bool whileARoundRuns, double p50Limit, double p99Limit)
    {
        await using var app = await WebApp.StartAsync();
        var seats = await SeedAsync(app);
        await using var round = whileARoundRuns ? await StartRoundAsync(app) : null;
        var burst = await AtTheSameInstantAsync(app, seats);

        var inBrowser = new Latencies();
        var atDesk = new Latencies();
        // All have sat down before the first one judges: nobody opens fifty pages in one instant, and a browser that starts
        // keeps both cores busy.
        await using var page = await OpenInBrowserAsync(app);
        var sessions = await Task.WhenAll(seats.Select(seat => OpenAsync(app, seat)));
        await Task.WhenAll([InBrowserAsync(page, inBrowser), .. sessions.Select((session, seed) => AtDeskAsync(session, seed, atDesk))]);
        if (round?.Exited.IsCompleted == true)
        {
            Assert.Fail("The round ended before the measurement did: it says nothing.");
        }

        Console.WriteLine(whileARoundRuns ? "While a round runs, key → committed and next ready:" : "Key → committed and next ready:");
        Console.WriteLine($"  {Annotators} annotators, 0.3–1.5 s a judgment   {atDesk}");
        Console.WriteLine($"  {Annotators} annotators at the same instant     {burst}");
        Console.WriteLine($"  one more, in a browser                {inBrowser}   (to the pixels' DOM and back, without the highlight)");
        atDesk.Percentile(50).ShouldBeLessThanOrEqualTo(p50Limit);
        atDesk.Percentile(99).ShouldBeLessThanOrEqualTo(p99Limit);
    }

    private static async Task<IReadOnlyList<Seat>> SeedAsync(WebApp app)
    {
        var people = new List<TestPerson>();
        foreach (var i in Enumerable.Range(0, Annotators))
        {
            people.Add(await app.CreateAnnotatorAsync($"annotator{i}"));
        }

        await using var db = app.OpenDb();
        var study = db.StarterStudy();
        LargeStudy.AddOpenComparisons(db, study.Id, Comparisons);
        // A study that has gone on for a while: counting must not get slow.
        LargeStudy.Judge(db, study.Id, [.. people.Select(person => person.Current.Id)], EarlierJudgmentsEach);
        return [.. people.Select(person => new Seat(person.Current, study.Id))];
    }

    /// <summary>One annotator, thinking between judgments; the session does what the page has it do, less the highlight.</summary>
    private static async Task AtDeskAsync(DeskSession session, int seed, Latencies latencies)
    {
        var random = new Random(seed);
        for (var i = 0; i < JudgmentsEach; i++)
        {
            await Task.Delay(random.Next(ShortestThoughtMs, LongestThoughtMs), Cancel);
            latencies.Add(await AnswerAsync(session));
        }

        await session.DisposeAsync();
    }

    /// <summary>All press at once, ten times: the longest queue there can be.</summary>
    private static async Task<Latencies> AtTheSameInstantAsync(WebApp app, IReadOnlyList<Seat> seats)
    {
        var latencies = new Latencies();
        var sessions = await Task.WhenAll(seats.Select(seat => OpenAsync(app, seat)));
        for (var i = 0; i < 10; i++)
        {
            await Task.Delay(ShortestThoughtMs, Cancel);
            foreach (var milliseconds in await Task.WhenAll(sessions.Select(session => Task.Run(() => AnswerAsync(session), Cancel))))
            {
                latencies.Add(milliseconds);
            }
        }

        foreach (var session in sessions)
        {
            await session.DisposeAsync();
        }

        return latencies;
    }

    private static async Task<DeskSession> OpenAsync(WebApp app, Seat seat)
    {
        var desk = app.Services.GetRequiredService<Desk>();
        var session = new DeskSession(desk, seat, (await desk.StudyAsync(seat.Person, seat.StudyId, Cancel))!, TimeProvider.System, TimeSpan.Zero, NullLogger<DeskSession>.Instance, EnglishWords.All);
        await session.OpenAsync();
        return session;
    }

    private static async Task<double> AnswerAsync(DeskSession session)
    {
        var pressed = Stopwatch.GetTimestamp();
        var ready = new TaskCompletionSource<double>(TaskCreationOptions.RunContinuationsAsynchronously);
        var before = session.Current!.Id;
        void Look()
        {
            if (session is { Phase: DeskPhase.Reading, Current.Id: var now } && now != before)
            {
                ready.TrySetResult(Stopwatch.GetElapsedTime(pressed).TotalMilliseconds);
            }
        }

        session.Changed += Look;
        await session.AnswerAsync(before, Answer.Left);
        session.Changed -= Look;
        session.Problem.ShouldBeNull();
        return await ready.Task.WaitAsync(TimeSpan.FromSeconds(30), Cancel);
    }

    private async Task<TestPage> OpenInBrowserAsync(WebApp app)
    {
        var page = await browser.OpenAsync(app, await app.CreateAnnotatorAsync("in-a-browser"));
        await page.GoAsync("/");
        await Assertions.Expect(page.Page.Locator("[data-desk-ready=true]")).ToBeAttachedAsync();
        return page;
    }

    private static async Task InBrowserAsync(TestPage page, Latencies latencies)
    {
        const double highlightMs = 300;
        for (var i = 0; i < JudgmentsInBrowser; i++)
        {
            await Task.Delay(ShortestThoughtMs, Cancel);
            var milliseconds = await page.Page.EvaluateAsync<double>("""
                () => new Promise(done => {
                  const desk = document.querySelector('.desk'), start = performance.now();
                  new MutationObserver((_, observer) => { observer.disconnect(); done(performance.now() - start); })
                    .observe(desk, { attributeFilter: ['data-comparison'] });
                  document.dispatchEvent(new KeyboardEvent('keydown', { code: 'ArrowRight', key: 'ArrowRight', bubbles: true }));
                })
                """);
            latencies.Add(milliseconds - highlightMs);
        }
    }

    /// <summary>A round as the app starts it, longer than the measurement; it is ended with it.</summary>
    private static async Task<ModelChild> StartRoundAsync(WebApp app)
    {
        var policy = StarterData.SftPolicy;
        var files = new RoundDirectory(Directory.CreateDirectory(app.Data.Round("benchmark")).FullName);
        (RoundOptions.AppDefaults(policy, policy) with { MaxSteps = 100_000, LoggingSteps = 1 }).Write(files.Options);
        JsonLines.Write(files.Preferences, Enumerable.Range(0, 200).Select(i => new PreferenceLine
        {
            Id = $"{i}",
            Prompt = "This film was",
            Completions =
            [
                new() { Text = $" the best of the {i} films that I have seen this year, and I would gladly see it again tomorrow." },
                new() { Text = $" not good. I counted {i} mistakes in the first half hour and then I stopped counting and went home." },
            ],
            Ranking = Ranking.Prefer(0, 1),
            Split = PreferenceSplit.Train,
        }));
        var child = app.Services.GetRequiredService<ModelExecutable>().Start(ChildPriority.Trainer, ["dpo", "--round", files.Root, "--json", "--exit-when-stdin-closes"]);
        _ = DrainAsync(child);
        await Until.TrueAsync(() => File.Exists(files.Metrics) && new FileInfo(files.Metrics).Length > 0 || child.Exited.IsCompleted, seconds: 120);
        if (child.Exited.IsCompleted)
        {
            Assert.Fail($"The round did not start: {(await child.Exited).LastWords}");
        }

        return child;
    }

    private static async Task DrainAsync(ModelChild child)
    {
        await foreach (var _ in child.OutputAsync(CancellationToken.None))
        {
            // A full pipe would stop the trainer.
        }
    }

    /// <summary>Milliseconds, collected from many threads.</summary>
    private sealed class Latencies
    {
        private readonly ConcurrentBag<double> all = [];

        public void Add(double milliseconds) => all.Add(milliseconds);

        public double Percentile(double percent)
        {
            var sorted = all.Order().ToArray();
            return sorted[Math.Max(0, (int)Math.Ceiling(percent / 100 * sorted.Length) - 1)];
        }

        public override string ToString() =>
            $"p50 {Percentile(50),6:F1} ms   p99 {Percentile(99),6:F1} ms   worst {Percentile(100),6:F1} ms   n = {all.Count}";
    }
}

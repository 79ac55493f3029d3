using Annotator.Model.Evaluation;
using Annotator.Web.Annotating;
using Annotator.Web.Data;
using Annotator.Web.Live;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Web.Demo;

/// <summary>What the demo is at.</summary>
/// <param name="StudyId">The demo study; null while there never was one in this run of the app.</param>
/// <param name="Judged">Judgments of this start.</param>
/// <param name="Limit">After so many it ends.</param>
public sealed record DemoState(bool IsRunning, long? StudyId, int Judged, int Limit);

/// <summary>The demo began, went on or ended.</summary>
public sealed record DemoChanged(long StudyId, DemoState State) : LiveEvent(StudyId);

/// <summary>
/// Simulated annotators at work: each takes the next comparison by the desk's operations as a person does, takes its time,
/// and judges. One demo at a time; it ends after <see cref="DemoOptions.Judgments"/>, and with the app.
/// </summary>
public sealed class DemoAnnotators(
    IDbContextFactory<AnnotatorDbContext> contexts, DemoStudy demo, DemoOptions options, Desk desk, LiveFeed feed, TimeProvider clock, ILogger<DemoAnnotators> logger)
    : IHostedService, IDisposable
{
    private static readonly TimeSpan WhenNothingIsThere = TimeSpan.FromSeconds(1);
    private readonly SemaphoreSlim turn = new(1);
    private readonly Lock counting = new();
    private CancellationTokenSource? stop;
    private Task working = Task.CompletedTask;
    private int judged;

    public DemoState State { get; private set; } = new(IsRunning: false, StudyId: null, 0, options.Judgments);

    /// <summary>Sets them to work, if they are not at it already.</summary>
    /// <returns>The demo study's id.</returns>
    internal async Task<long> BeginAsync(CancellationToken cancellation)
    {
        await turn.WaitAsync(cancellation);
        try
        {
            var studyId = await demo.EnsureAsync(cancellation);
            if (State.IsRunning)
            {
                return studyId;
            }

            var annotators = await demo.AnnotatorsAsync(options.Annotators, cancellation);
            var scorer = SentimentScorer.Read(StarterData.Scorer);
            stop?.Dispose();
            stop = new();
            judged = 0;
            Tell(new(IsRunning: true, studyId, 0, options.Judgments));
            working = Task.Run(() => WorkAsync(studyId, annotators, scorer, stop), CancellationToken.None);
            return studyId;
        }
        finally
        {
            turn.Release();
        }
    }

    /// <summary>Ends them; returns once they have.</summary>
    internal async Task EndAsync()
    {
        await turn.WaitAsync();
        try
        {
            await (stop?.CancelAsync() ?? Task.CompletedTask);
            await working;
        }
        finally
        {
            turn.Release();
        }
    }

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => EndAsync();

    public void Dispose()
    {
        stop?.Dispose();
        turn.Dispose();
    }

    private async Task WorkAsync(long studyId, IReadOnlyList<CurrentPerson> annotators, SentimentScorer scorer, CancellationTokenSource ending)
    {
        try
        {
            await Task.WhenAll(annotators.Select((annotator, place) => WorkAsync(
                new Seat(annotator, studyId) { BeyondTarget = true }, new SimulatedJudge(scorer, options.Noise, new Random(place)), ending)));
        }
        finally
        {
            Tell(State with { IsRunning = false });
        }
    }

    private async Task WorkAsync(Seat seat, SimulatedJudge judge, CancellationTokenSource ending)
    {
        var cancel = ending.Token;
        while (!cancel.IsCancellationRequested)
        {
            try
            {
                if (await desk.NextAsync(seat, [], cancel) is not { } shown)
                {
                    await Task.Delay(WhenNothingIsThere, clock, cancel);
                    continue;
                }

                var seconds = judge.Pace(options.SecondsPerJudgment);
                await Task.Delay(TimeSpan.FromSeconds(seconds), clock, cancel);
                var result = await desk.JudgeAsync(seat, judge.Answer(shown, seconds, await GuidelinesVersionAsync(seat.StudyId, cancel)), cancel);
                if (result.Outcome == JudgeOutcome.Judged && Count() >= options.Judgments)
                {
                    await ending.CancelAsync();
                }
            }
            catch (OperationCanceledException) when (cancel.IsCancellationRequested)
            {
                return;
            }
#pragma warning disable CA1031 // A comparison that is gone, a database that is busy: a person would try again as well.
            catch (Exception failure)
#pragma warning restore CA1031
            {
                logger.LogWarning(failure, "A simulated annotator could not judge and tries again");
                await Task.Delay(WhenNothingIsThere, clock, cancel).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    private async Task<int> GuidelinesVersionAsync(long studyId, CancellationToken cancel)
    {
        await using var db = await contexts.CreateDbContextAsync(cancel);
        return await db.Studies.Where(s => s.Id == studyId).Select(s => s.GuidelinesVersion).SingleAsync(cancel);
    }

    /// <summary>One more judgment. Two who judge at once are told one after the other, so that the number never falls.</summary>
    private int Count()
    {
        lock (counting)
        {
            judged++;
            Tell(State with { Judged = Math.Min(judged, options.Judgments) });
            return judged;
        }
    }

    private void Tell(DemoState state)
    {
        State = state;
        feed.Publish(new DemoChanged(state.StudyId ?? LiveEvent.EveryStudy, state));
    }
}

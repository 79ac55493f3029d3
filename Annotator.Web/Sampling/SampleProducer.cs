using System.Collections.Concurrent;
using System.Data.Common;
using System.Threading.Channels;
using Annotator.Web.Engine;
using Annotator.Web.Live;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Web.Sampling;

/// <summary>
/// Keeps each study's stock of comparisons full from its newest policy. It looks when something happened and every
/// few seconds; nothing is held open while responses are sampled but the requests themselves.
/// </summary>
public sealed class SampleProducer(
    StudyStock stock, EvaluationStock evaluation, ComparisonSampler comparisons, ModelProcess sampler, LiveFeed feed, TimeProvider clock, ILogger<SampleProducer> logger)
    : BackgroundService
{
    /// <summary>Comparisons sampled at once. The first of a new policy are few, so that they are there soon.</summary>
    private const int FirstBatch = 4;
    private const int Batch = 8;

    private static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan CollectEventsFor = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan LongestDelay = TimeSpan.FromSeconds(30);

    private readonly ConcurrentDictionary<long, ProducerState> states = new();
    private readonly ConcurrentDictionary<long, string?> evaluationFaults = new();
    private readonly Channel<bool> wake = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });

    /// <summary>Prompts that nothing came of, with the policy that failed on them: they wait behind the others.</summary>
    private readonly Dictionary<long, long> fruitless = [];
    private IDisposable? subscription;
    private volatile BatchInFlight? inFlight;

    /// <summary>Looks in a row that brought nothing although something was wanted.</summary>
    private volatile int troubles;

    /// <summary>Why no comparison between two policies comes of sampling, in a sentence for people; null if nothing is amiss.</summary>
    public string? EvaluationFaultOf(long studyId) => evaluationFaults.GetValueOrDefault(studyId);

    /// <summary>What the producer is at in a study; each change is told as <see cref="ProducerStateChanged"/>.</summary>
    public ProducerState StateOf(long studyId) => states.GetValueOrDefault(studyId) ?? new(ProducerPhase.Unknown, 0, 0);

    public override Task StartAsync(CancellationToken cancellationToken)
    {
        subscription = feed.Subscribe(OnEvent);
        return base.StartAsync(cancellationToken);
    }

    public override void Dispose()
    {
        subscription?.Dispose();
        base.Dispose();
    }

    private void OnEvent(LiveEvent what)
    {
        switch (what)
        {
            case PolicyPublished:
                inFlight?.Abandon(what.StudyId); // It would come too late: the new policy's responses are wanted.
                wake.Writer.TryWrite(true);
                break;
            case ModelStateChanged { State.Phase: ModelPhase.Ready } or PolicyAwaitsGate or PromptsChanged:
            case JudgmentCounted when troubles == 0:
                wake.Writer.TryWrite(true);
                break;
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            var steps = await LookAtAllAsync(stoppingToken);
            if (steps.Contains(Step.More))
            {
                troubles = 0;
                continue;
            }

            troubles = steps.Contains(Step.Trouble) ? troubles + 1 : 0;
            await WaitAsync(troubles > 0 ? RetryDelay(troubles) : LookEvery, stoppingToken);
        }
    }

    /// <summary>1, 2, 4, … seconds, at most half a minute.</summary>
    private static TimeSpan RetryDelay(int troubles) =>
        TimeSpan.FromSeconds(Math.Min(LongestDelay.TotalSeconds, Math.Pow(2, troubles - 1)));

    private enum Step
    {
        /// <summary>The stock is full, or can't be filled by asking.</summary>
        Done,

        /// <summary>Something came, and more may be wanted.</summary>
        More,

        /// <summary>Something is wanted and nothing came.</summary>
        Trouble,
    }

    private async Task<IReadOnlyList<Step>> LookAtAllAsync(CancellationToken stopping)
    {
        var steps = new List<Step>();
        long studyId = LiveEvent.EveryStudy;
        try
        {
            foreach (var next in await stock.StudiesAsync(stopping))
            {
                studyId = next;
                var step = await LookAsync(studyId, stopping);
                steps.Add(step);
                // What trains comes first, as long as there is something of both.
                steps.Add(await LookAtEvaluationAsync(studyId, onlyIfEmpty: step != Step.Done, stopping));
            }
        }
        catch (Exception e) when (e is DbException or DbUpdateException or InvalidOperationException)
        {
            // A study that was just removed, a disk that is full: the stock must not end with it, nor the app.
            logger.LogError(e, "The stock of study {Study} can't be kept", studyId);
            Tell(studyId, StateOf(studyId) with { Phase = ProducerPhase.Failing, Reason = $"The database can't be used: {e.Message}" });
            steps.Add(Step.Trouble);
        }

        return steps;
    }

    /// <summary>Fills a study's stock by one batch.</summary>
    private async Task<Step> LookAsync(long studyId, CancellationToken stopping)
    {
        if (await stock.FullAsync(studyId, stopping) is { } full)
        {
            Tell(studyId, full);
            return Step.Done;
        }

        if (await stock.ReadAsync(studyId, stopping) is not { } view)
        {
            Tell(studyId, new(ProducerPhase.NothingToSample, 0, 0, "The study has no policy yet."));
            return Step.Done;
        }

        await stock.RetireOthersAsync(view, stopping);
        var (ready, target) = (view.Facts.Stock.Count, view.Facts.Target);
        if (view.Facts.Prompts.Count == 0)
        {
            Tell(studyId, new(ProducerPhase.NothingToSample, ready, target, "The study has no prompts to sample responses for."));
            return Step.Done;
        }

        var wanted = StockPlan.Next(view.Facts).OrderBy(prompt => fruitless.GetValueOrDefault(prompt) == view.Policy.Id).ToList(); // a stable sort
        if (wanted.Count == 0)
        {
            Tell(studyId, new(ProducerPhase.Stocked, ready, target));
            return Step.Done;
        }

        if (sampler.State is { Phase: not ModelPhase.Ready } state)
        {
            Tell(studyId, new(ProducerPhase.WaitingForSampler, ready, target, state.Reason ?? "The sampler is starting."));
            return Step.Trouble;
        }

        Tell(studyId, new(ProducerPhase.Sampling, ready, target));
        return await FillAsync(view, [.. wanted.Take(view.Facts.Uses.Count == 0 ? FirstBatch : Batch)], stopping);
    }

    private async Task<Step> FillAsync(StockView view, IReadOnlyList<long> promptIds, CancellationToken stopping)
    {
        var prompts = await stock.PromptsAsync(promptIds, stopping);
        await using var batch = new BatchInFlight(view.StudyId, stopping);
        inFlight = batch;
        var attempts = promptIds.Where(prompts.ContainsKey).Select(id => comparisons.SampleAsync(view.Recipe, id, prompts[id], batch.Token)).ToList();
        var outcomes = await Task.WhenAll(attempts);
        inFlight = null;
        stopping.ThrowIfCancellationRequested();
        if (batch.IsAbandoned)
        {
            return Step.More;
        }

        foreach (var (promptId, outcome) in promptIds.Where(prompts.ContainsKey).Zip(outcomes))
        {
            fruitless[promptId] = outcome.Fault is null ? 0 : view.Policy.Id;
        }

        SampledComparison[] sampled = [.. outcomes.Select(outcome => outcome.Sampled).OfType<SampledComparison>()];
        return sampled.Length > 0 ? await StoreAsync(view, sampled, stopping) : Explain(view, outcomes);
    }

    /// <summary>Fills the stock of comparisons between two policies by one batch.</summary>
    private async Task<Step> LookAtEvaluationAsync(long studyId, bool onlyIfEmpty, CancellationToken stopping)
    {
        if (await evaluation.ReadAsync(studyId, stopping) is not { } view || (onlyIfEmpty && view.Facts.Stock.Count > 0)
            || sampler.State.Phase != ModelPhase.Ready || StockPlan.Next(view.Facts) is not { Count: > 0 } wanted)
        {
            return Step.Done;
        }

        List<long> promptIds = [.. wanted.Take(FirstBatch)];
        var prompts = await stock.PromptsAsync(promptIds, stopping);
        await using var batch = new BatchInFlight(studyId, stopping);
        inFlight = batch;
        var outcomes = await Task.WhenAll(promptIds.Where(prompts.ContainsKey).Select(id => comparisons.SampleAsync(view.Recipe, id, prompts[id], batch.Token)));
        inFlight = null;
        stopping.ThrowIfCancellationRequested();
        SampledComparison[] sampled = [.. outcomes.Select(outcome => outcome.Sampled).OfType<SampledComparison>()];
        evaluationFaults[studyId] = batch.IsAbandoned || sampled.Length > 0 ? null : outcomes.FirstOrDefault()?.Fault;
        if (sampled.Length == 0)
        {
            return batch.IsAbandoned ? Step.More : Step.Trouble;
        }

        await evaluation.AddAsync(view, sampled, stopping);
        return Step.More;
    }

    private async Task<Step> StoreAsync(StockView view, SampledComparison[] sampled, CancellationToken stopping)
    {
        var added = await stock.AddAsync(view, sampled, stopping);
        if (added.Count > 0)
        {
            if (view.Facts.Uses.Count == 0)
            {
                logger.LogInformation("The first {Count} comparisons of policy {Number} are ready", added.Count, view.Policy.Number);
            }

            Tell(view.StudyId, new(ProducerPhase.Sampling, view.Facts.Stock.Count + added.Count, view.Facts.Target));
            feed.Publish(new FreshResponsesReady(view.StudyId, view.Policy.Number, added));
        }

        return Step.More;
    }

    /// <summary>A whole batch brought nothing: says why.</summary>
    private Step Explain(StockView view, SamplingOutcome[] outcomes)
    {
        var telling = outcomes.OrderByDescending(outcome => outcome.IsUnavailable).FirstOrDefault();
        var fault = telling?.Fault ?? "The prompts that were to be sampled are gone.";
        var phase = telling is { IsUnavailable: true } ? ProducerPhase.WaitingForSampler : ProducerPhase.Failing;
        if (StateOf(view.StudyId).Reason != fault)
        {
            logger.LogWarning("No comparison came of {Count} prompts: {Fault}", outcomes.Length, fault);
        }

        Tell(view.StudyId, new(phase, view.Facts.Stock.Count, view.Facts.Target, fault));
        return Step.Trouble;
    }

    private void Tell(long studyId, ProducerState state)
    {
        if (states.TryGetValue(studyId, out var before) && before == state)
        {
            return;
        }

        states[studyId] = state;
        feed.Publish(new ProducerStateChanged(studyId, state));
    }

    /// <summary>Until something happens or the time is over. Events that come close together are answered together.</summary>
    private async Task WaitAsync(TimeSpan longest, CancellationToken stopping)
    {
        using var waiting = CancellationTokenSource.CreateLinkedTokenSource(stopping);
        var woken = wake.Reader.WaitToReadAsync(waiting.Token).AsTask();
        await Task.WhenAny(woken, Task.Delay(longest, clock, waiting.Token));
        var wasWoken = woken.IsCompletedSuccessfully;
        await waiting.CancelAsync();
        stopping.ThrowIfCancellationRequested();
        if (wasWoken)
        {
            await Task.Delay(CollectEventsFor, clock, stopping);
            wake.Reader.TryRead(out _);
        }
    }
}

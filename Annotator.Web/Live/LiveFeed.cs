using System.Collections.Concurrent;

namespace Annotator.Web.Live;

/// <summary>
/// What happened, told in process to pages and to the hub. The database is the truth; an event only says "look".
/// </summary>
/// <param name="StudyId">The study it is about, or <see cref="EveryStudy"/>.</param>
public abstract record LiveEvent(long StudyId)
{
    /// <summary>Stands for all studies where something is about the app itself, such as its sampler.</summary>
    public const long EveryStudy = 0;
}

/// <summary>A judgment was committed or withdrawn.</summary>
public sealed record JudgmentCounted(long StudyId, int Total) : LiveEvent(StudyId);

/// <summary>The queue or the state of a round changed, or it logged a step (then with its metrics, by name).</summary>
public sealed record RoundProgress(long StudyId, long RoundId, int Step, int Steps, IReadOnlyDictionary<string, double> Metrics) : LiveEvent(StudyId);

/// <summary>A round left the running state, or entered the queue or it.</summary>
public sealed record RoundChanged(long StudyId, long RoundId, string State) : LiveEvent(StudyId);

/// <summary>A new policy serves the study.</summary>
public sealed record PolicyPublished(long StudyId, long PolicyId, int Number) : LiveEvent(StudyId);

/// <summary>A round's result is in the study's line and serves once the gate opens for it.</summary>
public sealed record PolicyAwaitsGate(long StudyId, long PolicyId, int Number) : LiveEvent(StudyId);

/// <summary>Somebody's judgments in the study were left out of what is learnt from, or taken in again.</summary>
public sealed record LeftOutChanged(long StudyId) : LiveEvent(StudyId);

/// <summary>New comparisons of the newest policy are in stock.</summary>
public sealed record FreshResponsesReady(long StudyId, int PolicyNumber, IReadOnlyList<long> ComparisonIds) : LiveEvent(StudyId);

/// <summary>A study's prompts were added or changed.</summary>
public sealed record PromptsChanged(long StudyId) : LiveEvent(StudyId);

/// <summary>The in-process feed. Handlers run on the publisher's thread and must return at once (pages re-enter with InvokeAsync).</summary>
public sealed class LiveFeed(ILogger<LiveFeed> logger)
{
    private readonly ConcurrentDictionary<Guid, Action<LiveEvent>> handlers = new();

    /// <summary>
    /// Hears every event until the result is disposed, in the subscriber's execution context: what a page draws on an event
    /// is in the page's language, whoever published it.
    /// </summary>
    public IDisposable Subscribe(Action<LiveEvent> handler)
    {
        var id = Guid.NewGuid();
        var own = ExecutionContext.Capture();
        handlers[id] = own is null ? handler : what => ExecutionContext.Run(own, _ => handler(what), null);
        return new Subscription(() => handlers.TryRemove(id, out _));
    }

    /// <summary>Tells everybody; one handler's failure is logged and does not keep the event from the others.</summary>
    public void Publish(LiveEvent what)
    {
        foreach (var handler in handlers.Values)
        {
            try
            {
                handler(what);
            }
#pragma warning disable CA1031 // Any failure of one listener is that listener's own.
            catch (Exception e)
#pragma warning restore CA1031
            {
                logger.LogError(e, "A listener failed on {Event}", what);
            }
        }
    }

    private sealed class Subscription(Action end) : IDisposable
    {
        public void Dispose() => end();
    }
}

using System.Collections.Concurrent;

namespace Annotator.Web.Sampling;

/// <summary>Keeps each study's stock of comparisons full from its newest policy.</summary>
public sealed class SampleProducer : BackgroundService
{
    private readonly ConcurrentDictionary<long, ProducerState> states = new();

    /// <summary>What the producer is at in a study; each change is told as <see cref="ProducerStateChanged"/>.</summary>
    public ProducerState StateOf(long studyId) => states.GetValueOrDefault(studyId) ?? new(ProducerPhase.Unknown, 0, 0);

    protected override Task ExecuteAsync(CancellationToken stoppingToken) => Task.CompletedTask;
}

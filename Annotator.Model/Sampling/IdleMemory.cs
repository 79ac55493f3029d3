using Annotator.Model.Native;
using Microsoft.Extensions.Hosting;

namespace Annotator.Model.Sampling;

/// <summary>Gives memory back once nothing has been sampled for some seconds: a training beside may need it.</summary>
internal sealed class IdleMemory(ServingMetrics metrics) : BackgroundService
{
    private static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(5);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(LookEvery);
        var (before, givenBack) = (0L, 0L);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            var sampled = metrics.TokensSoFar;
            if (metrics.IsIdle && sampled == before && sampled != givenBack)
            {
                UnusedMemory.GiveBack();
                metrics.GaveMemoryBack();
                givenBack = sampled;
            }

            before = sampled;
        }
    }
}

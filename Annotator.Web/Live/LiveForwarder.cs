using System.Threading.Channels;
using Microsoft.AspNetCore.SignalR;

namespace Annotator.Web.Live;

/// <summary>Hands the events of the in-process feed on to the hub, in their order.</summary>
public sealed class LiveForwarder(LiveFeed feed, IHubContext<LiveHub, ILiveClient> hub) : BackgroundService
{
    private readonly Channel<LiveEvent> events = Channel.CreateUnbounded<LiveEvent>(new() { SingleReader = true });
    private IDisposable? subscription;

    public override Task StartAsync(CancellationToken cancellationToken)
    {
        subscription = feed.Subscribe(what => events.Writer.TryWrite(what));
        return base.StartAsync(cancellationToken);
    }

    public override void Dispose()
    {
        subscription?.Dispose();
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await foreach (var what in events.Reader.ReadAllAsync(stoppingToken))
        {
            await SendAsync(what);
        }
    }

    private Task SendAsync(LiveEvent what)
    {
        var admins = hub.Clients.Group(LiveHub.Group(what.StudyId, admins: true));
        var annotators = hub.Clients.Group(LiveHub.Group(what.StudyId, admins: false));
        return what switch
        {
            JudgmentCounted counted => Both(client => client.JudgmentCounted(counted)),
            RoundProgress progress => Task.WhenAll(
                admins.RoundProgress(progress),
                annotators.RoundProgress(progress with { Metrics = new Dictionary<string, double>() })),
            RoundChanged changed => Both(client => client.RoundChanged(changed)),
            PolicyPublished published => Both(client => client.PolicyPublished(published)),
            FreshResponsesReady fresh => Both(client => client.FreshResponsesReady(fresh)),
            _ => Task.CompletedTask, // What the app tells itself, such as the state of the sampler.
        };

        Task Both(Func<ILiveClient, Task> send) => Task.WhenAll(send(admins), send(annotators));
    }
}

using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Annotator.Web.Data;
using Annotator.Web.Live;

namespace Annotator.Web.Engine;

/// <summary>
/// Keeps the sampler alive: starts <c>Annotator.Model serve</c>, watches its health, and starts it again when it is gone,
/// at once the first time and then with growing delay. Where the configuration names another server, it watches that one.
/// </summary>
public sealed class ModelProcess(
    ModelExecutable executable, EngineOptions options, DataFolder folder, LiveFeed feed, IHttpClientFactory http, TimeProvider clock, ILogger<ModelProcess> logger)
    : BackgroundService
{
    /// <summary>The name of the HTTP client that asks for health: a short timeout, no logging of each request.</summary>
    internal const string HealthClient = "sampler health";

    private static readonly TimeSpan StartWithin = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan AskWhileStarting = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan AskWhileReady = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan LongestDelay = TimeSpan.FromSeconds(30);

    /// <summary>Answers missed in a row after which a sampler that still runs is taken for stuck.</summary>
    private const int MissedAnswers = 6;

    private readonly Lock changing = new();
    private TaskCompletionSource<Uri> ready = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>The sampler's state now; each change is told as <see cref="ModelStateChanged"/>.</summary>
    public ModelState State { get; private set; } = new(ModelPhase.Starting);

    /// <summary>The process id of the sampler that runs; null if none does or it is not ours.</summary>
    public int? ProcessId { get; private set; }

    /// <summary>Completes when the sampler takes requests, with its address.</summary>
    public Task<Uri> WaitUntilReadyAsync(CancellationToken cancellation)
    {
        lock (changing)
        {
            return ready.Task.WaitAsync(cancellation);
        }
    }

    protected override Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (options.CompletionsUrl is { } url)
        {
            return WatchOtherAsync(new Uri(url), stoppingToken);
        }

        if (options.Enabled)
        {
            return SuperviseAsync(stoppingToken);
        }

        Change(new ModelState(ModelPhase.Down, Reason: "No sampler is started because Engine:Enabled is false in the configuration."));
        return Task.CompletedTask;
    }

    private async Task SuperviseAsync(CancellationToken stopping)
    {
        Directory.CreateDirectory(folder.Policies);
        for (var failures = 0; !stopping.IsCancellationRequested;)
        {
            var (wasReady, reason) = await RunOnceAsync(stopping);
            if (stopping.IsCancellationRequested)
            {
                return;
            }

            failures = wasReady ? 0 : failures + 1;
            var delay = RestartDelay(failures);
            logger.LogWarning("{Reason} It is started again in {Delay}", reason, delay);
            Change(new ModelState(ModelPhase.Down, Reason: reason));
            await Task.Delay(delay, clock, stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>None after a sampler that had been ready, then 1, 2, 4, … seconds, at most half a minute.</summary>
    internal static TimeSpan RestartDelay(int failures) =>
        failures == 0 ? TimeSpan.Zero : TimeSpan.FromSeconds(Math.Min(LongestDelay.TotalSeconds, Math.Pow(2, failures - 1)));

    /// <summary>One life of the sampler, from its start to its end.</summary>
    /// <returns>Whether it ever took requests, and why it ended.</returns>
    private async Task<(bool WasReady, string Reason)> RunOnceAsync(CancellationToken stopping)
    {
        Change(new ModelState(ModelPhase.Starting));
        var url = $"http://127.0.0.1:{FreePort().ToString(CultureInfo.InvariantCulture)}";
        try
        {
            await using var child = executable.Start(
                ChildPriority.Sampler, "serve", "--policies", folder.Policies, "--urls", url, "--exit-when-stdin-closes");
            ProcessId = child.Id;
            var ended = await WatchAsync(child, new Uri(url), stopping);
            return (State.Phase == ModelPhase.Ready, ended);
        }
        catch (ModelExecutableException e)
        {
            return (false, e.Message);
        }
        finally
        {
            ProcessId = null;
        }
    }

    private async Task<string> WatchAsync(ModelChild child, Uri url, CancellationToken stopping)
    {
        var started = clock.GetTimestamp();
        var missed = 0;
        while (!stopping.IsCancellationRequested)
        {
            if (child.Exited.IsCompleted)
            {
                var exit = await child.Exited;
                return $"The sampler ended unexpectedly ({exit.Cause}){exit.LastWords}.";
            }

            var isReady = State.Phase == ModelPhase.Ready;
            if (await IsHealthyAsync(new Uri(url, "health"), child, stopping))
            {
                missed = 0;
                if (!isReady)
                {
                    logger.LogInformation("The sampler [{Pid}] is ready at {Url} after {Time}", child.Id, url, clock.GetElapsedTime(started));
                    Change(new ModelState(ModelPhase.Ready, url));
                }
            }
            else if (isReady && ++missed >= MissedAnswers)
            {
                return "The sampler did not answer for half a minute and was ended.";
            }
            else if (!isReady && clock.GetElapsedTime(started) > StartWithin)
            {
                return $"The sampler did not answer within {StartWithin.TotalSeconds:0} seconds of its start and was ended.";
            }

            var pause = Task.Delay(State.Phase == ModelPhase.Ready ? AskWhileReady : AskWhileStarting, clock, stopping);
            await Task.WhenAny(child.Exited, pause);
        }

        return "The app is stopping.";
    }

    /// <summary>A server that is not ours is only watched: it is ready when it lists its models.</summary>
    private async Task WatchOtherAsync(Uri url, CancellationToken stopping)
    {
        while (!stopping.IsCancellationRequested)
        {
            var healthy = await IsHealthyAsync(new Uri(url, "v1/models"), child: null, stopping);
            var state = healthy
                ? new ModelState(ModelPhase.Ready, url)
                : new ModelState(ModelPhase.Down, Reason: $"The completions server at {url} (Engine:CompletionsUrl) does not answer.");
            if (state != State)
            {
                Change(state);
            }

            await Task.Delay(healthy ? AskWhileReady : TimeSpan.FromSeconds(1), clock, stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task<bool> IsHealthyAsync(Uri url, ModelChild? child, CancellationToken stopping)
    {
        try
        {
            using var client = http.CreateClient(HealthClient);
            var asking = client.GetAsync(url, stopping);
            if (child is not null && await Task.WhenAny(asking, child.Exited) != asking)
            {
                return false; // A dead child must be seen at once, not after the request's timeout.
            }

            using var answer = await asking;
            return answer.IsSuccessStatusCode;
        }
        catch (Exception e) when (e is HttpRequestException or OperationCanceledException)
        {
            return false;
        }
    }

    private void Change(ModelState state)
    {
        lock (changing)
        {
            State = state;
            if (state.Endpoint is { } endpoint)
            {
                ready.TrySetResult(endpoint);
            }
            else if (ready.Task.IsCompleted)
            {
                ready = new TaskCompletionSource<Uri>(TaskCreationOptions.RunContinuationsAsynchronously);
            }
        }

        feed.Publish(new ModelStateChanged(state));
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}

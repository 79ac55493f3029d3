using System.Text.Json;
using System.Text.Json.Nodes;
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
    private static readonly TimeSpan AskEvery = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan LongestDelay = TimeSpan.FromSeconds(30);

    /// <summary>Answers missed in a row after which a sampler that still runs is taken for stuck.</summary>
    private const int MissedAnswers = 6;

    private readonly Lock changing = new();
    private TaskCompletionSource<Uri> ready = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>The sampler's state now; each change is told as <see cref="ModelStateChanged"/>.</summary>
    public ModelState State { get; private set; } = options is { Enabled: false, CompletionsServer: null }
        ? new(ModelPhase.Down, Reason: "No sampler is started because Engine:Enabled is false in the configuration.")
        : new(ModelPhase.Starting);

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
        if (options.CompletionsServer is { } url)
        {
            return WatchOtherAsync(url, stoppingToken);
        }

        return options.Enabled ? SuperviseAsync(stoppingToken) : Task.CompletedTask;
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
    public static TimeSpan RestartDelay(int failures) =>
        failures == 0 ? TimeSpan.Zero : TimeSpan.FromSeconds(Math.Min(LongestDelay.TotalSeconds, Math.Pow(2, failures - 1)));

    /// <summary>One life of the sampler, from its start to its end.</summary>
    /// <returns>Whether it ever took requests, and why it ended.</returns>
    private async Task<(bool WasReady, string Reason)> RunOnceAsync(CancellationToken stopping)
    {
        Change(new ModelState(ModelPhase.Starting));
        var started = clock.GetTimestamp();
        try
        {
            // It takes a free port and says which: one that was looked for here could be taken by then.
            await using var child = executable.Start(
                ChildPriority.Sampler, "serve", "--policies", folder.Policies, "--urls", "http://127.0.0.1:0", "--json", "--exit-when-stdin-closes");
            ProcessId = child.Id;
            if (await AddressAsync(child, stopping) is not { } url)
            {
                return (false, child.Exited.IsCompleted
                    ? Ended(await child.Exited)
                    : $"The sampler did not answer within {StartWithin.TotalSeconds:0} seconds of its start and was ended.");
            }

            logger.LogInformation("The sampler [{Pid}] is ready at {Url} after {Time}", child.Id, url, clock.GetElapsedTime(started));
            Change(new ModelState(ModelPhase.Ready, url));
            return (true, await WatchAsync(child, url, stopping));
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

    /// <summary>The address that a started sampler says it listens on; null if it ends or lets us wait too long.</summary>
    private async Task<Uri?> AddressAsync(ModelChild child, CancellationToken stopping)
    {
        using var late = new CancellationTokenSource(StartWithin, clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(stopping, late.Token);
        try
        {
            await foreach (var line in child.OutputAsync(either.Token))
            {
                if (JsonNode.Parse(line)?["url"]?.GetValue<string>() is { } url)
                {
                    return new Uri(url);
                }
            }
        }
        catch (Exception e) when (e is OperationCanceledException or JsonException)
        {
            logger.LogDebug(e, "The sampler [{Pid}] named no address", child.Id);
        }

        return null;
    }

    /// <summary>Asks a ready sampler for its health until it ends or stops answering.</summary>
    /// <returns>Why it is down, in one sentence.</returns>
    private async Task<string> WatchAsync(ModelChild child, Uri url, CancellationToken stopping)
    {
        var missed = 0;
        while (!stopping.IsCancellationRequested && !child.Exited.IsCompleted)
        {
            missed = await IsHealthyAsync(new Uri(url, "health"), child, stopping) ? 0 : missed + 1;
            if (missed == MissedAnswers)
            {
                return $"The sampler missed {MissedAnswers} questions for its health in a row and was ended.";
            }

            await Task.WhenAny(child.Exited, Task.Delay(AskEvery, clock, stopping));
        }

        return child.Exited.IsCompleted ? Ended(await child.Exited) : "The app is stopping.";
    }

    private static string Ended(ChildExit exit) => $"The sampler ended unexpectedly ({exit.Cause}){exit.LastWords}.";

    /// <summary>A server that is not ours is only watched: it is ready when it lists its models.</summary>
    private async Task WatchOtherAsync(Uri url, CancellationToken stopping)
    {
        while (!stopping.IsCancellationRequested)
        {
            var healthy = await IsHealthyAsync(new Uri(url, "v1/models"), child: null, stopping);
            if (stopping.IsCancellationRequested)
            {
                return; // The question was broken off, which says nothing of the server.
            }

            var state = healthy
                ? new ModelState(ModelPhase.Ready, url)
                : new ModelState(ModelPhase.Down, Reason: $"The completions server at {url} (Engine:CompletionsUrl) does not answer.");
            if (state != State)
            {
                Change(state);
            }

            await Task.Delay(healthy ? AskEvery : TimeSpan.FromSeconds(1), clock, stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
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
}

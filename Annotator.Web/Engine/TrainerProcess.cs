using Annotator.Model.Preferences;

namespace Annotator.Web.Engine;

/// <summary>What became of a run of the trainer: one of <see cref="Succeeded"/>, <see cref="Failed"/>, <see cref="Cancelled"/>.</summary>
public abstract record TrainerOutcome
{
    private TrainerOutcome()
    {
    }

    /// <summary>The round directory's <c>policy/</c> holds the new policy.</summary>
    public sealed record Succeeded(RoundResult Result) : TrainerOutcome;

    /// <summary>It failed or was killed.</summary>
    /// <param name="Reason">One sentence for people.</param>
    public sealed record Failed(string Reason) : TrainerOutcome;

    /// <summary>It was asked to stop and did; <c>checkpoint/</c> is there to resume from if it got that far.</summary>
    public sealed record Cancelled : TrainerOutcome;
}

/// <summary>Whatever turns a round directory into a policy.</summary>
public interface ITrainer
{
    /// <summary>Trains the round of a directory that holds <c>options.json</c> and <c>preferences.jsonl</c>.</summary>
    /// <param name="roundDirectory">Full path.</param>
    /// <param name="fromCheckpoint">Go on from <c>checkpoint/</c>, where there is one.</param>
    /// <param name="onMetrics">Gets every line of <c>metrics.jsonl</c>, from the first (also when resuming), as they are written.</param>
    /// <param name="cancellation">Asks the trainer to stop; the result is then <see cref="TrainerOutcome.Cancelled"/>, not an exception.</param>
    Task<TrainerOutcome> RunAsync(string roundDirectory, bool fromCheckpoint, Action<RoundMetrics> onMetrics, CancellationToken cancellation);
}

/// <summary>Runs <c>Annotator.Model dpo --round DIR</c> as a child process and follows its metrics.</summary>
public sealed class TrainerProcess(ModelExecutable executable, EngineOptions options, TimeProvider clock, ILogger<TrainerProcess> logger) : ITrainer
{
    private static readonly TimeSpan LookEvery = TimeSpan.FromMilliseconds(200);

    /// <inheritdoc />
    public async Task<TrainerOutcome> RunAsync(string roundDirectory, bool fromCheckpoint, Action<RoundMetrics> onMetrics, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(onMetrics);
        if (!options.Enabled)
        {
            return new TrainerOutcome.Failed("No trainer is started because Engine:Enabled is false in the configuration.");
        }

        var round = new RoundDirectory(roundDirectory);
        File.Delete(round.Result); // That of an earlier run, if the round is resumed.
        try
        {
            string[] resuming = fromCheckpoint ? ["--resume"] : [];
            await using var log = new TrainerLog(round, clock);
            await using var child = executable.Start(
                ChildPriority.Trainer, log.Write, ["dpo", "--round", round.Root, "--json", "--exit-when-stdin-closes", .. resuming]);
            var metrics = new Follower(new MetricsTail(round.Metrics), onMetrics, logger);
            await using var stop = cancellation.Register(child.Interrupt);
            var exit = await WaitAsync(child, metrics, cancellation);
            metrics.Look();
            log.Write($"It ended with {exit.Cause}.");
            return Outcome(round, exit, metrics.Last, cancellation.IsCancellationRequested);
        }
        catch (ModelExecutableException e)
        {
            return new TrainerOutcome.Failed(e.Message);
        }
    }

    /// <summary>Until the trainer has ended, which a cancelled one must do in time.</summary>
    private async Task<ChildExit> WaitAsync(ModelChild child, Follower metrics, CancellationToken cancellation)
    {
        using var timer = new PeriodicTimer(LookEvery, clock);
        long? askedToStop = null;
        while (!child.Exited.IsCompleted)
        {
            await Task.WhenAny(child.Exited, timer.WaitForNextTickAsync(CancellationToken.None).AsTask());
            metrics.Look();
            if (cancellation.IsCancellationRequested)
            {
                askedToStop ??= clock.GetTimestamp();
                if (clock.GetElapsedTime(askedToStop.Value) > options.TrainerStopsWithin)
                {
                    logger.LogWarning("The trainer [{Pid}] did not stop within {Bound}: it is killed", child.Id, options.TrainerStopsWithin);
                    child.Kill();
                    break;
                }
            }
        }

        return await child.Exited;
    }

    private static TrainerOutcome Outcome(RoundDirectory round, ChildExit exit, RoundMetrics? last, bool cancelled)
    {
        RoundResult? result = null;
        var unreadable = "";
        if (File.Exists(round.Result))
        {
            try
            {
                result = RoundResult.Read(round.Result);
            }
            catch (Exception e) when (e is FormatException or IOException or UnauthorizedAccessException)
            {
                unreadable = $" (its result can't be read: {e.Message})";
            }
        }

        return result switch
        {
            { Status: RoundStatus.Succeeded } when exit.Code == 0 => new TrainerOutcome.Succeeded(result),
            _ when cancelled || result?.Status == RoundStatus.Cancelled => new TrainerOutcome.Cancelled(),
            { Status: RoundStatus.Failed, Reason: { } reason } => new TrainerOutcome.Failed(reason),
            _ => new TrainerOutcome.Failed(Unexpected(exit, last, unreadable, canResume: Directory.Exists(round.Checkpoint))),
        };
    }

    /// <summary>The sentence for a trainer that ended without a result of its own.</summary>
    internal static string Unexpected(ChildExit exit, RoundMetrics? last, string unreadable, bool canResume)
    {
        var when = last is null ? "before its first step" : $"at step {last.Step} of {last.MaxSteps}";
        var next = canResume ? "resume the round from its last checkpoint, or start it again" : "start the round again";
        // Linux ends a process so when memory runs out, and gives it no time for a sentence of its own.
        var memory = exit.Signal == 9 ? "; if nobody killed it, the system's memory ran out, and a round with micro_batch_size 1 needs less" : "";
        return $"The trainer ended unexpectedly ({exit.Cause}) {when}{unreadable}{exit.LastWords}{memory}; {next}.";
    }

    /// <summary>Hands on the lines of metrics.jsonl as they come, and remembers the last.</summary>
    private sealed class Follower(MetricsTail tail, Action<RoundMetrics> onMetrics, ILogger logger)
    {
        public RoundMetrics? Last { get; private set; }

        public void Look()
        {
            try
            {
                foreach (var line in tail.ReadNew())
                {
                    Last = line;
                    onMetrics(line);
                }
            }
            catch (JsonLineException e)
            {
                logger.LogWarning("A line of metrics is passed over: {Reason}", e.Message);
            }
        }
    }
}

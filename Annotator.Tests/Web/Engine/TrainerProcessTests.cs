using System.Collections.Concurrent;
using Annotator.Model.Preferences;
using Annotator.Tests.Fixtures;
using Annotator.Web.Engine;
using Microsoft.Extensions.Logging.Abstractions;

namespace Annotator.Tests.Web.Engine;

/// <summary>Real rounds of a tiny policy, run by the real trainer.</summary>
[Collection(TimedCollection.Name)]
public sealed class TrainerProcessTests
{
    private static readonly RoundOptions Endless = RoundFolder.Options with { MaxSteps = 1_000_000 };
    private readonly ConcurrentQueue<RoundMetrics> metrics = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_round_succeeds_and_its_metrics_arrive_in_their_order()
    {
        using var round = RoundFolder.Create();

        var outcome = await RunAsync(round, fromCheckpoint: false, Cancellation);

        outcome.ShouldBeOfType<TrainerOutcome.Succeeded>().Result.Steps.ShouldBe(6);
        metrics.Select(line => line.Step).ShouldBe([0, 1, 2, 3, 4, 5, 6]);
        File.Exists(Path.Combine(round.Files.Policy, "model.safetensors")).ShouldBeTrue();
    }

    [Fact]
    public async Task A_cancelled_round_leaves_a_checkpoint_and_goes_on_from_it()
    {
        using var round = RoundFolder.Create(Endless);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        var running = RunAsync(round, fromCheckpoint: false, stop.Token);
        await Until.TrueAsync(() => metrics.Any(line => line.Step >= 3));
        await stop.CancelAsync();
        (await running).ShouldBeOfType<TrainerOutcome.Cancelled>();
        Directory.Exists(round.Files.Checkpoint).ShouldBeTrue();
        var reached = round.Result.Steps;

        using var again = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        running = RunAsync(round, fromCheckpoint: true, again.Token);
        await Until.TrueAsync(() => metrics.Any(line => line.Step > reached));
        await again.CancelAsync();
        (await running).ShouldBeOfType<TrainerOutcome.Cancelled>();
    }

    [Fact]
    public async Task A_killed_trainer_is_a_failure_that_says_by_what_where_and_what_next()
    {
        LinuxProcess.Require();
        using var round = RoundFolder.Create(Endless);
        var running = RunAsync(round, fromCheckpoint: false, Cancellation);
        await Until.TrueAsync(() => metrics.Any(line => line.Step >= 3));
        var trainer = LinuxProcess.Find("Annotator.Model.dll", round.Files.Root).Single();
        trainer.Niceness.ShouldBe((int)ChildPriority.Trainer);

        trainer.Kill();

        (await running).ShouldBeOfType<TrainerOutcome.Failed>().Reason.ShouldMatch(
            @"^The trainer ended unexpectedly \(signal 9\) at step \d+ of 1000000; .*resume the round from its last checkpoint, or start it again\.$");
    }

    [Fact]
    public async Task A_round_that_can_not_be_trained_fails_with_the_trainers_own_sentence()
    {
        using var round = RoundFolder.Create(RoundFolder.Options with { Policy = "nowhere" });

        var outcome = await RunAsync(round, fromCheckpoint: false, Cancellation);

        var reason = outcome.ShouldBeOfType<TrainerOutcome.Failed>().Reason;
        reason.ShouldContain("nowhere");
        reason.ShouldNotContain("\n");
    }

    [Fact]
    public async Task No_trainer_is_started_where_the_engine_is_switched_off()
    {
        using var round = RoundFolder.Create();
        var outcome = await RunAsync(round, fromCheckpoint: false, Cancellation, new EngineOptions { Enabled = false });
        outcome.ShouldBe(new TrainerOutcome.Failed("No trainer is started because Engine:Enabled is false in the configuration."));
    }

    private Task<TrainerOutcome> RunAsync(RoundFolder round, bool fromCheckpoint, CancellationToken cancellation, EngineOptions? options = null) =>
        new TrainerProcess(new ModelExecutable(NullLogger<ModelExecutable>.Instance), options ?? new(), TimeProvider.System, NullLogger<TrainerProcess>.Instance)
            .RunAsync(round.Files.Root, fromCheckpoint, metrics.Enqueue, cancellation);
}

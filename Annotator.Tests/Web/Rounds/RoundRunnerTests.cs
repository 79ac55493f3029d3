using Annotator.Model.Preferences;
using Annotator.Web.Data;
using Annotator.Web.Engine;
using Annotator.Web.Live;
using Annotator.Web.Rounds;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Tests.Web.Rounds;

public sealed class RoundRunnerTests : IAsyncLifetime
{
    private readonly CancellationToken cancellation = TestContext.Current.CancellationToken;
    private RoundsDatabase data = null!;

    public async ValueTask InitializeAsync()
    {
        data = await RoundsDatabase.CreateAsync();
        await data.AddPreferencesAsync(12);
    }

    public ValueTask DisposeAsync() => data.DisposeAsync();

    [Fact]
    public async Task A_round_trains_from_files_and_its_policy_becomes_the_next_in_line()
    {
        var heard = new List<LiveEvent>();
        using var subscription = data.Feed.Subscribe(what =>
        {
            lock (heard)
            {
                heard.Add(what);
            }
        });
        var trainer = new ScriptedTrainer((directory, _) => Task.FromResult(ScriptedTrainer.Succeed(directory)));
        var (runner, operations) = data.Rounds(trainer);
        await runner.StartAsync(cancellation);

        var id = await operations.StartAsync(data.Admin, data.Request with { Options = data.Request.Options with { Beta = 0.25 } }, cancellation);
        await data.UntilStateAsync(id, RoundState.Succeeded);

        var round = await data.RoundAsync(id);
        round.Number.ShouldBe(1);
        round.ResultPolicy.ShouldNotBeNull().Number.ShouldBe(1);
        round.ResultPolicy.ParentId.ShouldBe(round.InitPolicyId);
        round.PreferenceCount.ShouldBe(12);
        data.Registry.Contains(round.ResultPolicy.Hash).ShouldBeTrue();
        var directory = data.Reader.Directory(round);
        Directory.Exists(directory.Policy).ShouldBeFalse("it was moved, not copied");
        var options = RoundOptions.Read(directory.Options);
        options.Beta.ShouldBe(0.25);
        Path.IsPathRooted(options.Policy).ShouldBeFalse("the data folder may be moved");
        directory.Resolve(options.Policy).ShouldBe(directory.Resolve(options.Reference));
        File.Exists(Path.Combine(directory.Resolve(options.Policy), "config.json")).ShouldBeTrue();

        await using var db = data.CreateDbContext();
        (await db.Studies.SingleAsync(cancellation)).CurrentPolicyId.ShouldBe(round.ResultPolicyId);
        (await db.AuditEntries.SingleAsync(cancellation)).ShouldSatisfyAllConditions(a => a.Action.ShouldBe("round.start"), a => a.PersonId.ShouldBe("admin"));
        await Fixtures.Until.TrueAsync(() =>
        {
            lock (heard)
            {
                return heard.OfType<RoundChanged>().Any(e => e.State == "Succeeded"); // told last, once all is committed
            }
        });
        lock (heard)
        {
            heard.OfType<RoundChanged>().Select(e => e.State).Distinct().ShouldBe(["Queued", "Running", "Succeeded"]);
            heard.OfType<RoundProgress>().ShouldHaveSingleItem().Metrics["loss"].ShouldBe(0.6931);
            heard.OfType<PolicyPublished>().ShouldHaveSingleItem().Number.ShouldBe(1);
        }
    }

    [Fact]
    public async Task One_round_runs_at_a_time_and_the_others_wait_their_turn()
    {
        using var go = new SemaphoreSlim(0);
        var trainer = new ScriptedTrainer(async (directory, stop) =>
        {
            await go.WaitAsync(stop);
            return ScriptedTrainer.Succeed(directory);
        });
        var (runner, operations) = data.Rounds(trainer);
        await runner.StartAsync(cancellation);

        var first = await operations.StartAsync(data.Admin, data.Request, cancellation);
        var second = await operations.StartAsync(data.Admin, data.Request, cancellation);
        await Fixtures.Until.TrueAsync(() => trainer.Runs.Count == 1);
        (await data.RoundAsync(second)).State.ShouldBe(RoundState.Queued);
        go.Release();
        await Fixtures.Until.TrueAsync(() => trainer.Runs.Count == 2);
        (await data.RoundAsync(first)).State.ShouldBe(RoundState.Succeeded);
        go.Release();
        await data.UntilStateAsync(second, RoundState.Succeeded);

        trainer.MostAtOnce.ShouldBe(1);
        (await data.RoundAsync(second)).ResultPolicy!.Number.ShouldBe(2);
    }

    [Fact]
    public async Task A_trainer_that_fails_or_throws_leaves_a_sentence_and_the_next_round_works()
    {
        var fates = new Queue<Func<RoundDirectory, TrainerOutcome>>(
        [
            _ => new TrainerOutcome.Failed("The trainer ended unexpectedly (killed by SIGKILL) at step 0 of 2; start the round again."),
            _ => throw new IOException("The disk is full"),
            ScriptedTrainer.Succeed,
        ]);
        var (runner, operations) = data.Rounds(new ScriptedTrainer((directory, _) => Task.FromResult(fates.Dequeue()(directory))));
        await runner.StartAsync(cancellation);

        var killed = await operations.StartAsync(data.Admin, data.Request, cancellation);
        await data.UntilStateAsync(killed, RoundState.Failed);
        var broken = await operations.RetryAsync(data.Admin, killed, cancellation);
        await data.UntilStateAsync(broken, RoundState.Failed);
        var well = await operations.RetryAsync(data.Admin, broken, cancellation);
        await data.UntilStateAsync(well, RoundState.Succeeded);

        (await data.RoundAsync(killed)).FailureReason.ShouldNotBeNull().ShouldContain("SIGKILL");
        (await data.RoundAsync(broken)).FailureReason.ShouldBe("The round could not be run: The disk is full");
        (await data.RoundAsync(well)).Number.ShouldBe(3);
    }

    [Fact]
    public async Task A_cancelled_round_keeps_its_checkpoint_and_goes_on_from_it()
    {
        var attempts = 0;
        var trainer = new ScriptedTrainer(async (directory, stop) =>
        {
            if (Interlocked.Increment(ref attempts) == 1)
            {
                Directory.CreateDirectory(directory.Checkpoint);
                await Task.Delay(Timeout.Infinite, stop).ContinueWith(_ => { }, TaskScheduler.Default);
                return new TrainerOutcome.Cancelled();
            }

            return ScriptedTrainer.Succeed(directory);
        });
        var (runner, operations) = data.Rounds(trainer);
        await runner.StartAsync(cancellation);
        var id = await operations.StartAsync(data.Admin, data.Request, cancellation);
        await Fixtures.Until.TrueAsync(() => attempts == 1);

        await operations.CancelAsync(data.Admin, id, cancellation);
        await data.UntilStateAsync(id, RoundState.Cancelled);
        var preferences = data.Reader.Directory(await data.RoundAsync(id)).Preferences;
        var snapshot = await File.ReadAllTextAsync(preferences, cancellation);
        await data.AddPreferencesAsync(3, from: 100);
        await operations.ResumeAsync(data.Admin, id, cancellation);
        await data.UntilStateAsync(id, RoundState.Succeeded);

        trainer.Runs.ShouldBe(["study-1-round-1", "study-1-round-1*"]);
        (await File.ReadAllTextAsync(preferences, cancellation)).ShouldBe(snapshot, "a round that goes on keeps its snapshot");
        await Should.ThrowAsync<RefusedException>(() => operations.ResumeAsync(data.Admin, id, cancellation));
        await Should.ThrowAsync<RefusedException>(() => operations.CancelAsync(data.Admin, id, cancellation));
    }

    [Fact]
    public async Task A_round_that_waits_can_be_taken_out_of_the_queue()
    {
        var (_, operations) = data.Rounds(new ScriptedTrainer((directory, _) => Task.FromResult(ScriptedTrainer.Succeed(directory))));

        var id = await operations.StartAsync(data.Admin, data.Request, cancellation);
        await operations.CancelAsync(data.Admin, id, cancellation);

        (await data.RoundAsync(id)).State.ShouldBe(RoundState.Cancelled);
        await using var db = data.CreateDbContext();
        (await db.AuditEntries.OrderBy(a => a.Id).Select(a => a.Action).ToListAsync(cancellation)).ShouldBe(["round.start", "round.cancel"]);
    }

    [Fact]
    public async Task When_the_app_stops_the_round_is_interrupted_and_can_be_resumed_by_the_next_app()
    {
        var (runner, operations) = data.Rounds(new ScriptedTrainer(async (directory, stop) =>
        {
            Directory.CreateDirectory(directory.Checkpoint);
            await Task.Delay(Timeout.Infinite, stop).ContinueWith(_ => { }, TaskScheduler.Default);
            return new TrainerOutcome.Cancelled();
        }));
        await runner.StartAsync(cancellation);
        var id = await operations.StartAsync(data.Admin, data.Request, cancellation);
        await Fixtures.Until.TrueAsync(async () => Directory.Exists(data.Reader.Directory(await data.RoundAsync(id)).Checkpoint));

        await runner.StopAsync(cancellation);

        (await data.RoundAsync(id)).State.ShouldBe(RoundState.Interrupted);
        var next = new ScriptedTrainer((directory, _) => Task.FromResult(ScriptedTrainer.Succeed(directory)));
        var (nextRunner, nextOperations) = data.Rounds(next);
        await nextRunner.StartAsync(cancellation);
        await nextOperations.ResumeAsync(data.Admin, id, cancellation);
        await data.UntilStateAsync(id, RoundState.Succeeded);
        next.Runs.ShouldBe(["study-1-round-1*"]);
    }

    [Fact]
    public async Task What_an_app_that_was_killed_left_running_is_settled_at_the_next_start()
    {
        // Three rounds in the state that kill -9 leaves: one cut off, one whose trainer had finished, one whose trainer had failed.
        var (cutOff, finished, failed) = (await LeftRunningAsync(), await LeftRunningAsync(), await LeftRunningAsync());
        ScriptedTrainer.Succeed(data.Reader.Directory(finished));
        new RoundResult { Status = RoundStatus.Failed, Reason = "The loss is not a number." }.Write(data.Reader.Directory(failed).Result);
        var (runner, _) = data.Rounds(new ScriptedTrainer((_, _) => throw new InvalidOperationException("Nothing is queued.")));

        await runner.StartAsync(cancellation);
        await data.UntilStateAsync(failed.Id, RoundState.Failed);

        (await data.RoundAsync(cutOff.Id)).ShouldSatisfyAllConditions(
            r => r.State.ShouldBe(RoundState.Interrupted),
            r => r.FailureReason.ShouldBe("The app ended while this round ran; it can be started over on the same preferences."));
        (await data.RoundAsync(finished.Id)).ShouldSatisfyAllConditions(
            r => r.State.ShouldBe(RoundState.Succeeded), r => r.ResultPolicy.ShouldNotBeNull().Number.ShouldBe(1));
        (await data.RoundAsync(failed.Id)).FailureReason.ShouldBe("The loss is not a number.");
    }

    [Fact]
    public async Task A_policy_that_reached_the_registry_before_the_app_was_killed_is_published_too()
    {
        var round = await LeftRunningAsync();
        var directory = data.Reader.Directory(round);
        var hash = await data.Registry.MoveInAsync(RoundsDatabase.WriteShell(directory.Policy, 9), cancellation);
        new RoundResult { Status = RoundStatus.Succeeded, Hashes = new Dictionary<string, string> { ["output"] = hash } }.Write(directory.Result);
        var (runner, _) = data.Rounds(new ScriptedTrainer((_, _) => throw new InvalidOperationException("Nothing is queued.")));

        await runner.StartAsync(cancellation);
        await data.UntilStateAsync(round.Id, RoundState.Succeeded);

        (await data.RoundAsync(round.Id)).ResultPolicy.ShouldNotBeNull().Hash.ShouldBe(hash);
    }

    [Fact]
    public async Task A_deleted_round_loses_its_files_and_leaves_its_policy_its_number_and_what_it_has_seen()
    {
        using var go = new SemaphoreSlim(0);
        var (runner, operations) = data.Rounds(new ScriptedTrainer(async (directory, stop) =>
        {
            await go.WaitAsync(stop);
            return ScriptedTrainer.Succeed(directory);
        }));
        await runner.StartAsync(cancellation);
        var id = await operations.StartAsync(data.Admin, data.Request, cancellation);
        await Should.ThrowAsync<RefusedException>(() => operations.DeleteAsync(data.Admin, id, cancellation));
        go.Release();
        await data.UntilStateAsync(id, RoundState.Succeeded);
        var round = await data.RoundAsync(id);

        await operations.DeleteAsync(data.Admin, id, cancellation);

        Directory.Exists(data.Reader.Directory(round).Root).ShouldBeFalse();
        data.Registry.Contains(round.ResultPolicy!.Hash).ShouldBeTrue();
        var overview = await data.Reader.OverviewAsync(data.Admin, data.StudyId, cancellation);
        overview.Rounds.ShouldBeEmpty();
        overview.Policies.Count.ShouldBe(2);
        (await data.Reader.FindAsync(data.Admin, data.StudyId, 1, cancellation)).ShouldBeNull();
        (await data.Snapshot.CountAsync(data.StudyId, RoundData.New, cancellation)).Preferences.ShouldBe(0, "its preferences are not new again");
        await Should.ThrowAsync<RefusedException>(() => operations.DeleteAsync(data.Admin, id, cancellation));
        await Should.ThrowAsync<RefusedException>(() => operations.RetryAsync(data.Admin, id, cancellation));
        (await data.RoundAsync(await operations.StartAsync(data.Admin, data.Request, cancellation))).Number.ShouldBe(2);
        await using var db = data.CreateDbContext();
        (await db.AuditEntries.CountAsync(a => a.Action == "round.delete" && a.PersonId == "admin", cancellation)).ShouldBe(1);
        go.Release();
    }

    [Fact]
    public async Task The_queue_is_told_in_its_order()
    {
        var (_, operations) = data.Rounds(new ScriptedTrainer((directory, _) => Task.FromResult(ScriptedTrainer.Succeed(directory))));
        var first = await operations.StartAsync(data.Admin, data.Request, cancellation);
        var second = await operations.StartAsync(data.Admin, data.Request, cancellation);

        var overview = await data.Reader.OverviewAsync(data.Admin, data.StudyId, cancellation);

        overview.PlaceOf(first).ShouldBe(1);
        overview.PlaceOf(second).ShouldBe(2);
        overview.PlaceOf(99).ShouldBeNull();
    }

    [Fact]
    public async Task Only_an_admin_may_touch_rounds()
    {
        var (_, operations) = data.Rounds(new ScriptedTrainer((directory, _) => Task.FromResult(ScriptedTrainer.Succeed(directory))));
        var id = await operations.StartAsync(data.Admin, data.Request, cancellation);

        await Should.ThrowAsync<NotAllowedException>(() => operations.StartAsync(data.Annotator, data.Request, cancellation));
        await Should.ThrowAsync<NotAllowedException>(() => operations.CancelAsync(data.Annotator, id, cancellation));
        await Should.ThrowAsync<NotAllowedException>(() => operations.ResumeAsync(data.Annotator, id, cancellation));
        await Should.ThrowAsync<NotAllowedException>(() => operations.RetryAsync(data.Annotator, id, cancellation));
        await Should.ThrowAsync<NotAllowedException>(() => operations.DeleteAsync(data.Annotator, id, cancellation));
        await Should.ThrowAsync<NotAllowedException>(() => operations.SetRuleAsync(data.Annotator, data.StudyId, 5, cancellation: cancellation));
        await Should.ThrowAsync<NotAllowedException>(() => data.Reader.OverviewAsync(data.Annotator, data.StudyId, cancellation));
        await using var db = data.CreateDbContext();
        (await db.Rounds.CountAsync(cancellation)).ShouldBe(1);
    }

    [Fact]
    public async Task What_cannot_be_trained_is_refused_with_its_reason()
    {
        var (_, operations) = data.Rounds(new ScriptedTrainer((directory, _) => Task.FromResult(ScriptedTrainer.Succeed(directory))));

        (await Should.ThrowAsync<RefusedException>(() =>
            operations.StartAsync(data.Admin, data.Request with { Options = data.Request.Options with { Beta = 0 } }, cancellation)))
            .Message.ShouldBe("beta must be > 0; it is 0.");

        await using var empty = await RoundsDatabase.CreateAsync();
        await empty.JudgeAsync(await empty.AddComparisonAsync("This film"), [[0, 1]]);
        var (_, emptyOperations) = empty.Rounds(new ScriptedTrainer((directory, _) => Task.FromResult(ScriptedTrainer.Succeed(directory))));
        (await Should.ThrowAsync<RefusedException>(() => emptyOperations.StartAsync(empty.Admin, empty.Request, cancellation)))
            .Message.ShouldBe("No judgment states a preference yet (1 tie): judge a few more comparisons first.");
    }

    private async Task<Round> LeftRunningAsync()
    {
        await using var db = data.CreateDbContext();
        var number = await db.Rounds.CountAsync(cancellation) + 1;
        var round = new Round
        {
            StudyId = data.StudyId, Number = number, State = RoundState.Running, DirectoryName = $"study-1-round-{number}", Options = "{}",
            Init = RoundInit.Previous, Reference = RoundReference.Sft, Data = RoundData.All, CreatedAt = DateTime.UtcNow, StartedAt = DateTime.UtcNow,
            InitPolicyId = (await db.Policies.FirstAsync(cancellation)).Id,
        };
        db.Rounds.Add(round);
        await db.SaveChangesAsync(cancellation);
        Directory.CreateDirectory(data.Reader.Directory(round).Root);
        return round;
    }
}

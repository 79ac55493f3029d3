using System.Diagnostics;
using System.IO.Compression;
using Annotator.Model.Preferences;
using Annotator.Tests.Fixtures;
using Annotator.Web.Data;
using Annotator.Web.Engine;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging.Abstractions;

namespace Annotator.Tests.Web.Rounds;

/// <summary>The queue with the real trainer, a child process, on a policy that is small enough for a test.</summary>
[Collection(TorchCollection.Name)]
public sealed class RealRoundTests : IAsyncLifetime
{
    /// <summary>The trainer stands back (nice 15): beside tests that keep every core busy it gets a thirtieth of one, and its few seconds are minutes.</summary>
    private const double Patience = 300;

    private readonly CancellationToken cancellation = TestContext.Current.CancellationToken;
    private readonly TemporaryDirectory policy = new();
    private RoundsDatabase data = null!;

    public async ValueTask InitializeAsync()
    {
        data = await RoundsDatabase.CreateAsync(TinyPolicy.WriteRandom(policy["sft"]));
        await data.AddPreferencesAsync(24);
        await data.AddComparisonAsync("Never trained on", split: PromptSplit.Heldout);
    }

    public async ValueTask DisposeAsync()
    {
        await data.DisposeAsync();
        policy.Dispose();
    }

    [Fact]
    public async Task Two_rounds_make_two_policies_and_the_second_starts_from_the_first()
    {
        var (runner, operations) = data.Rounds(Trainer());
        await runner.StartAsync(cancellation);

        var first = await operations.StartAsync(data.Admin, Few, cancellation);
        var second = await operations.StartAsync(data.Admin, Few, cancellation);
        await EndAsync(first);
        await EndAsync(second);

        var overview = await data.Reader.OverviewAsync(data.Admin, data.StudyId, cancellation);
        overview.Policies.Select(p => p.Number).ShouldBe([0, 1, 2]);
        overview.Policies.Select(p => p.Hash).Distinct().Count().ShouldBe(3);
        var (earlier, later) = (overview.Rounds[1], overview.Rounds[0]);
        later.Round.InitPolicyId.ShouldBe(earlier.Round.ResultPolicyId);
        later.Round.State.ShouldBe(RoundState.Succeeded);

        earlier.StartsWhereItMust.ShouldBe(true);
        earlier.Result!.Step0Loss!.Value.ShouldBe(Math.Log(2), 1e-4);
        earlier.Result.Hashes["output"].ShouldBe(overview.Policies[1].Hash);
        earlier.Counts!.Train.ShouldBe(earlier.Result.Used.TrainComparisons);
        earlier.Counts.Eval.ShouldBe(earlier.Result.Used.EvalComparisons);
        earlier.Counts.Eval.ShouldBeGreaterThan(0);
        earlier.Result.FinalMetrics!.EvalLoss.ShouldNotBeNull();
        // What it looks like: fresh samples on the study's held-out prompts, KL, and the trainer's own words.
        earlier.Result.ObjectiveKlStandardError.ShouldNotBeNull().ShouldBeGreaterThan(0);
        data.Reader.Samples(data.Admin, earlier.Round).ShouldHaveSingleItem().ShouldSatisfyAllConditions(
            sample => sample.Prompt.ShouldBe("Never trained on"), sample => sample.Before.ShouldNotBeEmpty(), sample => sample.After.ShouldNotBeEmpty());
        data.Reader.Log(data.Admin, earlier.Round).ShouldSatisfyAllConditions(
            log => log[0].ShouldContain("comparisons to train on"), log => log.ShouldContain(line => line.Contains("KL to the reference")), log => log[^1].ShouldContain("exit code 0"));

        // Whoever gets the zip repeats it.
        var zipped = new MemoryStream();
        var archive = new Annotator.Web.Rounds.RoundArchive(data, data.Folder);
        await archive.WriteAsync((await archive.NameAsync(data.Admin, first, cancellation))!, withPolicies: true, zipped, cancellation);
        await using (var zip = new ZipArchive(zipped))
        {
            zip.ExtractToDirectory(policy["unpacked"]);
        }

        var copy = new RoundDirectory(Path.Combine(policy["unpacked"], "rounds", earlier.Round.DirectoryName));
        var (exitCode, _, errors) = await ModelVerb.Run("dpo", "--round", copy.Root, "--json");
        exitCode.ShouldBe(0, errors);
        RoundResult.Read(copy.Result).Hashes["output"].ShouldBe(earlier.Result.Hashes["output"]);

        Math.Abs(later.Result!.Step0Loss!.Value - Math.Log(2)).ShouldBeGreaterThan(1e-6, "policy 1 is not the reference any more");
        new MetricsTail(data.Reader.Directory(earlier.Round).Metrics).ReadNew().Select(line => line.Step).ShouldBe([0, 1, 2, 3, 4]);
    }

    [Fact]
    public async Task What_a_round_computed_under_its_reference_no_later_round_computes_again()
    {
        var (runner, operations) = data.Rounds(Trainer());
        await runner.StartAsync(cancellation);
        var first = await operations.StartAsync(data.Admin, Few, cancellation);
        await EndAsync(first);
        await data.AddPreferencesAsync(3, from: 24);

        var second = await operations.StartAsync(data.Admin, Few with { Init = RoundInit.Sft }, cancellation);
        await EndAsync(second);

        var reference = (await data.Reader.OverviewAsync(data.Admin, data.StudyId, cancellation)).Policies[0].Hash;
        var lines = JsonLines.Read<PreferenceLine>(data.Reader.Directory(await data.RoundAsync(second)).Preferences).ToList();
        lines.Count.ShouldBe(27);
        lines.Take(24).SelectMany(line => line.Completions).ShouldAllBe(completion => completion.ReferenceLogp < 0);
        lines.Skip(24).SelectMany(line => line.Completions).ShouldAllBe(completion => completion.ReferenceLogp == null);
        await using var db = data.CreateDbContext();
        (await db.ReferenceLogProbabilities.CountAsync(l => l.PolicyHash == reference, cancellation)).ShouldBe(54);
        data.Reader.Directory(await data.RoundAsync(second)).ShouldSatisfyAllConditions(
            directory => RoundResult.Read(directory.Result).ReferenceLogpsComputed.ShouldBe(6, "the new responses"),
            directory => RoundResult.Read(directory.Result).Step0Loss!.Value.ShouldBe(Math.Log(2), 1e-6));
    }

    [Fact]
    public async Task A_trainer_that_is_killed_fails_its_round_with_the_reason_and_the_next_round_works()
    {
        var (runner, operations) = data.Rounds(Trainer());
        await runner.StartAsync(cancellation);
        var endless = await operations.StartAsync(data.Admin, Few with { Options = Few.Options with { MaxSteps = 1_000_000 } }, cancellation);
        var directory = data.Reader.Directory(await data.RoundAsync(endless));
        await Until.TrueAsync(() => new MetricsTail(directory.Metrics).ReadNew().Count > 2, Patience);

        using (var child = Process.GetProcessById(TrainerOf(directory)))
        {
            child.Kill();
        }

        await data.UntilStateAsync(endless, RoundState.Failed);
        (await data.RoundAsync(endless)).FailureReason.ShouldNotBeNull().ShouldContain("ended unexpectedly");
        var next = await operations.StartAsync(data.Admin, Few, cancellation);
        await EndAsync(next);
        (await data.RoundAsync(next)).ShouldSatisfyAllConditions(r => r.State.ShouldBe(RoundState.Succeeded, r.FailureReason), r => r.ResultPolicy!.Number.ShouldBe(1));
    }

    [Fact]
    public async Task A_round_cut_off_by_the_death_of_the_app_is_found_at_the_next_start_and_goes_on_from_its_checkpoint()
    {
        // The app itself, in a process of its own, finds the round in the queue.
        var (_, operations) = data.Rounds(Trainer());
        var id = await operations.StartAsync(data.Admin, Few with { Options = Few.Options with { MaxSteps = 150, CheckpointSteps = 5 } }, cancellation);
        var directory = data.Reader.Directory(await data.RoundAsync(id));
        int trainer;
        using (StartApp())
        {
            await Until.TrueAsync(() => new MetricsTail(directory.Metrics).ReadNew().Count > 12, Patience);
            trainer = TrainerOf(directory);
        }

        await Until.TrueAsync(() => !new LinuxProcess(trainer).IsRunning);
        (await data.RoundAsync(id)).State.ShouldBe(RoundState.Running, "nobody was left to say otherwise");
        using (StartApp())
        {
            await data.UntilStateAsync(id, RoundState.Interrupted);
            (await data.RoundAsync(id)).FailureReason.ShouldBe("The app ended while this round ran; it can go on from its checkpoint.");
        }

        await operations.ResumeAsync(data.Admin, id, cancellation);
        using (StartApp())
        {
            await Until.TrueAsync(async () => (await data.RoundAsync(id)).State == RoundState.Succeeded, Patience);
        }

        var steps = new MetricsTail(directory.Metrics).ReadNew().Select(line => line.Step).ToList();
        steps.ShouldBe(Enumerable.Range(0, 151), "it went on, and did not start over");
    }

    /// <summary>The app in a process of its own, until it is disposed of: by kill -9, also when the test fails.</summary>
    private KilledApp StartApp() => new(Process.Start(new ProcessStartInfo("dotnet")
    {
        ArgumentList = { Path.Combine(AppContext.BaseDirectory, "Annotator.Web.dll"), "--data", data.Folder.Root, "--urls", "http://127.0.0.1:0" },
        RedirectStandardOutput = true,
        RedirectStandardError = true,
    })!);

    private sealed class KilledApp : IDisposable
    {
        private readonly Process process;

        public KilledApp(Process process)
        {
            this.process = process;
            // What it says is read away: a full pipe would hold it up.
            process.BeginOutputReadLine();
            process.BeginErrorReadLine();
        }

        public void Dispose()
        {
            process.Kill();
            process.WaitForExit();
            process.Dispose();
        }
    }

    private Annotator.Web.Rounds.RoundRequest Few => data.Request with
    {
        Options = data.Request.Options with { MaxSteps = 4, BatchSize = 4, LearningRate = 1e-4, WarmupSteps = 0, Threads = 1, CheckpointSteps = 0 },
    };

    private static TrainerProcess Trainer() => new(
        new ModelExecutable(NullLogger<ModelExecutable>.Instance), new EngineOptions(), TimeProvider.System, NullLogger<TrainerProcess>.Instance);

    private Task EndAsync(long roundId) =>
        Until.TrueAsync(async () => (await data.RoundAsync(roundId)).State is not (RoundState.Queued or RoundState.Running), Patience);

    /// <summary>The id of the child process that trains in this directory.</summary>
    private static int TrainerOf(RoundDirectory directory) =>
        Process.GetProcesses().Select(process => process.Id).Single(id =>
        {
            try
            {
                return File.ReadAllText($"/proc/{id}/cmdline").Contains($"--round\0{directory.Root}\0", StringComparison.Ordinal);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                return false; // It ended while we looked, or is none of ours.
            }
        });
}

using System.Text.Json.Nodes;
using Annotator.Model.Checkpoints;
using Annotator.Model.Policies;
using Annotator.Model.Preferences;
using Annotator.Tests.Fixtures;

namespace Annotator.Tests.Model.Training;

/// <summary><c>Annotator.Model dpo --round DIR</c>, as a process.</summary>
[Collection(TorchCollection.Name)]
public sealed class DpoVerbTests
{
    [Fact]
    public async Task A_round_turns_its_directory_into_a_policy_metrics_and_a_result()
    {
        using var round = RoundFolder.Create(preferences:
        [
            .. RoundFolder.Preferences,
            RoundFolder.Line("tied", [1], [2], [3]) with { Ranking = Ranking.Tie(2) },
            RoundFolder.Line("same", [1], [2, 3], [2, 3]),
            RoundFolder.Line("empty", [1], [2], []),
            RoundFolder.Line("long", [.. Enumerable.Repeat(1, 33)], [2], [3]),
            RoundFolder.Line("cut", [1], [.. Enumerable.Repeat(2, 63), 3], [.. Enumerable.Repeat(2, 63), 4]),
        ]);

        var (exitCode, output, errors) = await ModelVerb.Run("dpo", "--round", round.Files.Root, "--json");

        exitCode.ShouldBe(0, errors);
        var result = round.Result;
        result.Status.ShouldBe(RoundStatus.Succeeded);
        result.Steps.ShouldBe(6);
        result.Used.ShouldBe(new RoundCounts { TrainComparisons = 12, TrainPairs = 12, EvalComparisons = 4, EvalPairs = 4 });
        result.Dropped.ShouldBe(new Dictionary<string, int>
        {
            ["tied"] = 1,
            ["identical"] = 1,
            ["empty completion"] = 1,
            ["prompt longer than 32 tokens"] = 1,
            ["identical after truncation"] = 1,
        }, ignoreOrder: true);
        result.Step0Loss!.Value.ShouldBe(Math.Log(2), 1e-6);
        result.ExpectedStep0Loss!.Value.ShouldBe(Math.Log(2), 1e-6);
        result.Hashes["output"].ShouldBe(PolicyFiles.Hash(round.Files.Policy));
        Directory.Exists(round.Files.Checkpoint).ShouldBeFalse();

        // Fresh samples on the prompts it measures on: six updates have moved it some way.
        result.ObjectiveKl!.Value.ShouldBeInRange(0, 10);
        result.ObjectiveKlStandardError!.Value.ShouldBeInRange(1e-6, 1);
        result.MeanLength!.Value.ShouldBe(result.MeanLengthBefore!.Value, 5);
        result.Warnings.ShouldBeEmpty();

        var lines = round.Metrics;
        lines.Select(line => line.Step).ShouldBe([0, 1, 2, 3, 4, 5, 6]);
        lines[0].EvalLoss.ShouldNotBeNull();
        lines[1].EvalLoss.ShouldBeNull();
        lines.SkipLast(1).ShouldAllBe(line => line.GradNorm > 0);
        lines[^1].GradNorm.ShouldBeNull();
        lines[^1].EvalRewardsMargins!.Value.ShouldBeGreaterThan(0);

        // With --json, standard output holds the lines of metrics, then the result.
        var printed = output.TrimEnd().Split('\n').Select(line => JsonNode.Parse(line)!).ToList();
        printed.Count.ShouldBe(8);
        printed[^1]["status"]!.GetValue<string>().ShouldBe("succeeded");
    }

    [Fact]
    public async Task The_same_directory_twice_makes_the_same_bytes()
    {
        using var round = RoundFolder.Create();
        await ModelVerb.Run("dpo", "--round", round.Files.Root);
        var (weights, metrics) = (round.Weights, round.Metrics);

        await ModelVerb.Run("dpo", "--round", round.Files.Root);

        round.Weights.ShouldBe(weights);
        round.Metrics.ShouldBe(metrics);
    }

    public static TheoryData<string> ResumedOptions => ["rmsprop", "adamw", "lora", "activation checkpointing"];

    [Theory]
    [MemberData(nameof(ResumedOptions))]
    public async Task A_round_killed_again_and_again_ends_with_the_bytes_of_one_that_was_let_alone(string name)
    {
        var options = RoundFolder.Options with { MaxSteps = 40, Dropout = 0.1, EvalSteps = 7 };
        options = name switch
        {
            "adamw" => options with { Optimizer = OptimizerName.Adamw, WeightDecay = 0.1 },
            "lora" => options with { LoraRank = 2, LearningRate = 1e-2 },
            "activation checkpointing" => options with { ActivationCheckpointing = true, MicroBatchSize = 2 },
            _ => options,
        };
        using var quiet = RoundFolder.Create(options);
        (await ModelVerb.Run("dpo", "--round", quiet.Files.Root)).ExitCode.ShouldBe(0);

        // Before there is a checkpoint, between two, as likely as not while one is written, and while the policy is saved.
        using var killed = RoundFolder.Create(options);
        foreach (var last in (int[])[0, 5, 14, 15, 40])
        {
            using var verb = ModelVerb.Start("dpo", "--round", killed.Files.Root, "--json", "--resume");
            await verb.WaitForStep(last);
            verb.Kill();
            await verb.End();
        }

        (await ModelVerb.Run("dpo", "--round", killed.Files.Root, "--resume")).ExitCode.ShouldBe(0);

        killed.Metrics.ShouldBe(quiet.Metrics);
        killed.Weights.ShouldBe(quiet.Weights);
        killed.Result.Step0Loss.ShouldBe(quiet.Result.Step0Loss);
        Directory.Exists(killed.Files.Checkpoint).ShouldBeFalse();
    }

    [Fact]
    public async Task Low_rank_adapters_end_in_the_weights_that_they_stand_beside_and_nowhere_else()
    {
        using var round = RoundFolder.Create(RoundFolder.Options with { LoraRank = 2, LearningRate = 1e-2 });

        (await ModelVerb.Run("dpo", "--round", round.Files.Root)).ExitCode.ShouldBe(0);

        var (before, after) = (Weights(Oracles.Find("models/gpt2")), Weights(round.Files.Policy));
        after.Keys.ShouldBe(before.Keys, ignoreOrder: true);
        after.Where(weight => !weight.Value.AsSpan().SequenceEqual(before[weight.Key])).Select(weight => weight.Key)
            .ShouldBe(before.Keys.Where(name => name.EndsWith("c_attn.weight", StringComparison.Ordinal)), ignoreOrder: true);
        round.Result.Step0Loss!.Value.ShouldBe(Math.Log(2), 1e-6);
        round.Metrics[^1].EvalRewardsMargins!.Value.ShouldBeGreaterThan(0);

        static Dictionary<string, byte[]> Weights(string policy)
        {
            using var file = Safetensors.Open(Path.Combine(policy, "model.safetensors"));
            return file.Entries.Keys.ToDictionary(name => name, name =>
            {
                using var weight = file.Read(name);
                return weight.bytes.ToArray();
            });
        }
    }

    /// <summary>The limit is on what the process may write to, so that the runtime's reserved addresses don't count.</summary>
    [Fact]
    public async Task A_round_that_runs_out_of_memory_names_the_batch_size_to_try_which_then_is_enough()
    {
        using var policy = new TemporaryDirectory();
        var options = RoundFolder.Options with { Policy = policy["sft"], Reference = policy["sft"], BatchSize = 8, MicroBatchSize = 8, MaxSteps = 1, MaxLength = 2500 };
        TinyPolicy.WriteRandom(options.Policy, contextLength: 2500);
        using var round = RoundFolder.Create(options, [.. Enumerable.Range(0, 8).Select(index =>
            RoundFolder.Line($"c-{index}", [.. Enumerable.Repeat(index, 1000)], [.. Enumerable.Repeat(7, 1500)], [.. Enumerable.Repeat(8, 1500)]))]);

        var (exitCode, _, errors) = await Limited(round);

        exitCode.ShouldBe(1, errors);
        round.Result.Status.ShouldBe(RoundStatus.Failed);
        round.Result.Reason.ShouldBe("Memory ran out in a pass over 8 comparisons. Set micro_batch_size to 4: it changes neither the loss nor the gradient.");
        errors.ShouldContain(round.Result.Reason!);

        (options with { MicroBatchSize = 1 }).Write(round.Files.Options);
        (await Limited(round)).ExitCode.ShouldBe(0);

        static async Task<(int ExitCode, string Output, string Errors)> Limited(RoundFolder round)
        {
            using var verb = ModelVerb.StartLimited(kilobytes: 900_000, "dpo", "--round", round.Files.Root);
            return await verb.End();
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_round_that_is_terminated_or_loses_its_parent_leaves_a_checkpoint(bool terminated)
    {
        using var round = RoundFolder.Create(RoundFolder.Options with { MaxSteps = 100_000, CheckpointSteps = 0 });
        using var verb = ModelVerb.Start("dpo", "--round", round.Files.Root, "--json", "--exit-when-stdin-closes");
        await verb.WaitForLine(line => line.StartsWith("{\"step\":3,", StringComparison.Ordinal));

        if (terminated)
            verb.Terminate();
        else
            verb.CloseInput();
        var (exitCode, _, errors) = await verb.End();

        exitCode.ShouldBe(1, errors);
        var result = round.Result;
        result.Status.ShouldBe(RoundStatus.Cancelled);
        result.Reason!.ShouldContain("of 100000 updates");
        result.Steps.ShouldBeGreaterThan(3);
        Directory.EnumerateFiles(round.Files.Checkpoint).Select(Path.GetFileName).ShouldBe(["state.json", $"step-{result.Steps}.safetensors"], ignoreOrder: true);
        Directory.Exists(round.Files.Policy).ShouldBeFalse();
    }

    [Fact]
    public async Task A_checkpoint_of_other_inputs_is_refused()
    {
        using var round = RoundFolder.Create(RoundFolder.Options with { MaxSteps = 100_000 });
        using (var verb = ModelVerb.Start("dpo", "--round", round.Files.Root, "--json"))
        {
            await verb.WaitForLine(line => line.StartsWith("{\"step\":3,", StringComparison.Ordinal));
            verb.Kill();
            await verb.End();
        }
        (RoundFolder.Options with { MaxSteps = 5 }).Write(round.Files.Options);

        var (exitCode, _, errors) = await ModelVerb.Run("dpo", "--round", round.Files.Root, "--resume");

        exitCode.ShouldBe(1);
        errors.ShouldContain("was made from other options, preferences or policies");
    }

    [Fact]
    public async Task Options_that_make_no_sense_end_with_exit_code_2_and_a_result()
    {
        using var round = RoundFolder.Create(RoundFolder.Options with { Beta = 0, BatchSize = 0 });

        var (exitCode, output, errors) = await ModelVerb.Run("dpo", "--round", round.Files.Root, "--json");

        exitCode.ShouldBe(2);
        errors.ShouldContain("beta must be > 0; it is 0; batch_size must be ≥ 1; it is 0.");
        round.Result.Status.ShouldBe(RoundStatus.Failed);
        round.Result.Reason!.ShouldContain("beta must be > 0");
        JsonNode.Parse(output)!["status"]!.GetValue<string>().ShouldBe("failed");
    }

    [Fact]
    public async Task Wrong_arguments_end_with_exit_code_2()
    {
        (await ModelVerb.Run("dpo")).ExitCode.ShouldBe(2);
        var (exitCode, _, errors) = await ModelVerb.Run("dpo", "--round", "/no/such/place");
        exitCode.ShouldBe(2);
        errors.ShouldContain("/no/such/place does not exist");
    }

    [Fact]
    public async Task Every_failure_is_one_sentence_in_the_result()
    {
        await Fails(RoundFolder.Options with { Policy = "nowhere" }, RoundFolder.Preferences, "nowhere does not exist");
        await Fails(RoundFolder.Options, [RoundFolder.Line("c-1", [1, 97], [2], [3])], "line 1: c-1 holds token id 97, but the policy's vocabulary has 97 tokens");
        await Fails(RoundFolder.Options, [RoundFolder.Line("c-1", [1], [2], [3]) with { PromptTokenIds = null }], "has no tokenizer files");
        await Fails(RoundFolder.Options, [RoundFolder.Line("c-1", [1], [2], [3]) with { Ranking = Ranking.Tie(2) }], "No comparison is left to train on");
        await Fails(RoundFolder.Options with { MaxLength = 65 }, RoundFolder.Preferences, "the policy's context has 64 tokens");
        await Fails(RoundFolder.Options with { Optimizer = OptimizerName.Sgd, LearningRate = 1e30, WarmupSteps = 0 }, RoundFolder.Preferences, "lower learning_rate");

        static async Task Fails(RoundOptions options, IEnumerable<PreferenceLine> preferences, string reason)
        {
            using var round = RoundFolder.Create(options, preferences);
            var (exitCode, _, errors) = await ModelVerb.Run("dpo", "--round", round.Files.Root);
            exitCode.ShouldBe(1, errors);
            round.Result.Status.ShouldBe(RoundStatus.Failed);
            round.Result.Reason!.ShouldContain(reason);
            errors.ShouldContain(reason);
            errors.ShouldNotContain("   at ");
        }
    }
}

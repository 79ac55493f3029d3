using System.Text.Json.Nodes;
using Annotator.Model.Preferences;
using Annotator.Tests.Fixtures;

namespace Annotator.Tests.Model.Commands;

/// <summary>From preferences to a reward model, from that to a policy, and what became of it: <c>reward</c>, <c>ppo</c>, <c>sample --best-of</c>, <c>evaluate</c>.</summary>
[Collection(TorchCollection.Name)]
public sealed class RewardCommandTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task Preferences_make_a_reward_model_which_makes_a_policy_which_is_measured()
    {
        var policy = TinyPolicy.WriteRandom(_directory["policy"]);
        File.WriteAllLines(_directory["trl.jsonl"], Enumerable.Range(0, 40).Select(i => $$"""{"prompt":"Film {{i}}","chosen":" was good","rejected":" was bad {{i}}"}"""));
        File.WriteAllLines(_directory["prompts.jsonl"], ["""{"prompt":"Film"}""", """{"text":"A story"}""", """{"prompt_ids":[65,66]}"""]);

        var reward = await ModelVerb.Run(
            "reward", "--policy", policy, "--data", _directory["trl.jsonl"], "--out", _directory["reward"], "--steps", "6", "--batch-size", "8", "--learning-rate", "3e-3", "--logging-steps", "3", "--json");

        reward.ExitCode.ShouldBe(0, reward.Errors);
        var lines = Lines(reward.Output);
        lines.SkipLast(1).Select(line => line["step"]!.GetValue<int>()).ShouldBe([0, 3, 6]);
        lines[0]["loss"]!.GetValue<double>().ShouldBe(Math.Log(2), 1e-6);
        lines[^1]["train_comparisons"]!.GetValue<int>().ShouldBe(36);
        lines[^1]["eval_comparisons"]!.GetValue<int>().ShouldBe(4);                               // a tenth of the prompts
        lines[^1]["eval_accuracy"].ShouldNotBeNull();
        lines[^1]["eval_expected_calibration_error"].ShouldNotBeNull();
        File.ReadLines(_directory["reward/metrics.jsonl"]).Count().ShouldBe(3);

        var ppo = await ModelVerb.Run(
            "ppo", "--policy", policy, "--reward", _directory["reward"], "--prompts", _directory["prompts.jsonl"], "--out", _directory["ppo"],
            "--steps", "2", "--batch-size", "8", "--mini-batch-size", "4", "--max-tokens", "6", "--json");

        ppo.ExitCode.ShouldBe(0, ppo.Errors);
        lines = Lines(ppo.Output);
        lines.Select(line => line["step"]!.GetValue<int>()).ShouldBe([0, 1]);
        lines[0]["objective/kl"]!.GetValue<double>().ShouldBe(0, 1e-4);
        File.ReadAllText(_directory["ppo/metrics.jsonl"]).ShouldBe(ppo.Output);

        var best = await ModelVerb.Run(
            "sample", "--policy", _directory["ppo"], "--prompt", "Film", "--n", "2", "--best-of", "4", "--reward", _directory["reward"], "--max-tokens", "3", "--json");

        best.ExitCode.ShouldBe(0, best.Errors);
        Lines(best.Output).Select(line => line["index"]!.GetValue<int>()).ShouldBe([0, 1]);
        Lines(best.Output).ShouldAllBe(line => line["score"] != null);

        var evaluated = await ModelVerb.Run(
            "evaluate", "--policy", _directory["ppo"], "--reference", policy, "--data", _directory["trl.jsonl"], "--prompts", _directory["prompts.jsonl"],
            "--reward", _directory["reward"], "--max-tokens", "6", "--json");

        evaluated.ExitCode.ShouldBe(0, evaluated.Errors);
        Lines(evaluated.Output).Single().AsObject().Select(one => one.Key).ShouldBe(
        [
            "eval_comparisons", "eval_dropped", "eval_loss", "eval_rewards/accuracies", "eval_rewards/margins", "eval_rewards/chosen", "eval_rewards/rejected", "eval_logps/chosen", "eval_logps/rejected",
            "samples", "objective/kl", "objective/kl_standard_error", "objective/scores", "objective/scores_standard_error",
            "mean_length", "ended_share", "distinct_1", "distinct_2", "repetition",
        ]);
    }

    [Fact]
    public async Task A_table_of_words_scores_in_place_of_a_reward_model()
    {
        var policy = TinyPolicy.WriteRandom(_directory["policy"]);
        File.WriteAllText(_directory["prompts.jsonl"], """{"prompt":"Film"}""");
        File.WriteAllText(_directory["scorer.tsv"], "#bias\t0.5\nfilm\t2\n");

        var ppo = await ModelVerb.Run(
            "ppo", "--policy", policy, "--scorer", _directory["scorer.tsv"], "--prompts", _directory["prompts.jsonl"], "--out", _directory["ppo"],
            "--steps", "1", "--batch-size", "4", "--mini-batch-size", "4", "--max-tokens", "3", "--json");
        var best = await ModelVerb.Run(
            "sample", "--policy", policy, "--prompt", "Film.", "--n", "2", "--best-of", "2", "--scorer", _directory["scorer.tsv"], "--max-tokens", "3", "--json");
        var evaluated = await ModelVerb.Run(
            "evaluate", "--policy", _directory["ppo"], "--reference", policy, "--prompts", _directory["prompts.jsonl"], "--scorer", _directory["scorer.tsv"], "--max-tokens", "3", "--json");

        ppo.ExitCode.ShouldBe(0, ppo.Errors);
        best.ExitCode.ShouldBe(0, best.Errors);
        Lines(best.Output).Select(line => line["score"]!.GetValue<double>()).ShouldBe([2.5, 2.5]);               // the prompt's own word and the bias
        evaluated.ExitCode.ShouldBe(0, evaluated.Errors);
        Lines(evaluated.Output).Single()["objective/scores"].ShouldNotBeNull();
    }

    [Fact]
    public async Task A_round_directory_is_read_with_its_own_split()
    {
        using var round = RoundFolder.Create();

        var (exitCode, output, errors) = await ModelVerb.Run(
            "reward", "--policy", Oracles.Find("models/gpt2"), "--data", round.Files.Root, "--out", _directory["reward"], "--steps", "1", "--json");

        exitCode.ShouldBe(0, errors);
        Lines(output)[^1]["eval_comparisons"]!.GetValue<int>().ShouldBe(RoundFolder.Preferences.Count(line => line.Split == PreferenceSplit.Eval));
    }

    [Theory]
    [InlineData("batch_size must be ≥ 1; it is 0", "reward", "--policy", "p", "--data", "d", "--out", "o", "--batch-size", "0")]
    [InlineData("--held-out-share must be in [0, 1)", "reward", "--policy", "p", "--data", "d", "--out", "o", "--held-out-share", "1")]
    [InlineData("--data", "reward", "--policy", "p", "--out", "o")]
    [InlineData("clip_range must be in (0, 1)", "ppo", "--policy", "p", "--reward", "r", "--prompts", "x", "--out", "o", "--clip-range", "1")]
    [InlineData("Give --reward (a reward model) or --scorer", "ppo", "--policy", "p", "--prompts", "x", "--out", "o")]
    [InlineData("Give --reward or --scorer, not both", "ppo", "--policy", "p", "--prompts", "x", "--out", "o", "--reward", "r", "--scorer", "s")]
    [InlineData("Give --reward or --scorer, not both", "evaluate", "--policy", "p", "--reference", "r", "--prompts", "x", "--reward", "r", "--scorer", "s")]
    [InlineData("--best-of (above 1) goes with --reward or --scorer", "sample", "--policy", "p", "--prompt", "x", "--best-of", "4")]
    [InlineData("Give --data (preferences), --prompts (to sample from), or both", "evaluate", "--policy", "p", "--reference", "r")]
    public async Task Wrong_arguments_exit_with_2_and_say_why(string reason, params string[] arguments)
    {
        var (exitCode, output, errors) = await ModelVerb.Run(arguments);

        exitCode.ShouldBe(2);
        output.ShouldBeEmpty();
        errors.ShouldContain(reason);
    }

    [Fact]
    public async Task A_policy_in_place_of_a_reward_model_fails_the_job_in_one_sentence()
    {
        var policy = TinyPolicy.WriteRandom(_directory["policy"]);
        File.WriteAllText(_directory["prompts.jsonl"], """{"prompt":"Film"}""");

        var (exitCode, _, errors) = await ModelVerb.Run("ppo", "--policy", policy, "--reward", policy, "--prompts", _directory["prompts.jsonl"], "--out", _directory["out"]);

        exitCode.ShouldBe(1);
        errors.ShouldContain("holds no reward model");
        errors.ShouldNotContain("   at ");
    }

    private static List<JsonNode> Lines(string output) => [.. output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonNode.Parse(line)!)];
}

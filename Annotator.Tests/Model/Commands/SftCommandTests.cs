using System.Text.Json.Nodes;
using Annotator.Tests.Fixtures;

namespace Annotator.Tests.Model.Commands;

[Collection(TorchCollection.Name)]
public sealed class SftCommandTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task Texts_make_a_policy_which_takes_make_finished_and_logprobs_scores()
    {
        var start = TinyPolicy.WriteRandom(_directory["start"]);
        File.WriteAllLines(_directory["reviews.jsonl"], Enumerable.Range(0, 40).Select(i =>
            $$"""{"text":"Film number {{i}} is a good one and I liked it. The end came too soon for me.","label":"pos"}"""));

        var scratch = await ModelVerb.Run(
            "sft", "--config", Path.Combine(start, "config.json"), "--data", _directory["reviews.jsonl"], "--held-out", _directory["reviews.jsonl"],
            "--out", _directory["base"], "--steps", "8", "--batch-size", "4", "--optimizer", "muon", "--logging-steps", "4", "--threads", "1", "--json");

        scratch.ExitCode.ShouldBe(0, scratch.Errors);
        var lines = scratch.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonNode.Parse(line)!).ToList();
        lines.Select(line => line["step"]!.GetValue<int>()).ShouldBe([0, 4, 8, 8]);
        lines[^1]["eval_loss"]!.GetValue<double>().ShouldBeLessThan(lines[0]["eval_loss"]!.GetValue<double>());
        lines[^1]["eval_bits_per_byte"].ShouldNotBeNull();
        File.ReadAllText(_directory["base/metrics.jsonl"]).ShouldBe(scratch.Output);

        var takes = await ModelVerb.Run("short-takes", "--data", _directory["reviews.jsonl"], "--tokenizer", _directory["base"], "--out", _directory["takes.jsonl.gz"], "--max-tokens", "100");
        takes.ExitCode.ShouldBe(0, takes.Errors);

        var tuned = await ModelVerb.Run(
            "sft", "--policy", _directory["base"], "--data", _directory["takes.jsonl.gz"], "--out", _directory["tuned"],
            "--steps", "3", "--batch-size", "4", "--dtype", "float16", "--threads", "1");
        tuned.ExitCode.ShouldBe(0, tuned.Errors);
        new FileInfo(_directory["tuned/model.safetensors"]).Length.ShouldBeLessThan(new FileInfo(_directory["base/model.safetensors"]).Length);
        Directory.Exists(_directory["tuned/checkpoint"]).ShouldBeFalse();

        File.WriteAllText(_directory["input.jsonl"], """{"prompt":"Film","completion":" number","append_eos":true}""" + "\n");
        var scored = await ModelVerb.Run("logprobs", "--policy", _directory["tuned"], "--input", _directory["input.jsonl"], "--json");
        JsonNode.Parse(scored.Output)!["num_tokens"]!.GetValue<int>().ShouldBe(" number".Length + 1);
    }

    [Theory]
    [InlineData("Give either --policy", "--data", "x")]
    [InlineData("--batch-size must be at least 1", "--data", "x", "--policy", "p", "--batch-size", "0")]
    [InlineData("--data", "--policy", "p")]
    public async Task Wrong_arguments_exit_with_2_and_say_why(string reason, params string[] arguments)
    {
        var (exitCode, output, errors) = await ModelVerb.Run(["sft", "--out", _directory["out"], .. arguments]);

        exitCode.ShouldBe(2);
        output.ShouldBeEmpty();
        errors.ShouldContain(reason);
    }

    [Fact]
    public async Task A_missing_data_file_fails_the_job_in_one_sentence()
    {
        var start = TinyPolicy.WriteRandom(_directory["start"]);

        var (exitCode, _, errors) = await ModelVerb.Run("sft", "--policy", start, "--data", _directory["nowhere.jsonl"], "--out", _directory["out"]);

        exitCode.ShouldBe(1);
        errors.ShouldContain("nowhere.jsonl");
        errors.ShouldNotContain("   at ");
    }
}

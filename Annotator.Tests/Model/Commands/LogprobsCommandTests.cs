using System.Text.Json.Nodes;
using Annotator.Tests.Fixtures;

namespace Annotator.Tests.Model.Commands;

[Collection(TorchCollection.Name)]
public sealed class LogprobsCommandTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    public static TheoryData<string> Folders => [.. Oracles.Models];

    [Theory, MemberData(nameof(Folders))]
    public async Task Json_lines_hold_the_log_probabilities_of_transformers(string name)
    {
        var expected = Oracles.ExpectedOfModel(name)["sequences"]!.AsArray();
        var input = _directory["input.jsonl"];
        await File.WriteAllLinesAsync(input, expected.Select(sequence => new JsonObject
        {
            ["prompt_ids"] = Ids(sequence!, 0, PromptLength(sequence!)),
            ["completion_ids"] = Ids(sequence!, PromptLength(sequence!), int.MaxValue),
        }.ToJsonString()), TestContext.Current.CancellationToken);

        var result = await Run("--policy", Oracles.Find($"models/{name}"), "--input", input, "--json");

        result.ExitCode.ShouldBe(0, result.Errors);
        var lines = result.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        lines.Length.ShouldBe(expected.Count);
        foreach (var (line, sequence) in lines.Zip(expected))
        {
            var output = JsonNode.Parse(line)!;
            var tokens = sequence!["token_logprobs"]!.Floats()[(PromptLength(sequence) - 1)..];
            output.AsObject().Select(pair => pair.Key).ShouldBe(["token_logprobs", "completion_logprob", "num_tokens"]);
            output["num_tokens"]!.GetValue<int>().ShouldBe(tokens.Length);
            output["token_logprobs"]!.Floats().Zip(tokens, (a, e) => Math.Abs(a - e)).Max().ShouldBeLessThan(5e-5f);
            output["completion_logprob"]!.GetValue<double>().ShouldBe(sequence["completion_logprob"]!.GetValue<double>(), 2e-4);
        }
    }

    [Fact]
    public async Task A_line_that_can_not_be_read_fails_the_job_in_one_sentence()
    {
        await File.WriteAllTextAsync(_directory["input.jsonl"], "{\"prompt\":\"x\"}\n", TestContext.Current.CancellationToken);

        var result = await Run("--policy", Oracles.Find("models/gpt2"), "--input", _directory["input.jsonl"], "--json");

        result.ExitCode.ShouldBe(1);
        result.Output.ShouldBeEmpty();
        result.Errors.Trim().ShouldContain("input.jsonl, line 1: it must have");
        result.Errors.ShouldNotContain("   at ");
    }

    [Fact]
    public async Task Weights_that_are_not_numbers_fail_the_job_and_the_policy_is_named()
    {
        var policy = TinyPolicy.WriteUnigram(_directory["policy"], id => id == 9 ? float.NaN : 0);
        await File.WriteAllTextAsync(_directory["input.jsonl"], "{\"prompt_ids\":[1],\"completion_ids\":[2]}\n", TestContext.Current.CancellationToken);

        var scored = await Run("--policy", policy, "--input", _directory["input.jsonl"], "--json");
        var sampled = await ModelVerb.Run("sample", "--policy", policy, "--prompt-ids", "1", "--max-tokens", "4", "--json");

        foreach (var (exitCode, output, errors) in new[] { scored, sampled })
        {
            exitCode.ShouldBe(1);
            output.ShouldBeEmpty();
            errors.ShouldContain(policy);
            errors.ShouldContain("not finite");
            errors.Trim().ShouldNotContain("\n");
        }
    }

    [Fact]
    public async Task Wrong_arguments_exit_with_2()
    {
        var result = await Run("--input", "x");

        result.ExitCode.ShouldBe(2);
        result.Errors.ShouldContain("--policy");
    }

    private static Task<(int ExitCode, string Output, string Errors)> Run(params string[] arguments) =>
        ModelVerb.Run(["logprobs", .. arguments]);

    private static JsonArray Ids(JsonNode sequence, int from, int to)
    {
        var ids = sequence["input_ids"]!.Longs();
        return [.. ids[from..Math.Min(to, ids.Length)].Select(id => (JsonNode)id)];
    }

    private static int PromptLength(JsonNode sequence) => sequence["prompt_length"]!.GetValue<int>();
}

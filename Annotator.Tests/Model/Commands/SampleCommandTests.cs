using System.Text.Json.Nodes;
using Annotator.Tests.Fixtures;

namespace Annotator.Tests.Model.Commands;

[Collection(TorchCollection.Name)]
public sealed class SampleCommandTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task Json_lines_hold_the_responses_drawn_with_the_options_given()
    {
        // Nearly equal weights for a to d: min-p 1 takes the first of them, the penalty forbids what was said.
        TinyPolicy.WriteUnigram(_directory["policy"], id => id is >= 'a' and <= 'd' ? 2 - (0.01f * (id - 'a')) : TinyPolicy.Never);

        var result = await ModelVerb.Run("sample", "--policy", _directory["policy"], "--prompt", "A film", "--n", "2", "--max-tokens", "4",
            "--min-p", "1", "--repetition-penalty", "2", "--seed", "7", "--json");

        result.ExitCode.ShouldBe(0, result.Errors);
        var responses = result.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonNode.Parse(line)!).ToList();
        responses.Select(response => (int)response["index"]!).ShouldBe([0, 1]);
        responses.ShouldAllBe(response => (string)response["text"]! == "abcd" && (string)response["finish_reason"]! == "length");
        responses.ShouldAllBe(response => Math.Abs((double)response["logprob"]! - (4 * Math.Log(0.25))) < 0.1);
    }

    [Theory]
    [InlineData("--min-p", "2", "min_p must be in [0, 1]")]
    [InlineData("--repetition-penalty", "0", "repetition_penalty must be in [0.1, 10]")]
    [InlineData("--temperature", "-1", "temperature must be in [0, 2]")]
    public async Task An_option_out_of_range_is_one_sentence_and_exit_code_2(string option, string value, string says)
    {
        var result = await ModelVerb.Run("sample", "--policy", _directory.Path, "--prompt", "A", option, value);
        result.ExitCode.ShouldBe(2);
        result.Errors.ShouldContain(says);
    }
}

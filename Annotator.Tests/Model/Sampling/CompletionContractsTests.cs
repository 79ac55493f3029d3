using System.Text.Json;
using Annotator.Model.Sampling;

namespace Annotator.Tests.Model.Sampling;

public sealed class CompletionContractsTests
{
    [Theory]
    [InlineData("\"I liked\"", "I liked")]
    [InlineData("[1,2,3]", "1 2 3")]
    [InlineData("[\"one\",\"two\"]", "one|two")]
    [InlineData("[[1,2],[3]]", "1 2|3")]
    [InlineData("[\"one\",[3]]", "one|3")]
    [InlineData("[]", "")]
    public void A_prompt_is_text_or_token_ids_or_several_of_these(string json, string expected)
    {
        var request = Read($$"""{"prompt":{{json}}}""");
        string.Join('|', request.Prompt!.Select(p => p.Text ?? string.Join(' ', p.TokenIds!))).ShouldBe(expected);
    }

    [Theory]
    [InlineData("""{"prompt":[1,"two"]}""", "$.prompt")]
    [InlineData("""{"prompt":[1.5]}""", "$.prompt")]
    [InlineData("""{"prompt":[[["deep"]]]}""", "$.prompt")]
    [InlineData("""{"prompt":12}""", "$.prompt")]
    [InlineData("""{"stop":[1]}""", "$.stop")]
    [InlineData("""{"max_tokens":"12"}""", "$.max_tokens")]
    public void A_value_of_the_wrong_kind_is_refused_by_the_fields_name(string json, string path) =>
        Should.Throw<JsonException>(() => Read(json)).Path!.ShouldStartWith(path);

    [Fact]
    public void A_request_is_written_in_snake_case_without_what_was_not_set()
    {
        var request = new CompletionRequest
        {
            Model = "3f2a",
            Prompt = [CompletionPrompt.FromText("I liked")],
            MaxTokens = 64,
            TopP = 0.9,
            Seed = 7,
            Stop = ["\n"],
            ReturnTokenIds = true,
        };
        JsonSerializer.Serialize(request, CompletionJson.Default.CompletionRequest).ShouldBe(
            """{"prompt":"I liked","model":"3f2a","max_tokens":64,"top_p":0.9,"seed":7,"stop":["\n"],"return_token_ids":true}""");
    }

    [Fact]
    public void What_the_contract_does_not_name_is_kept_so_that_it_can_be_refused() =>
        Read("""{"temprature":0.5}""").Unknown!.Keys.ShouldBe(["temprature"]);

    [Fact]
    public void An_error_has_all_four_of_OpenAIs_fields() =>
        JsonSerializer.Serialize(new ErrorResponse(new("No.", "server_error")), CompletionJson.Default.ErrorResponse)
            .ShouldBe("""{"error":{"message":"No.","type":"server_error","param":null,"code":null}}""");

    private static CompletionRequest Read(string json) =>
        JsonSerializer.Deserialize(json, CompletionJson.Default.CompletionRequest)!;
}

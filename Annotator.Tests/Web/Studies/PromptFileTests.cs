using Annotator.Web.Data;
using Annotator.Web.Studies;

namespace Annotator.Tests.Web.Studies;

public sealed class PromptFileTests : IDisposable
{
    private static readonly CancellationToken Cancellation = TestContext.Current.CancellationToken;
    private readonly string path = Path.GetTempFileName();

    public void Dispose() => File.Delete(path);

    [Fact]
    public async Task A_line_is_a_text_and_perhaps_a_split()
    {
        File.WriteAllText(path, """
            {"text": "This film was"}

            {"text": " Two leads ", "split": "heldout"}
            """);

        (await PromptFile.ReadAsync(path, Cancellation)).ShouldBe([new("This film was", PromptSplit.Train), new("Two leads", PromptSplit.Heldout)]);
    }

    [Fact]
    public async Task A_line_may_be_a_chat_that_waits_for_an_answer_and_have_a_priority()
    {
        File.WriteAllText(path, """{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Why?"}], "priority": 2}""");

        var prompt = (await PromptFile.ReadAsync(path, Cancellation)).ShouldHaveSingleItem();

        prompt.Text.ShouldBe("System: Be brief.\n\nUser: Why?");
        prompt.Messages.ShouldBe([new("system", "Be brief."), new("user", "Why?")]);
        prompt.Priority.ShouldBe(2);
    }

    [Theory]
    [InlineData("""{"messages":[{"role":"assistant","content":"b"}]}""", "Line 1")]
    [InlineData("""{"messages":[]}""", "Line 1")]
    [InlineData("", "is empty")]
    [InlineData("\n \n", "is empty")]
    [InlineData("{\"text\":\"a b\"}\nnonsense", "Line 2")]
    [InlineData("{\"text\":\"  \"}", "Line 1")]
    [InlineData("{\"question\":\"a b\"}", "Line 1")]
    [InlineData("{\"text\":\"a b\",\"split\":\"other\"}", "Line 1")]
    [InlineData("{\"text\":\"a b\"}\n{\"text\":\"a b\"}", "Line 2")]
    public async Task A_bad_file_is_told_in_one_sentence_with_its_path(string content, string expected)
    {
        File.WriteAllText(path, content);

        var message = (await Should.ThrowAsync<StartupException>(() => PromptFile.ReadAsync(path, Cancellation))).Message;

        message.ShouldContain(expected);
        message.ShouldContain(path);
    }

    /// <summary>As the page for prompts takes them: a chat that ends with an answer goes without it.</summary>
    [Fact]
    public async Task It_may_be_whatever_prompts_are_added_from()
    {
        var table = path + ".csv";
        File.WriteAllText(table, "prompt,split\nGreen tea is,\n\"[{\"\"role\"\":\"\"user\"\",\"\"content\"\":\"\"Tea?\"\"},{\"\"role\"\":\"\"assistant\"\",\"\"content\"\":\"\"Green.\"\"}]\",test\n");
        try
        {
            (await PromptFile.ReadAsync(table, Cancellation)).Select(prompt => (prompt.Text, prompt.Messages?.Count, prompt.Split))
                .ShouldBe([("Green tea is", null, PromptSplit.Train), ("User: Tea?", 1, PromptSplit.Heldout)]);
        }
        finally
        {
            File.Delete(table);
        }
    }

    [Fact]
    public async Task A_missing_file_is_told_in_one_sentence() =>
        (await Should.ThrowAsync<StartupException>(() => PromptFile.ReadAsync(path + ".not", Cancellation))).Message.ShouldContain(path);

    [Fact]
    public async Task The_starter_prompts_are_openings_of_two_to_eight_words()
    {
        (await PromptFile.ReadAsync(StarterData.Prompts, Cancellation)).Select(p => p.Text.Split(' ').Length).ShouldAllBe(words => words >= 2 && words <= 8);
    }
}

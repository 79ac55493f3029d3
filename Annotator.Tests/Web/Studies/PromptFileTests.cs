using Annotator.Web.Data;
using Annotator.Web.Studies;

namespace Annotator.Tests.Web.Studies;

public sealed class PromptFileTests : IDisposable
{
    private readonly string path = Path.GetTempFileName();

    public void Dispose() => File.Delete(path);

    [Fact]
    public void A_line_is_a_text_and_perhaps_a_split()
    {
        File.WriteAllText(path, """
            {"text": "This film was"}

            {"text": " Two leads ", "split": "heldout"}
            """);

        PromptFile.Read(path).ShouldBe([new("This film was", PromptSplit.Train), new("Two leads", PromptSplit.Heldout)]);
    }

    [Fact]
    public void A_line_may_be_a_chat_that_waits_for_an_answer_and_have_a_priority()
    {
        File.WriteAllText(path, """{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Why?"}], "priority": 2}""");

        var prompt = PromptFile.Read(path).ShouldHaveSingleItem();

        prompt.Text.ShouldBe("System: Be brief.\n\nUser: Why?");
        prompt.Messages.ShouldBe([new("system", "Be brief."), new("user", "Why?")]);
        prompt.Priority.ShouldBe(2);
    }

    [Theory]
    [InlineData("""{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]}""", "Line 1")]
    [InlineData("""{"messages":[]}""", "Line 1")]
    [InlineData("""{"text":"a","messages":[{"role":"user","content":"a"}]}""", "Line 1")]
    [InlineData("", "is empty")]
    [InlineData("\n \n", "is empty")]
    [InlineData("{\"text\":\"a b\"}\nnonsense", "Line 2")]
    [InlineData("{\"text\":\"  \"}", "Line 1")]
    [InlineData("{\"prompt\":\"a b\"}", "Line 1")]
    [InlineData("{\"text\":\"a b\",\"split\":\"test\"}", "Line 1")]
    [InlineData("{\"text\":\"a b\"}\n{\"text\":\"a b\"}", "Line 2")]
    public void A_bad_file_is_told_in_one_sentence_with_its_path(string content, string expected)
    {
        File.WriteAllText(path, content);

        var message = Should.Throw<StartupException>(() => PromptFile.Read(path)).Message;

        message.ShouldContain(expected);
        message.ShouldContain(path);
    }

    [Fact]
    public void A_missing_file_is_told_in_one_sentence() =>
        Should.Throw<StartupException>(() => PromptFile.Read(path + ".not")).Message.ShouldContain(path);

    [Fact]
    public void The_starter_prompts_are_openings_of_two_to_eight_words()
    {
        PromptFile.Read(StarterData.Prompts).Select(p => p.Text.Split(' ').Length).ShouldAllBe(words => words >= 2 && words <= 8);
    }
}

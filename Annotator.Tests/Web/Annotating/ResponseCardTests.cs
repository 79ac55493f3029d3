using Annotator.Web.Annotating;
using Annotator.Web.Annotating.Reading;
using Bunit;
using Microsoft.Extensions.DependencyInjection;

namespace Annotator.Tests.Web.Annotating;

public sealed class ResponseCardTests : BunitContext
{
    public ResponseCardTests() => Services.AddSingleton<ReadableTexts>().AddLogging().AddLocalization();

    [Fact]
    public void A_response_is_read_as_the_prompts_continuation_and_its_text_is_only_text()
    {
        var card = Render("This film was", " <b>bold</b>\n& brave.");

        card.Find(".text p").TextContent.ShouldBe("This film was <b>bold</b>\n& brave.");
        card.Find(".lead").GetAttribute("aria-hidden").ShouldBe("true", "the prompt was read out already");
        card.FindAll("b").ShouldBeEmpty();
    }

    [Fact]
    public void Of_a_long_prompt_the_last_whole_words_lead_in()
    {
        var prompt = string.Join(' ', Enumerable.Range(1, 100).Select(i => $"word{i}"));

        var lead = Render(prompt, ".").Find(".lead").TextContent;

        lead.ShouldStartWith("… word");
        lead.ShouldEndWith(" word100");
        lead.Length.ShouldBeLessThanOrEqualTo(161);
    }

    [Theory]
    [InlineData(Outcome.Chosen, 1)]
    [InlineData(Outcome.Bad, 1)]
    [InlineData(Outcome.Passed, 0)]
    [InlineData(Outcome.None, 0)]
    public void An_answer_is_marked_by_more_than_colour(Outcome outcome, int marks) =>
        Render("A", " b", outcome).FindAll(".mark").Count.ShouldBe(marks);

    private IRenderedComponent<ResponseCard> Render(string prompt, string text, Outcome outcome = Outcome.None) =>
        Render<ResponseCard>(card => card.Add(c => c.Number, 1).Add(c => c.Prompt, prompt).Add(c => c.Text, text).Add(c => c.Outcome, outcome));
}

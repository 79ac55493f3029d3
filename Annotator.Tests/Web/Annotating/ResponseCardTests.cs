using Annotator.Tests.Fixtures;
using Annotator.Web.Annotating;
using Annotator.Web.Annotating.Reading;
using Bunit;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;

namespace Annotator.Tests.Web.Annotating;

public sealed class ResponseCardTests : BunitContext
{
    private readonly DeskDatabase database = new();

    public ResponseCardTests() => Services.AddSingleton<ReadableTexts>().AddLogging().AddLocalization();

    [Fact]
    public async Task A_response_is_read_as_the_prompts_continuation_and_its_text_is_only_text()
    {
        var card = await RenderAsync("This film was", " <b>bold</b>\n& brave.");

        card.Find(".text p").TextContent.ShouldBe("This film was <b>bold</b>\n& brave.");
        card.Find(".lead").GetAttribute("aria-hidden").ShouldBe("true", "the prompt was read out already");
        card.FindAll("b").ShouldBeEmpty();
    }

    [Fact]
    public async Task Of_a_long_prompt_the_last_whole_words_lead_in()
    {
        var prompt = string.Join(' ', Enumerable.Range(1, 100).Select(i => $"word{i}"));

        var lead = (await RenderAsync(prompt, ".")).Find(".lead").TextContent;

        lead.ShouldStartWith("… word");
        lead.ShouldEndWith(" word100");
        lead.Length.ShouldBeLessThanOrEqualTo(161);
    }

    [Fact]
    public async Task A_response_to_a_chat_is_a_turn_of_its_own()
    {
        var card = await RenderAsync("User: Hello", "Hello to you.", chat: true);

        card.FindAll(".lead").ShouldBeEmpty();
    }

    [Theory]
    [InlineData(Outcome.Chosen, 1)]
    [InlineData(Outcome.Bad, 1)]
    [InlineData(Outcome.Passed, 0)]
    [InlineData(Outcome.None, 0)]
    public async Task An_answer_is_marked_by_more_than_colour(Outcome outcome, int marks) =>
        (await RenderAsync("A", " b", outcome)).FindAll(".mark").Count.ShouldBe(marks);

    private async Task<IRenderedComponent<ResponseCard>> RenderAsync(string prompt, string text, Outcome outcome = Outcome.None, bool chat = false)
    {
        var seat = database.AddAnnotator("ada");
        var session = new DeskSession(
            database.Desk, seat, (await database.Desk.StudyAsync(seat.Person))!, database.Clock, TimeSpan.Zero, NullLogger<DeskSession>.Instance, EnglishWords.All);
        var comparison = new ShownComparison(1, prompt, [0, 1], [text, "another"]) { Messages = chat ? [new("user", "Hello")] : null };
        return Render<ResponseCard>(card => card.Add(c => c.Number, 1).Add(c => c.Comparison, comparison).Add(c => c.Position, 0)
            .Add(c => c.Session, session).Add(c => c.Steps, new AnswerSteps(session)).Add(c => c.Outcome, outcome));
    }

    protected override void Dispose(bool disposing)
    {
        database.Dispose();
        base.Dispose(disposing);
    }
}

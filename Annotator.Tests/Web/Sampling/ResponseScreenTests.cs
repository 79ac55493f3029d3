using Annotator.Web.Sampling;

namespace Annotator.Tests.Web.Sampling;

public sealed class ResponseScreenTests
{
    [Fact]
    public void Two_different_responses_may_be_compared() =>
        ResponseScreen.Refusal([" is a gem.", " is a bore."]).ShouldBeNull();

    [Fact]
    public void Responses_that_are_equal_but_for_the_space_around_them_are_refused() =>
        ResponseScreen.Refusal([" is a gem.", " is a gem. \n"]).ShouldBe("two responses were equal");

    [Fact]
    public void An_empty_response_is_refused() =>
        ResponseScreen.Refusal([" is a gem.", " \n"]).ShouldBe("a response was empty");

    [Theory]
    [InlineData("As an AI language model, I can't watch films.")]
    [InlineData("I'm ChatGPT and I liked it.")]
    [InlineData("My name is Claude.")]
    [InlineData("I was trained by OpenAI.")]
    public void A_response_that_names_its_model_is_refused(string text) =>
        ResponseScreen.Refusal([text, " is a bore."]).ShouldBe("a response named its model");

    [Theory]
    [InlineData("Claude Rains is superb, as an actor and as a model of restraint.")]
    [InlineData("A llama steals the show; the Gemini mission is dull.")]
    public void Names_that_films_are_full_of_are_not(string text) => ResponseScreen.Refusal([text, "x"]).ShouldBeNull();
}

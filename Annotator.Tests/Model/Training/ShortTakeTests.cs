using Annotator.Model.Training;

namespace Annotator.Tests.Model.Training;

public sealed class ShortTakeTests
{
    [Fact]
    public void A_take_is_the_start_of_the_review_split_after_a_few_words()
    {
        const string Review = "I saw this with Mr. Smith at the J. Paul Getty theatre and we both liked it. It was fun!  The rest is not used.\nNor this.";

        var take = Cut(Review)!;

        take.Prompt.Split(' ').Length.ShouldBeInRange(2, 8);
        take.Completion.ShouldStartWith(" ");
        new[]
        {
            "I saw this with Mr. Smith at the J. Paul Getty theatre and we both liked it.",
            "I saw this with Mr. Smith at the J. Paul Getty theatre and we both liked it. It was fun!",
        }.ShouldContain(take.Prompt + take.Completion);
    }

    [Fact]
    public void The_same_review_and_seed_give_the_same_take_and_seeds_differ()
    {
        const string Review = "One two three four five six seven eight nine ten eleven twelve thirteen. And so on.";

        Cut(Review).ShouldBe(Cut(Review));
        Enumerable.Range(0, 20).Select(seed => Cut(Review, seed)!.Prompt).Distinct().Count().ShouldBeGreaterThan(3);
    }

    [Theory]
    [InlineData("Too short. Yes.")]                                                               // fewer tokens than asked for
    [InlineData("no sentence ever ends here and it goes on and on and on without a stop")]
    [InlineData("This one has <b>markup</b> in the middle of its first sentence, which nobody wants.")]
    [InlineData("See http://example.org for the rest of what I have to say about this one film.")]
    [InlineData("")]
    public void A_review_that_does_not_fit_is_left_out(string review) => Cut(review).ShouldBeNull();

    [Fact]
    public void An_ellipsis_or_decimal_is_no_end()
    {
        var take = Cut("Well... this got 7.5 points from me and I would give it more if I could, honest.")!;

        (take.Prompt + take.Completion).ShouldEndWith("honest.");
    }

    private static ShortTake? Cut(string review, int seed = 0) =>
        ShortTake.From(review, seed, text => text.Split(' ', StringSplitOptions.RemoveEmptyEntries).Length, fewest: 4, most: 60);
}

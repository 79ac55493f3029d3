using Annotator.Model.Sampling;

namespace Annotator.Tests.Model.Sampling;

public sealed class StopStringsTests
{
    [Theory]
    [InlineData("END", "A good film. ", "The E", "ND of it")]
    [InlineData("\n\n", "A good film. The ", "\n", "\n", "more")]
    [InlineData("END", "A good film. The ENDEND")]
    public void Text_ends_before_the_first_stop_string_wherever_the_pieces_break(string stop, params string[] pieces)
    {
        var strings = new StopStrings([stop]);
        var text = string.Concat(pieces.Select(strings.Push)) + strings.Flush();
        text.ShouldBe("A good film. The ");
        strings.Reached.ShouldBeTrue();
    }

    [Fact]
    public void Of_several_stop_strings_the_earliest_in_the_text_counts()
    {
        var strings = new StopStrings(["film", "good"]);
        strings.Push("a good film").ShouldBe("a ");
    }

    [Fact]
    public void What_might_begin_a_stop_string_is_held_back_and_released_when_it_does_not()
    {
        var strings = new StopStrings(["abc"]);
        strings.Push("xab").ShouldBe("x");
        strings.Push("ab").ShouldBe("ab");
        strings.Reached.ShouldBeFalse();
        strings.Flush().ShouldBe("ab");
    }

    [Fact]
    public void Without_stop_strings_text_passes_at_once()
    {
        var strings = new StopStrings([]);
        strings.Push("abc").ShouldBe("abc");
        strings.Flush().ShouldBe("");
    }
}

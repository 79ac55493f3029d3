using Annotator.Web.Annotating.Reading;

namespace Annotator.Tests.Web.Annotating.Reading;

public sealed class TextPartsTests
{
    [Fact]
    public void A_text_of_ordinary_length_is_one_part() => TextParts.Of(new string('a', 14_000)).ShouldHaveSingleItem();

    [Fact]
    public void A_long_text_is_cut_between_paragraphs_and_nothing_is_lost()
    {
        var text = string.Join("\n\n", Enumerable.Range(1, 3000).Select(i => $"Paragraph {i} says something of its own."));

        var parts = TextParts.Of(text);

        string.Concat(parts).ShouldBe(text);
        parts.ShouldAllBe(part => part.StartsWith("Paragraph", StringComparison.Ordinal) && part.Length <= TextParts.Length * 3 / 2);
    }

    [Fact]
    public void A_text_without_a_space_is_cut_between_characters()
    {
        var text = "a" + string.Concat(Enumerable.Repeat("😀", 50_000));

        var parts = TextParts.Of(text);

        string.Concat(parts).ShouldBe(text);
        parts.Skip(1).ShouldAllBe(part => char.IsHighSurrogate(part[0]));
    }

    [Fact]
    public void Code_that_is_cut_goes_on_as_code()
    {
        var text = "~~~~python\n" + string.Concat(Enumerable.Range(1, 2000).Select(i => $"x{i} = '```'\n")) + "~~~~\n\n*end*";

        var parts = TextParts.Of(text);

        parts.Count.ShouldBeGreaterThan(1);
        parts.Skip(1).ShouldAllBe(part => part.StartsWith("~~~~python\nx", StringComparison.Ordinal));
        parts.SkipLast(1).ShouldAllBe(part => part.EndsWith("\n~~~~", StringComparison.Ordinal));
        ReadableHtml.From(parts[^1]).Html.ShouldEndWith("<p dir=\"auto\"><em>end</em></p>\n");
    }
}

using Annotator.Tests.Fixtures;
using Annotator.Web.Annotating.Reading;

namespace Annotator.Tests.Web.Annotating.Reading;

public sealed class ReadableHtmlTests
{
    [Fact]
    public void Markdown_becomes_html()
    {
        var html = ReadableHtml.From("# Plan\nFirst *this*,\nthen ~~that~~ **those**.\n\n- one\n- two\n\n| a | b |\n|---|---|\n| 1 | `x|y` |\n\n> so be it").Html;

        html.ShouldContain("<h3 dir=\"auto\">Plan</h3>");
        html.ShouldContain("<p dir=\"auto\">First <em>this</em>,<br>\nthen <del>that</del> <strong>those</strong>.</p>");
        html.ShouldContain("<li dir=\"auto\">one</li>");
        html.ShouldContain("<td dir=\"auto\">1</td>");
        html.ShouldContain("<blockquote dir=\"auto\">");
    }

    [Theory]
    [InlineData(", quiet film about two brothers and a boat.")]
    [InlineData("one\n  two\n\n\n    three & four <five> at http://example.org &amp; so on")]
    [InlineData("It costs $5 and $10.\n\n\tSnake_case_names and 2 * 3 * 4 stay.")]
    public void A_text_without_markdown_is_shown_character_for_character(string text)
    {
        ReadableHtml.From(text).ShouldBe(new($"<p class=\"as-written\" dir=\"auto\">{System.Net.WebUtility.HtmlEncode(text)}</p>", IsAsWritten: true));
    }

    [Fact]
    public void Dashes_under_a_sentence_make_no_heading_of_it()
    {
        ReadableHtml.From("A sentence\n---").IsAsWritten.ShouldBeTrue();
        ReadableHtml.From("A sentence\n\n---\n\nAnother").Html.ShouldBe("<p dir=\"auto\">A sentence</p>\n<hr>\n<p dir=\"auto\">Another</p>\n");
    }

    [Theory]
    [InlineData("<script>alert(1)</script> *x*")]
    [InlineData("<img src=x onerror=alert(1)> *x*")]
    [InlineData("<svg/onload=alert(1)> *x*")]
    [InlineData("<style>*{display:none}</style> *x*")]
    [InlineData("[a](javascript:alert(1))")]
    [InlineData("[a](JaVaScRiPt:alert(1))")]
    [InlineData("[a](data:text/html,<script>alert(1)</script>)")]
    [InlineData("[a](vbscript:x) [b](/account) [c](//elsewhere.example) <javascript:alert(1)>")]
    [InlineData("![a](https://elsewhere.example/spy.png \"t\")")]
    [InlineData("![a](javascript:alert(1))")]
    [InlineData("[$x$\" onclick=alert(1)](https://a.example/$\"onclick=alert(1)$)")]
    [InlineData("```\"><script>alert(1)</script>\n</code></pre><script>\n```")]
    public void Nothing_that_runs_or_loads_gets_through(string text)
    {
        var body = new AngleSharp.Html.Parser.HtmlParser().ParseDocument(ReadableHtml.From(text).Html).Body!;

        body.QuerySelectorAll("script, img, svg, style, iframe, form, input").ShouldBeEmpty();
        foreach (var element in body.QuerySelectorAll("*"))
        {
            element.Attributes.Select(a => a.Name).ShouldBeSubsetOf(["dir", "href", "rel", "target", "title", "class", "tabindex"]);
            if (element.GetAttribute("href") is { } address)
            {
                address.ShouldStartWith("https://");
                element.GetAttribute("rel").ShouldBe("noopener noreferrer nofollow");
            }
        }
    }

    [Fact]
    public void A_picture_is_a_link_to_itself()
    {
        ReadableHtml.From("![a *red* boat](https://elsewhere.example/boat.png)").Html.ShouldContain("class=\"picture\"");
        ReadableHtml.From("![a *red* boat](https://elsewhere.example/boat.png)").Html.ShouldContain("a <em>red</em> boat</a>");
        ReadableHtml.From("![](https://elsewhere.example/boat.png)").Html.ShouldContain(">https://elsewhere.example/boat.png</a>");
    }

    [Theory]
    [InlineData(@"$a_1 * b_2 * c_{3}$")]
    [InlineData(@"\(x^* \le y_* \)")]
    [InlineData("$$\na_1 * b\n- c\n= \\frac{1}{2} \\\\\n$$")]
    [InlineData("\\[\n\\sum_{i=1}^n *x_i*\n\\]")]
    [InlineData("\\begin{align*}\na &= b \\\\\n- c &< d\n\\end{align*}")]
    public void A_formula_is_shown_as_it_was_written(string formula)
    {
        var html = ReadableHtml.From($"So *then* {formula} holds.").Html;

        html.ShouldContain("<em>then</em>");
        new AngleSharp.Html.Parser.HtmlParser().ParseDocument(html).QuerySelector(".formula")!.TextContent.ShouldBe(formula);
    }

    [Fact]
    public void Dollars_in_prose_and_in_code_are_not_formulas()
    {
        ReadableHtml.From("It *costs* $5, not $10.").Html.ShouldNotContain("formula");
        ReadableHtml.From("`echo $HOME $PATH` *and*\n\n```\necho $a $b$c\n```").Html.ShouldContain("<code>echo $a $b$c</code>");
        ReadableHtml.From("`$x_1$` *and*").Html.ShouldContain("<code>$x_1$</code>");
    }

    [Fact]
    public void Code_has_its_language_in_colour_and_stays_code()
    {
        var html = ReadableHtml.From("```python\ndef f(x):  # <b>\n    return 'a'\n```").Html;

        html.ShouldContain("<span class=\"code-keyword\">def</span> f(x):  <span class=\"code-comment\"># &lt;b&gt;</span>");
        html.ShouldContain("    <span class=\"code-keyword\">return</span> <span class=\"code-string\">'a'</span>");
        ReadableHtml.From("```brainfuck\n+[-->-]\n```").Html.ShouldContain("<code>+[--&gt;-]</code>");
    }

    [Fact]
    public void What_can_not_be_seen_is_shown_by_its_number()
    {
        ReadableHtml.From("pay\u200Bpal \u202Etxt.exe\u202C *x*").Html
            .ShouldContain("pay<span class=\"hidden-character\" dir=\"ltr\">U+200B</span>pal <span class=\"hidden-character\" dir=\"ltr\">U+202E</span>txt.exe<span");
        ReadableHtml.From("a\0" + new string('\u200B', 5000) + "\uD83D").Html.ShouldBe(
            "<p class=\"as-written\" dir=\"auto\">a<span class=\"hidden-character\">U+0000</span><span class=\"hidden-character\">U+200B × 5000</span><span class=\"hidden-character\">U+D83D</span></p>");
    }

    [Theory]
    [InlineData("👨‍👩‍👧 ❤️‍🔥 🏴󠁧󠁢󠁥󠁮󠁧󠁿 👍🏽")]
    [InlineData("می‌خواهم")]
    [InlineData("क्‍ष")]
    public void What_writing_needs_stays_as_it_is(string text) =>
        ReadableHtml.AsWritten(text).Html.ShouldBe($"<p class=\"as-written\" dir=\"auto\">{System.Net.WebUtility.HtmlEncode(text)}</p>");

    [Theory]
    [InlineData("[")]
    [InlineData(">")]
    [InlineData("* ")]
    [InlineData("**a ")]
    [InlineData("$")]
    [InlineData("$$ ")]
    [InlineData("\\[")]
    [InlineData("\\begin{a}")]
    [InlineData("`")]
    [InlineData("![](")]
    [InlineData("| a ")]
    [InlineData("a_")]
    [InlineData("\u200B\u200C")]
    [InlineData("```c#\n\"\\\n")]
    public void A_part_of_anything_repeated_is_read_in_a_moment(string unit)
    {
        var text = string.Concat(Enumerable.Repeat(unit, TextParts.Length / unit.Length));
        ReadableHtml.From("*warm*");

        ThreadClock.Of(() => ReadableHtml.From(text).Html.ShouldNotBeEmpty()).ShouldBeLessThan(TimeSpan.FromSeconds(5));
    }

    [Fact]
    public void Headings_leave_no_level_out()
    {
        var html = ReadableHtml.From("## a\n#### b\n##### c\n## d\n# e").Html;

        html.ShouldBe("<h3 dir=\"auto\">a</h3>\n<h4 dir=\"auto\">b</h4>\n<h5 dir=\"auto\">c</h5>\n<h3 dir=\"auto\">d</h3>\n<h3 dir=\"auto\">e</h3>\n");
    }
}

using Annotator.Web.Annotating;

namespace Annotator.Tests.Web.Annotating;

public sealed class GuidelinesHtmlTests
{
    [Fact]
    public void Markdown_becomes_html_with_headings_below_the_pages_own()
    {
        var html = GuidelinesHtml.From("# Which is better?\n\n1. **sense**\n2. style\n\n| key | does |\n|---|---|\n| t | tie |");

        html.ShouldContain("<h3>Which is better?</h3>");
        html.ShouldContain("<strong>sense</strong>");
        html.ShouldContain("<td>tie</td>");
    }

    [Theory]
    [InlineData("<script>alert(1)</script>")]
    [InlineData("<img src=x onerror=alert(1)>")]
    [InlineData("[a](javascript:alert(1))")]
    [InlineData("![a](https://elsewhere.example/spy.png)")]
    public void Nothing_that_runs_or_loads_gets_through(string markdown)
    {
        var html = GuidelinesHtml.From(markdown);

        html.ShouldNotContain("<script", Case.Insensitive);
        html.ShouldNotContain("<img", Case.Insensitive);
        html.ShouldNotContain("href=\"javascript", Case.Insensitive);
    }
}

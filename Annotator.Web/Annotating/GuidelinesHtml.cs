using Annotator.Web.Annotating.Reading;
using Ganss.Xss;
using Markdig;

namespace Annotator.Web.Annotating;

/// <summary>Guidelines from Markdown to HTML that is safe to show: raw HTML is text, and what is left is sanitised by list.</summary>
public static class GuidelinesHtml
{
    private static readonly MarkdownPipeline Pipeline = new MarkdownPipelineBuilder().DisableHtml().UsePipeTables().UseAutoLinks().Build();

    private static readonly HtmlSanitizer Sanitizer = new(new HtmlSanitizerOptions
    {
        AllowedTags = new HashSet<string>(StringComparer.OrdinalIgnoreCase)
        {
            "h3", "h4", "h5", "h6", "p", "ul", "ol", "li", "strong", "em", "code", "pre", "blockquote", "hr", "br", "a",
            "table", "thead", "tbody", "tr", "th", "td",
        },
        AllowedAttributes = new HashSet<string>(StringComparer.OrdinalIgnoreCase) { "href" },
        AllowedSchemes = new HashSet<string>(StringComparer.OrdinalIgnoreCase) { "http", "https", "mailto" },
        UriAttributes = new HashSet<string>(StringComparer.OrdinalIgnoreCase) { "href" },
    });

    /// <summary>The HTML; its headings start at level 3, below the page's and the drawer's own.</summary>
    public static string From(string markdown)
    {
        var document = Markdown.Parse(markdown, Pipeline);
        HeadingLevels.StartAt(3, document);
        return Sanitizer.Sanitize(document.ToHtml(Pipeline));
    }
}

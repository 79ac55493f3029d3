using System.Globalization;
using System.Net;
using System.Text;
using AngleSharp.Dom;
using Ganss.Xss;
using Markdig;
using Markdig.Parsers;
using Markdig.Renderers;
using Markdig.Renderers.Html;
using Markdig.Syntax;
using Markdig.Syntax.Inlines;

namespace Annotator.Web.Annotating.Reading;

/// <summary>A text as HTML that is safe to put on a page.</summary>
/// <param name="Html">One or several blocks; nothing in it runs, and nothing is loaded.</param>
/// <param name="IsAsWritten">True if the text has no Markdown: it is one paragraph, line breaks and spaces kept.</param>
public sealed record ReadableHtml(string Html, bool IsAsWritten)
{
    private static readonly MarkdownPipeline Pipeline = NewPipeline();

    // Raw HTML never gets past the parser; this is the second wall, and it goes by lists of what may pass.
    private static readonly HtmlSanitizer Sanitizer = new(new HtmlSanitizerOptions
    {
        AllowedTags = new HashSet<string>(StringComparer.OrdinalIgnoreCase)
        {
            "h3", "h4", "h5", "h6", "p", "ul", "ol", "li", "strong", "em", "del", "code", "pre", "blockquote", "hr", "br", "a", "span",
            "table", "thead", "tbody", "tr", "th", "td",
        },
        AllowedAttributes = new HashSet<string>(StringComparer.OrdinalIgnoreCase) { "href", "start", "class" },
        AllowedSchemes = new HashSet<string>(StringComparer.OrdinalIgnoreCase) { "http", "https", "mailto" },
        UriAttributes = new HashSet<string>(StringComparer.OrdinalIgnoreCase) { "href" },
    })
    {
        AllowedClasses = { "picture", "code-keyword", "code-string", "code-comment", "code-number", "code-name" },
    };

    /// <summary>Reads Markdown. Headings start at level 3; formulas stay as they are written; a picture is a link to itself.</summary>
    public static ReadableHtml From(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        text = text.ReplaceLineEndings("\n");
        var latex = new Latex();
        try
        {
            var document = Markdown.Parse(latex.Protect(text), Pipeline);
            return HasMarkdown(document) ? new(Safe(Write(document, latex), latex), IsAsWritten: false) : AsWritten(text);
        }
        catch (ArgumentException)
        {
            // Nested deeper than any person writes.
            return AsWritten(text);
        }
    }

    /// <summary>The text as one paragraph, character for character.</summary>
    public static ReadableHtml AsWritten(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var html = new StringBuilder("<p class=\"as-written\" dir=\"auto\">");
        foreach (var (run, mark) in InvisibleCharacters.Split(text.ReplaceLineEndings("\n")))
        {
            _ = mark is null
                ? html.Append(WebUtility.HtmlEncode(run))
                : html.Append(CultureInfo.InvariantCulture, $"<span class=\"hidden-character\">{mark}</span>");
        }

        return new(html.Append("</p>").ToString(), IsAsWritten: true);
    }

    private static MarkdownPipeline NewPipeline()
    {
        var builder = new MarkdownPipelineBuilder().DisableHtml().UsePipeTables().UseAutoLinks().UseSoftlineBreakAsHardlineBreak()
            .UseEmphasisExtras(Markdig.Extensions.EmphasisExtras.EmphasisExtraOptions.Strikethrough);
        // A line of dashes under a sentence is a rule to those who write so, not a heading.
        builder.BlockParsers.Find<ParagraphBlockParser>()!.ParseSetextHeadings = false;
        return builder.Build();
    }

    /// <summary>Whether there is more to it than paragraphs of text; an indented line or a bare address is text.</summary>
    private static bool HasMarkdown(MarkdownDocument document) => document.Descendants().Any(part => part switch
    {
        FencedCodeBlock => true,
        ParagraphBlock or CodeBlock or BlankLineBlock or LiteralInline or LineBreakInline or HtmlEntityInline or AutolinkInline => false,
        LinkInline link => !link.IsAutoLink,
        _ => part.GetType() != typeof(ContainerInline),
    });

    private static string Write(MarkdownDocument document, Latex latex)
    {
        HeadingLevels.StartAt(3, document);
        foreach (var inline in document.Descendants<Inline>())
        {
            switch (inline)
            {
                case CodeInline code:
                    code.Content = latex.Restore(code.Content);
                    break;
                case LinkInline link:
                    link.Url = latex.Restore(link.Url ?? "");
                    if (link.IsImage)
                    {
                        link.IsImage = false;
                        link.GetAttributes().AddClass("picture");
                        if (link.FirstChild is null)
                        {
                            link.AppendChild(new LiteralInline(link.Url));
                        }
                    }

                    break;
            }
        }

        using var writer = new StringWriter(CultureInfo.InvariantCulture);
        var renderer = new HtmlRenderer(writer);
        Pipeline.Setup(renderer);
        renderer.ObjectRenderers.ReplaceOrAdd<CodeBlockRenderer>(new CodeRenderer(latex));
        renderer.Render(document);
        return writer.ToString();
    }

    private static string Safe(string html, Latex latex)
    {
        var body = Sanitizer.SanitizeDom(html).Body!;
        foreach (var element in body.QuerySelectorAll("p, h3, h4, h5, h6, ul, ol, li, blockquote, th, td"))
        {
            element.SetAttribute("dir", "auto");
        }

        foreach (var code in body.QuerySelectorAll("pre"))
        {
            code.SetAttribute("dir", "ltr");
            code.SetAttribute("tabindex", "0");
        }

        foreach (var link in body.QuerySelectorAll("a"))
        {
            // What is an address of this app to a browser is a file to .NET.
            if (Uri.TryCreate(link.GetAttribute("href"), UriKind.Absolute, out var uri) && !uri.IsFile)
            {
                link.SetAttribute("title", uri.AbsoluteUri);
                link.SetAttribute("rel", "noopener noreferrer nofollow");
                link.SetAttribute("target", "_blank");
            }
            else
            {
                link.RemoveAttribute("href");
            }
        }

        foreach (var text in body.Descendants<IText>().ToList())
        {
            Show(text, latex);
        }

        return body.InnerHtml;
    }

    /// <summary>Puts formulas back into a run of text and marks in the place of what can't be seen.</summary>
    private static void Show(IText text, Latex latex)
    {
        var runs = latex.Split(text.Data).SelectMany(run => InvisibleCharacters.Split(run.Text).Select(part => (part.Text, run.IsFormula, part.Mark))).ToList();
        if (runs.TrueForAll(run => !run.IsFormula && run.Mark is null))
        {
            return;
        }

        text.Replace([.. runs.Select(run => run switch
        {
            { Mark: { } mark } => Span("hidden-character", mark),
            { IsFormula: true } => Span("formula", run.Text),
            _ => (INode)text.Owner!.CreateTextNode(run.Text),
        })]);

        IElement Span(string name, string content)
        {
            var span = text.Owner!.CreateElement("span");
            span.ClassName = name;
            span.SetAttribute("dir", "ltr");
            span.TextContent = content;
            return span;
        }
    }

    private sealed class CodeRenderer(Latex latex) : HtmlObjectRenderer<CodeBlock>
    {
        protected override void Write(HtmlRenderer renderer, CodeBlock obj)
        {
            var language = (obj as FencedCodeBlock)?.Info;
            renderer.EnsureLine().Write("<pre><code>").Write(HighlightedCode.From(latex.Restore(obj.Lines.ToString()), language)).WriteLine("</code></pre>");
        }
    }
}

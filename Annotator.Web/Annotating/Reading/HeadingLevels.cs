using Markdig.Syntax;

namespace Annotator.Web.Annotating.Reading;

/// <summary>Headings of a text that stands below the headings of a page.</summary>
public static class HeadingLevels
{
    /// <summary>
    /// Gives the highest heading the level <paramref name="first"/>, and lets levels go down one at a time: who reads by
    /// headings finds no step missing.
    /// </summary>
    public static void StartAt(int first, MarkdownDocument document)
    {
        ArgumentNullException.ThrowIfNull(document);
        var above = new Stack<int>();
        foreach (var heading in document.Descendants<HeadingBlock>())
        {
            while (above.TryPeek(out var level) && level >= heading.Level)
            {
                above.Pop();
            }

            above.Push(heading.Level);
            heading.Level = Math.Min(6, first + above.Count - 1);
        }
    }
}

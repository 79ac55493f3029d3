using System.Globalization;
using System.Text.RegularExpressions;

namespace Annotator.Web.Annotating.Reading;

/// <summary>
/// Formulas are shown as they were written. Before Markdown reads a text, each is replaced by a token that means nothing to
/// Markdown (its <c>*</c>, <c>_</c>, <c>|</c> and backslashes would), and put back afterwards.
/// </summary>
internal sealed partial class Latex
{
    // Private-use characters: to Markdown they are letters of a word.
    private const char Open = '\uE000';
    private const char Close = '\uE001';

    private readonly List<string> formulas = [];

    /// <summary>The text with a token for each formula.</summary>
    public string Protect(string text) => Formula().Replace(text.Replace(Open, '\uFFFD').Replace(Close, '\uFFFD'), formula =>
    {
        formulas.Add(formula.Value);
        return string.Create(CultureInfo.InvariantCulture, $"{Open}{formulas.Count - 1}{Close}");
    });

    /// <summary>The text with each formula as it was written.</summary>
    public string Restore(string text) => formulas.Count == 0 ? text : Token().Replace(text, token => Of(token));

    /// <summary>Cuts a text into runs of what is not a formula and what is one.</summary>
    public IEnumerable<(string Text, bool IsFormula)> Split(string text)
    {
        var at = 0;
        foreach (Match token in Token().Matches(text))
        {
            if (token.Index > at)
            {
                yield return (text[at..token.Index], false);
            }

            yield return (Of(token), true);
            at = token.Index + token.Length;
        }

        if (at < text.Length)
        {
            yield return (text[at..], false);
        }
    }

    private string Of(Match token) => formulas[int.Parse(token.Groups[1].ValueSpan, CultureInfo.InvariantCulture)];

    // $$…$$, \[…\], \(…\), \begin{…}…\end{…}, and $…$ as pandoc reads it: no space inside the dollars, no digit after them,
    // so that prices stay prices. A backtick inside would be code that begins or ends there. The lengths bound the search.
    [GeneratedRegex(
        """
        \$\$ [^`$]{1,2000}? \$\$
        | \\\[ [^`]{1,2000}? \\\]
        | \\\( [^`\n]{1,500}? \\\)
        | \\begin\{ (?<name>[a-zA-Z]{1,20}\*?) \} [^`]{0,2000}? \\end\{ \k<name> \}
        | (?<![\\$\w]) \$ (?=[^\s$`]) (?: \\. | [^$`\n\\] ){1,500}? (?<!\s) \$ (?![\d$])
        """, RegexOptions.IgnorePatternWhitespace)]
    private static partial Regex Formula();

    [GeneratedRegex("\uE000([0-9]+)\uE001")]
    private static partial Regex Token();
}

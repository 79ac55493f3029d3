using System.Text;
using System.Text.RegularExpressions;

namespace Annotator.Model.Tokenization;

/// <summary>
/// A chat template in one spelling: Jinja leaves its author free in white space, quotes, comments, and in what is text and
/// what an expression. Two templates of one spelling render alike. Source: Jinja's lexer, with <c>trim_blocks</c> and
/// <c>lstrip_blocks</c> as transformers sets them.
/// </summary>
internal static class JinjaText
{
    private const int Longest = 100_000;

    private static readonly Regex Attribute = new(@"\b(message|messages\[0\])\.(role|content)\b", RegexOptions.CultureInvariant);

    // A text of an expression, of either quote; or white space.
    private static readonly Regex Tokens = new(
        """(?<text>'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*")|(?<space>\s+)|(?<other>[^\s'"]+|.)""",
        RegexOptions.CultureInvariant | RegexOptions.NonBacktracking | RegexOptions.Singleline | RegexOptions.ExplicitCapture);

    /// <summary>
    /// The template as blocks <c>{%…%}</c> without spare white space and outputs <c>{{…}}</c>, one for each term of a sum,
    /// texts in single quotes with line breaks as \n and those side by side as one. Null if it can't be taken apart.
    /// </summary>
    public static string? Canonical(string template)
    {
        if (template.Length > Longest)
        {
            return null;
        }

        template = template.ReplaceLineEndings("\n");
        template = template.EndsWith('\n') ? template[..^1] : template;
        var (canonical, pending) = (new StringBuilder(), new StringBuilder());                    // pending: text that is put out next
        var (at, trimsNewline, trimsAll) = (0, false, false);
        while (true)
        {
            var open = NextTag(template, at);
            var text = template[at..(open ?? template.Length)];
            text = trimsAll ? text.TrimStart() : trimsNewline && text.StartsWith('\n') ? text[1..] : text;
            if (open is not { } tag)
            {
                pending.Append(text);
                FlushText();
                return canonical.ToString();
            }

            var kind = template[tag + 1];
            var inner = tag + 2;
            if (inner < template.Length && template[inner] == '-')
            {
                text = text.TrimEnd();
                inner++;
            }
            else if (kind != '{')
            {
                var lineStart = text.LastIndexOf('\n') + 1;
                var isLineStart = lineStart > 0 || at == 0 || (trimsNewline && at > 0 && at < template.Length && template[at] == '\n');
                text = isLineStart && string.IsNullOrWhiteSpace(text[lineStart..]) ? text[..lineStart] : text;
            }

            pending.Append(text);
            if (Close(template, inner, kind) is not { } close)
            {
                return null;
            }

            trimsAll = close > inner && template[close - 1] == '-';
            trimsNewline = kind != '{';
            var content = template[inner..(trimsAll ? close - 1 : close)];
            at = close + 2;
            switch (kind)
            {
                case '{':
                    foreach (var term in Terms(content))
                    {
                        if (term is ['\'', .., '\''] && Terms(term).Count == 1 && !term.AsSpan(1, term.Length - 2).Contains('\''))
                        {
                            pending.Append(Unescaped(term[1..^1]));
                        }
                        else
                        {
                            FlushText();
                            canonical.Append("{{").Append(term).Append("}}");
                        }
                    }

                    break;
                case '%':
                    FlushText();
                    canonical.Append("{%").Append(Squeezed(content)).Append("%}");
                    break;
            }
        }

        void FlushText()
        {
            if (pending.Length > 0)
            {
                canonical.Append("{{").Append(Quoted(pending.ToString())).Append("}}");
                pending.Clear();
            }
        }
    }

    private static int? NextTag(string template, int from)
    {
        for (var at = template.IndexOf('{', from); at >= 0 && at + 1 < template.Length; at = template.IndexOf('{', at + 1))
        {
            if (template[at + 1] is '{' or '%' or '#')
            {
                return at;
            }
        }

        return null;
    }

    /// <summary>Where the tag ends; one inside a text ends nothing.</summary>
    private static int? Close(string template, int from, char kind)
    {
        var (end, quote) = (kind == '{' ? '}' : kind, '\0');
        for (var at = from; at + 1 < template.Length; at++)
        {
            var c = template[at];
            if (quote != '\0')
            {
                at += c == '\\' ? 1 : 0;
                quote = c == quote ? '\0' : quote;
            }
            else if (c is '\'' or '"' && kind != '#')
            {
                quote = c;
            }
            else if (c == end && template[at + 1] == '}')
            {
                return at;
            }
        }

        return null;
    }

    /// <summary>The terms of a sum, where the plus signs stand outside of texts and brackets.</summary>
    private static List<string> Terms(string expression)
    {
        var squeezed = Squeezed(expression);
        List<string> terms = [];
        var (start, depth) = (0, 0);
        foreach (Match token in Tokens.Matches(squeezed))
        {
            if (token.Groups["text"].Success)
            {
                continue;
            }

            for (var i = token.Index; i < token.Index + token.Length; i++)
            {
                depth += squeezed[i] switch { '(' or '[' => 1, ')' or ']' => -1, _ => 0 };
                if (squeezed[i] == '+' && depth == 0)
                {
                    terms.Add(squeezed[start..i]);
                    start = i + 1;
                }
            }
        }

        terms.Add(squeezed[start..]);
        return terms;
    }

    /// <summary>Without white space but between words, and texts in single quotes.</summary>
    private static string Squeezed(string expression)
    {
        var squeezed = new StringBuilder();
        var space = false;
        foreach (Match token in Tokens.Matches(expression))
        {
            if (token.Groups["space"].Success)
            {
                space = true;
                continue;
            }

            var isText = token.Groups["text"].Success;
            if (space && squeezed.Length > 0 && IsWord(squeezed[^1]) && !isText && IsWord(token.Value[0]))
            {
                squeezed.Append(' ');
            }

            squeezed.Append(isText ? Quoted(Unescaped(token.Value[1..^1])) : token.Value);
            space = false;
        }

        return Attribute.Replace(squeezed.ToString(), "$1['$2']");

        static bool IsWord(char c) => char.IsAsciiLetterOrDigit(c) || c == '_';
    }

    private static string Unescaped(string text) => text
        .Replace("\\n", "\n", StringComparison.Ordinal)
        .Replace("\\\"", "\"", StringComparison.Ordinal)
        .Replace("\\'", "'", StringComparison.Ordinal);

    private static string Quoted(string text) =>
        $"'{text.Replace("\n", "\\n", StringComparison.Ordinal).Replace("'", "\\'", StringComparison.Ordinal)}'";
}

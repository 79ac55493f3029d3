using System.Net;
using System.Text;
using System.Text.RegularExpressions;
using ColorCode;
using ColorCode.Common;
using ColorCode.Compilation;
using ColorCode.Parsing;
using ProgrammingLanguages = ColorCode.Languages;

namespace Annotator.Web.Annotating.Reading;

/// <summary>
/// Code with its keywords, strings and comments in spans of a class each: <c>code-keyword</c>, <c>code-string</c>,
/// <c>code-comment</c>, <c>code-number</c>, <c>code-name</c>. The colours are the style sheet's, one set a theme.
/// </summary>
internal sealed class HighlightedCode : CodeColorizerBase
{
    private static readonly Dictionary<string, string> Classes = new()
    {
        [ScopeName.Keyword] = "keyword", [ScopeName.ControlKeyword] = "keyword", [ScopeName.PreprocessorKeyword] = "keyword",
        [ScopeName.PseudoKeyword] = "keyword", [ScopeName.JsonConst] = "keyword", [ScopeName.BuiltinValue] = "keyword",
        [ScopeName.HtmlElementName] = "keyword", [ScopeName.XmlName] = "keyword", [ScopeName.CssSelector] = "keyword",
        [ScopeName.String] = "string", [ScopeName.StringCSharpVerbatim] = "string", [ScopeName.JsonString] = "string",
        [ScopeName.HtmlAttributeValue] = "string", [ScopeName.XmlAttributeValue] = "string", [ScopeName.CssPropertyValue] = "string",
        [ScopeName.XmlCDataSection] = "string", [ScopeName.HtmlEntity] = "string",
        [ScopeName.Comment] = "comment", [ScopeName.HtmlComment] = "comment", [ScopeName.XmlComment] = "comment", [ScopeName.XmlDocComment] = "comment",
        [ScopeName.Number] = "number", [ScopeName.JsonNumber] = "number",
        [ScopeName.ClassName] = "name", [ScopeName.Type] = "name", [ScopeName.BuiltinFunction] = "name", [ScopeName.SqlSystemFunction] = "name",
        [ScopeName.JsonKey] = "name", [ScopeName.HtmlAttributeName] = "name", [ScopeName.XmlAttribute] = "name", [ScopeName.CssPropertyName] = "name",
        [ScopeName.PowerShellVariable] = "name", [ScopeName.PowerShellCommand] = "name", [ScopeName.Constructor] = "name",
    };

    private static readonly Dictionary<string, ILanguage> Known = ProgrammingLanguages.All.ToDictionary(language => language.Id, StringComparer.OrdinalIgnoreCase);
    private static readonly PatientCompiler Compiler = new();

    private readonly StringBuilder html = new();

    private HighlightedCode()
        : base(null, new LanguageParser(Compiler, new LanguageRepository(Known)))
    {
    }

    /// <summary>The code as safe HTML; without colours where the language is not known or reading it takes too long.</summary>
    /// <param name="language">As a fence names it: <c>python</c>, <c>js</c>, <c>c#</c>; null or empty if it does not.</param>
    public static string From(string code, string? language)
    {
        if (Find(language) is { } known)
        {
            try
            {
                var highlighted = new HighlightedCode();
                highlighted.languageParser.Parse(code, known, highlighted.Write);
                return highlighted.html.ToString();
            }
            catch (RegexMatchTimeoutException)
            {
                // Code made to be slow, or hardly code at all: it is as readable without colours.
            }
        }

        return WebUtility.HtmlEncode(code);
    }

    protected override void Write(string parsedSourceCode, IList<Scope> scopes)
    {
        var at = 0;
        foreach (var scope in scopes.OrderBy(scope => scope.Index))
        {
            // The outermost of nested scopes decides, as only few of them differ in colour.
            if (scope.Index >= at && Classes.TryGetValue(scope.Name, out var name))
            {
                html.Append(WebUtility.HtmlEncode(parsedSourceCode[at..scope.Index]));
                at = scope.Index + scope.Length;
                html.Append("<span class=\"code-").Append(name).Append("\">").Append(WebUtility.HtmlEncode(parsedSourceCode[scope.Index..at])).Append("</span>");
            }
        }

        html.Append(WebUtility.HtmlEncode(parsedSourceCode[at..]));
    }

    private static ILanguage? Find(string? language) => language?.ToLowerInvariant() switch
    {
        null or "" => null,
        "jsx" or "node" => Known["javascript"],
        "tsx" => Known["typescript"],
        "py" or "python3" => Known["python"],
        "c" or "h" or "hpp" or "cc" => Known["cpp"],
        "svg" or "xaml" or "csproj" => Known["xml"],
        var name => ProgrammingLanguages.FindById(name),
    };

    /// <summary>The patterns of some languages take seconds on a few thousand characters made for it: each match is given a tenth of one.</summary>
    private sealed class PatientCompiler : ILanguageCompiler
    {
        private static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(100);

        private readonly Lock @lock = new();
        private readonly LanguageCompiler compiler = new([], new ReaderWriterLockSlim());

        public CompiledLanguage Compile(ILanguage language)
        {
            lock (@lock)
            {
                var compiled = compiler.Compile(language);
                if (compiled.Regex.MatchTimeout != Patience)
                {
                    compiled.Regex = new Regex(compiled.Regex.ToString(), compiled.Regex.Options, Patience);
                }

                return compiled;
            }
        }
    }
}

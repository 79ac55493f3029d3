using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using Annotator.Web.Languages;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Localization;

namespace Annotator.Tests.Web.Languages;

/// <summary>Holds the source code against the Chinese resource file: English is what stands in the code.</summary>
public sealed partial class WordsTests
{
    private static readonly string Source = Path.Combine(RepositoryRoot(), "Annotator.Web");
    private static readonly string[] Files =
    [
        .. new[] { "*.razor", "*.cs" }.SelectMany(pattern => Directory.EnumerateFiles(Source, pattern, SearchOption.AllDirectories))
            .Where(file => !Path.GetRelativePath(Source, file).StartsWith("obj", StringComparison.Ordinal) && Path.GetFileName(file) != "Words.cs"),
    ];

    private static readonly IReadOnlyDictionary<string, string> Chinese =
        XDocument.Load(Path.Combine(Source, "Languages", "Words.zh-Hans.resx")).Root!.Elements("data")
            .ToDictionary(text => text.Attribute("name")!.Value, text => text.Element("value")!.Value);

    private static readonly HashSet<string> Used =
        [.. Files.SelectMany(file => Text().Matches(File.ReadAllText(file))).Select(found => Regex.Unescape(found.Groups["text"].Value)), .. ProblemsOfOptions];

    /// <summary>The options of a round say what is wrong with them as interpolated sentences, which the pages take apart again.</summary>
    private static IEnumerable<string> ProblemsOfOptions =>
        new[] { Path.Combine(Source, "Rounds", "RoundForm.cs"), Path.Combine(RepositoryRoot(), "Annotator.Model", "Preferences", "RoundOptions.cs") }
            .SelectMany(file => ProblemOfOption().Matches(File.ReadAllText(file))).Select(found =>
            {
                var places = 0;
                return Hole().Replace(found.Groups["text"].Value, _ => $"{{{places++}}}");
            });

    [Fact]
    public void Every_text_of_a_page_has_its_Chinese() => Used.Where(text => !Chinese.ContainsKey(text)).ShouldBeEmpty();

    [Fact]
    public void No_Chinese_text_is_left_over() => Chinese.Keys.Where(text => !Used.Contains(text)).ShouldBeEmpty();

    [Fact]
    public void Both_languages_have_the_same_places_for_what_varies() =>
        Chinese.Where(text => text.Value.Trim().Length == 0 || !Places(text.Key).SequenceEqual(Places(text.Value))).ShouldBeEmpty();

    // The resource compiler takes them for one and keeps the first.
    [Fact]
    public void No_two_texts_differ_only_in_case() =>
        Chinese.Keys.GroupBy(text => text, StringComparer.OrdinalIgnoreCase).Where(same => same.Count() > 1).ShouldBeEmpty();

    [Fact]
    public void A_text_is_a_literal_so_that_these_tests_and_a_search_find_it() =>
        Files.Where(file => Path.GetFileName(file) is not ("FieldMessage.razor" or "RoundWords.cs")) // Texts that stand at attributes, as ErrorMessage, and ProblemsOfOptions.
            .SelectMany(file => NotALiteral().Matches(File.ReadAllText(file)).Select(found => $"{file}: {found.Value}"))
            .ShouldBeEmpty();

    /// <summary>A refusal that a page may show; scripts alone meet those of the API's own room.</summary>
    [Fact]
    public void Who_is_refused_something_is_told_so_in_the_words_of_the_pages() =>
        Files.Where(file => !RoomsWithoutPages.Any(room => Path.GetRelativePath(Source, file).StartsWith(room, StringComparison.Ordinal)))
            .SelectMany(file => NotInWords().Matches(File.ReadAllText(file)).Select(found => $"{file}: {found.Value}"))
            .ShouldBeEmpty();

    [Fact]
    public void A_text_comes_in_the_language_of_the_page_with_what_varies_in_its_place()
    {
        var words = new ServiceCollection().AddLogging().AddLocalization().BuildServiceProvider().GetRequiredService<IStringLocalizer<Words>>();
        var before = CultureInfo.CurrentUICulture;
        try
        {
            CultureInfo.CurrentUICulture = CultureInfo.GetCultureInfo("zh-Hans");
            words["Account of {0}", "ada"].Value.ShouldBe("ada 的账户");
            CultureInfo.CurrentUICulture = CultureInfo.GetCultureInfo("en");
            words["Account of {0}", "ada"].Value.ShouldBe("Account of ada");
        }
        finally
        {
            CultureInfo.CurrentUICulture = before;
        }
    }

    // Endpoints, scopes and names of events in a script's request; and the trainer's failure, which is stored with its round.
    private static readonly string[] RoomsWithoutPages = [Path.Combine("Api", "Endpoints"), Path.Combine("Api", "Scope.cs"), Path.Combine("Webhooks", "WebhookEventNames.cs"), Path.Combine("Rounds", "RoundConclusion.cs")];

    private static IEnumerable<string> Places(string text) => Place().Matches(text).Select(place => place.Value).Distinct().Order();

    private static string RepositoryRoot([CallerFilePath] string here = "") => Path.GetFullPath(Path.Combine(Path.GetDirectoryName(here)!, "..", "..", ".."));

    [GeneratedRegex("""(?:\b[Ww]ords\[\s*|\bErrorMessage = )"(?<text>(?:[^"\\]|\\.)*)["]""")]
    private static partial Regex Text();

    [GeneratedRegex("""\b(?:new )?RefusedException\(\s*\$?"[^"]*["]|\bRefusedException \w+(?:\(\))? => new\(\s*\$?"[^"]*["]""")]
    private static partial Regex NotInWords();

    [GeneratedRegex("""(?:Require\([^\n]*|=>\s+|: )\$"(?<text>(?:\w|\{)[^"\n]*(?: must | needs | is )[^"\n]*)["]""")]
    private static partial Regex ProblemOfOption();

    [GeneratedRegex("""\{[^}]*\}""")]
    private static partial Regex Hole();

    [GeneratedRegex("""\b[Ww]ords\[(?!\s*").*""")]
    private static partial Regex NotALiteral();

    [GeneratedRegex("""\{\d+[^}]*\}""")]
    private static partial Regex Place();
}

using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Annotator.Model.Checkpoints;

namespace Annotator.Model.Tokenization;

/// <summary>
/// A regular expression of a tokenizer.json, written for an engine that sees characters, on .NET's, which sees UTF-16
/// units: each character outside the basic plane is matched as one inside it of the same Unicode category. That is
/// exact for expressions that ask for categories or name characters of the basic plane; others are refused.
/// </summary>
internal sealed class WordPattern
{
    private const int LongestPattern = 10_000;

    // What the two engines understand differently, without an error: what a word is, sets within sets, where lines end, options.
    private static readonly Regex Unclear = new(
        """\\[wWbBhHxuUZGK]|\[:|&&|\(\?(?:[A-Za-hj-z-]|i[^:)])|[\uD800-\uDFFF]""", RegexOptions.CultureInvariant | RegexOptions.NonBacktracking);

    private static readonly Regex Sets = new(@"\\.|\[\^?(?:\\.|[^\\\]])*\]", RegexOptions.CultureInvariant | RegexOptions.NonBacktracking);

    private static readonly TimeSpan LongestMatch = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan LongestText = TimeSpan.FromSeconds(30);

    private readonly Regex _regex;
    private readonly string _pattern;

    private WordPattern(string pattern) => (_pattern, _regex) = (pattern, Compile(pattern));

    /// <summary>A regular expression.</summary>
    /// <exception cref="FormatException">It can't be matched here as its author meant it.</exception>
    public static WordPattern Of(string pattern)
    {
        if (pattern.Length is 0 or > LongestPattern)
        {
            throw new FormatException($"a regular expression of {pattern.Length} characters is not known here");
        }

        if (Unclear.IsMatch(pattern) || Sets.Replace(pattern, "").AsSpan().ContainsAny('^', '$'))
        {
            throw new FormatException($"the regular expression \"{Shown(pattern)}\" can't be matched here exactly as it is meant");
        }

        try
        {
            return new(pattern);
        }
        catch (ArgumentException e)
        {
            throw new FormatException($"the regular expression \"{Shown(pattern)}\" is not understood: {e.Message}", e);
        }
    }

    /// <summary>A text as it stands.</summary>
    public static WordPattern Literal(string text) => text.Length is 0 or > LongestPattern || text.AsSpan().ContainsAnyInRange('\uD800', '\uDFFF')
        ? throw new FormatException($"a split at \"{Shown(text)}\" is not known here")
        : new(Regex.Escape(text));

    /// <summary>A character of the basic plane that stands for those outside it of a category; no pattern is likely to name it.</summary>
    internal static char Representative(UnicodeCategory category) => category switch
    {
        UnicodeCategory.UppercaseLetter => '\uA7B0',
        UnicodeCategory.LowercaseLetter => '\uAB30',
        UnicodeCategory.TitlecaseLetter => '\u1F88',
        UnicodeCategory.ModifierLetter => '\uA69C',
        UnicodeCategory.OtherLetter => '\uA840',
        UnicodeCategory.NonSpacingMark => '\uA66F',
        UnicodeCategory.SpacingCombiningMark => '\uA823',
        UnicodeCategory.EnclosingMark => '\uA670',
        UnicodeCategory.DecimalDigitNumber => '\uA8D0',
        UnicodeCategory.LetterNumber => '\uA6E6',
        UnicodeCategory.OtherNumber => '\uA830',
        UnicodeCategory.ConnectorPunctuation => '\u2054',
        UnicodeCategory.DashPunctuation => '\u2E3A',
        UnicodeCategory.OpenPunctuation => '\u2E22',
        UnicodeCategory.ClosePunctuation => '\u2E23',
        UnicodeCategory.InitialQuotePunctuation => '\u2E1C',
        UnicodeCategory.FinalQuotePunctuation => '\u2E1D',
        UnicodeCategory.OtherPunctuation => '\uA874',
        UnicodeCategory.MathSymbol => '\u2A00',
        UnicodeCategory.CurrencySymbol => '\uA838',
        UnicodeCategory.ModifierSymbol => '\uA700',
        UnicodeCategory.OtherSymbol => '\uA490',
        UnicodeCategory.Format => '\u2066',
        UnicodeCategory.PrivateUse => '\uE000',
        _ => '\uFDD0',
    };

    /// <summary>The matches in a text, in order: where each starts and ends, in chars. Empty ones are left out.</summary>
    /// <exception cref="PolicyException">The expression takes too long on this text.</exception>
    public List<(int Start, int End)> Matches(ReadOnlySpan<char> text)
    {
        List<(int, int)> matches = [];
        int[]? places = null;
        var began = Stopwatch.GetTimestamp();
        var seen = text.ContainsAnyInRange('\uD800', '\uDFFF') ? Seen(text, out places) : text;
        try
        {
            foreach (var match in _regex.EnumerateMatches(seen))
            {
                if (Stopwatch.GetElapsedTime(began) > LongestText)
                {
                    throw TooLong(null);
                }

                if (match.Length > 0)
                {
                    var end = match.Index + match.Length;
                    matches.Add(places is null ? (match.Index, end) : (places[match.Index], places[end]));
                }
            }
        }
        catch (RegexMatchTimeoutException e)
        {
            throw TooLong(e);
        }

        return matches;
    }

    private PolicyException TooLong(Exception? e) => new($"The tokenizer's regular expression \"{Shown(_pattern)}\" takes too long on this text.", e);

    private static Regex Compile(string pattern)
    {
        try
        {
            // Can't be slow, whatever the pattern; but it can't look ahead either.
            return new Regex(pattern, RegexOptions.NonBacktracking | RegexOptions.CultureInvariant, LongestMatch);
        }
        catch (NotSupportedException)
        {
            return new Regex(pattern, RegexOptions.CultureInvariant, LongestMatch);
        }
    }

    /// <summary>The text with one char a character, and where each of them begins in the text itself (and where the text ends).</summary>
    private static string Seen(ReadOnlySpan<char> text, out int[] places)
    {
        var seen = new StringBuilder(text.Length);
        places = new int[text.Length + 1];
        for (var at = 0; at < text.Length;)
        {
            Rune.DecodeFromUtf16(text[at..], out var rune, out var length);
            places[seen.Length] = at;
            seen.Append(rune.IsBmp ? (char)rune.Value : Representative(Rune.GetUnicodeCategory(rune)));
            at += length;
        }

        places[seen.Length] = text.Length;
        return seen.ToString();
    }

    private static string Shown(string pattern) => pattern.Length <= 80 ? pattern : pattern[..80] + "…";
}

using System.Globalization;
using System.Text;
using Microsoft.ML.Tokenizers;

namespace Annotator.Model.Tokenization;

/// <summary>
/// GPT-2's split of text into words, inside which merges happen:
/// <c>'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+</c>.
/// Written by hand because .NET's regular expressions see UTF-16 units: letters outside the basic plane would
/// not be letters.
/// </summary>
public static class Gpt2Words
{
    private enum Kind { Space, Letter, Number, Other }

    /// <summary>The split as Microsoft.ML.Tokenizers asks for it.</summary>
    public static PreTokenizer PreTokenizer { get; } = new Words();

    /// <summary>The length in chars, at least 1, of the word that starts at the front of a text that is not empty.</summary>
    public static int Length(ReadOnlySpan<char> text)
    {
        if (text[0] == '\'' && Contraction(text) is > 0 and var contraction)
        {
            return contraction;
        }

        // An optional space and then a run of one kind.
        var start = text[0] == ' ' && text.Length > 1 ? 1 : 0;
        if (KindAt(text[start..], out var first) is not Kind.Space and var kind)
        {
            return start + first + RunLength(text[(start + first)..], kind);
        }

        // White space: all of it at the end of the text, else all but the last character (which starts the next word).
        var end = 0;
        var last = 0;
        while (end < text.Length && KindAt(text[end..], out var length) == Kind.Space)
        {
            end += length;
            last = length;
        }

        return end == text.Length || end == last ? end : end - last;
    }

    private static int Contraction(ReadOnlySpan<char> text) => text.Length < 2 ? 0 : text[1] switch
    {
        's' or 't' or 'm' or 'd' => 2,
        'r' when text.Length > 2 && text[2] == 'e' => 3,
        'v' when text.Length > 2 && text[2] == 'e' => 3,
        'l' when text.Length > 2 && text[2] == 'l' => 3,
        _ => 0,
    };

    private static int RunLength(ReadOnlySpan<char> text, Kind kind)
    {
        var end = 0;
        while (end < text.Length && KindAt(text[end..], out var length) == kind)
        {
            end += length;
        }

        return end;
    }

    private static Kind KindAt(ReadOnlySpan<char> text, out int length)
    {
        var c = text[0];
        if (char.IsAscii(c))
        {
            length = 1;
            return char.IsAsciiLetter(c) ? Kind.Letter
                : char.IsAsciiDigit(c) ? Kind.Number
                : char.IsWhiteSpace(c) ? Kind.Space
                : Kind.Other;
        }

        Rune.DecodeFromUtf16(text, out var rune, out length);
        return Rune.IsWhiteSpace(rune) ? Kind.Space : Rune.GetUnicodeCategory(rune) switch
        {
            UnicodeCategory.UppercaseLetter or UnicodeCategory.LowercaseLetter or UnicodeCategory.TitlecaseLetter
                or UnicodeCategory.ModifierLetter or UnicodeCategory.OtherLetter => Kind.Letter,
            UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber or UnicodeCategory.OtherNumber => Kind.Number,
            _ => Kind.Other,
        };
    }

    private sealed class Words : PreTokenizer
    {
        public override IEnumerable<(int Offset, int Length)> PreTokenize(string text)
        {
            for (int at = 0, length; at < text.Length; at += length)
            {
                length = Gpt2Words.Length(text.AsSpan(at));
                yield return (at, length);
            }
        }

        public override IEnumerable<(int Offset, int Length)> PreTokenize(ReadOnlySpan<char> text)
        {
            // A span can't live across yields.
            List<(int, int)> words = [];
            for (int at = 0, length; at < text.Length; at += length)
            {
                length = Gpt2Words.Length(text[at..]);
                words.Add((at, length));
            }

            return words;
        }
    }
}

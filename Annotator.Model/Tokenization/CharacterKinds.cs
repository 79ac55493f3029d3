using System.Globalization;
using System.Text;

namespace Annotator.Model.Tokenization;

/// <summary>What the patterns of tokenizers tell apart: \s, \p{L}, \p{N}, and the rest.</summary>
internal enum CharacterKind
{
    Space,
    Letter,
    Number,
    Other,
}

/// <summary>The kinds of characters, whole ones: a letter outside the basic plane is a letter.</summary>
internal static class CharacterKinds
{
    /// <summary>The kind of the first character of a text that is not empty, and its length in chars.</summary>
    public static CharacterKind At(ReadOnlySpan<char> text, out int length)
    {
        var c = text[0];
        if (char.IsAscii(c))
        {
            length = 1;
            return char.IsAsciiLetter(c) ? CharacterKind.Letter
                : char.IsAsciiDigit(c) ? CharacterKind.Number
                : char.IsWhiteSpace(c) ? CharacterKind.Space
                : CharacterKind.Other;
        }

        Rune.DecodeFromUtf16(text, out var rune, out length);
        return Rune.IsWhiteSpace(rune) ? CharacterKind.Space : Rune.GetUnicodeCategory(rune) switch
        {
            UnicodeCategory.UppercaseLetter or UnicodeCategory.LowercaseLetter or UnicodeCategory.TitlecaseLetter
                or UnicodeCategory.ModifierLetter or UnicodeCategory.OtherLetter => CharacterKind.Letter,
            UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber or UnicodeCategory.OtherNumber => CharacterKind.Number,
            _ => CharacterKind.Other,
        };
    }

    /// <summary>The length in chars of the run of one kind at the front of a text, of at most so many characters.</summary>
    public static int Run(ReadOnlySpan<char> text, CharacterKind kind, int most = int.MaxValue)
    {
        var end = 0;
        for (; most > 0 && end < text.Length && At(text[end..], out var length) == kind; most--)
        {
            end += length;
        }

        return end;
    }
}

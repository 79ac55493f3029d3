using System.Globalization;
using System.Text;

namespace Annotator.Web.Annotating.Reading;

/// <summary>
/// Characters that take no room or turn the reading direction: a text can hide words behind them, so they are shown by
/// their number. Those that writing needs stay as they are: joiners between letters of joining scripts and in emoji,
/// tags in flags.
/// </summary>
public static class InvisibleCharacters
{
    private const int ZeroWidthNonJoiner = 0x200C;
    private const int ZeroWidthJoiner = 0x200D;
    private const int BlackFlag = 0x1F3F4;
    private const int CancelTag = 0xE007F;

    /// <summary>
    /// Cuts a text into runs: what is shown as written (<c>Mark</c> null), and the mark in the place of one character or
    /// of several of the same, such as <c>U+200B</c> or <c>U+200B × 57</c>.
    /// </summary>
    public static IEnumerable<(string Text, string? Mark)> Split(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var written = 0;
        var before = default(Rune);
        var inFlag = false;
        for (var i = 0; i < text.Length;)
        {
            // A half of a pair stands alone: it has no meaning, and no browser would take it over the wire.
            var isRune = Rune.TryGetRuneAt(text, i, out var rune);
            var length = isRune ? rune.Utf16SequenceLength : 1;
            inFlag = rune.Value == BlackFlag || (inFlag && IsTag(rune.Value));
            if (isRune && (!IsHidden(rune.Value) || inFlag || Joins(text, i, before, rune.Value)))
            {
                before = rune;
                i += length;
                continue;
            }

            if (i > written)
            {
                yield return (text[written..i], null);
            }

            var (start, unit) = (i, text.Substring(i, length));
            while (string.CompareOrdinal(text, i, unit, 0, length) == 0)
            {
                i += length;
            }

            var number = "U+" + (isRune ? rune.Value : text[start]).ToString("X4", CultureInfo.InvariantCulture);
            var count = (i - start) / length;
            yield return (text[start..i], count == 1 ? number : string.Create(CultureInfo.InvariantCulture, $"{number} × {count}"));
            (written, before) = (i, default);
        }

        if (written < text.Length)
        {
            yield return (text[written..], null);
        }
    }

    private static bool IsHidden(int c) => c switch
    {
        '\n' or '\t' => false,
        < 0x20 or (>= 0x7F and < 0xA0) => true,              // controls
        0x00AD or 0x034F or 0x061C or 0x180E => true,         // soft hyphen, grapheme joiner, Arabic letter mark, vowel separator
        0x115F or 0x1160 or 0x3164 or 0xFFA0 => true,         // Hangul fillers
        >= 0x200B and <= 0x200F => true,                      // zero-width space, joiners, direction marks
        >= 0x2028 and <= 0x202E => true,                      // separators, embeddings and overrides
        >= 0x2060 and <= 0x206F => true,                      // word joiner, invisible operators, isolates
        0xFEFF or (>= 0xFFF9 and <= 0xFFFB) => true,          // byte order mark, interlinear annotation
        >= 0xE0000 and <= 0xE0FFF => true,                    // tags, supplementary variation selectors
        _ => false,
    };

    private static bool Joins(string text, int at, Rune before, int joiner) =>
        joiner is ZeroWidthJoiner or ZeroWidthNonJoiner && before != default
        && Rune.TryGetRuneAt(text, Math.Min(at + 1, text.Length - 1), out var after) && IsJoined(before) && IsJoined(after);

    // Arabic to Tibetan and beyond, whose letters change their shape; emoji and the selector that makes one of a sign.
    private static bool IsJoined(Rune rune) => rune.Value switch
    {
        >= 0x0600 and <= 0x08FF or >= 0x0900 and <= 0x109F or >= 0x1780 and <= 0x18AF => true,
        0xFE0F or >= 0x2190 and <= 0x2BFF or >= 0x1F000 and <= 0x1FAFF => true,
        _ => false,
    };

    private static bool IsTag(int c) => c is >= 0xE0020 and <= CancelTag;
}

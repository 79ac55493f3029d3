namespace Annotator.Model.Tokenization;

/// <summary>
/// The split of Llama 3 and of Qwen2 into words, which differ in how many digits a word may have:
/// <c>(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+</c>.
/// Written by hand for the reason of <see cref="Gpt2Words"/>.
/// </summary>
internal static class Llama3Words
{
    /// <summary>The pattern as files spell it; Qwen2 has one digit a word.</summary>
    public static string Pattern(bool singleDigits) =>
        $@"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|\p{{N}}{(singleDigits ? "" : "{1,3}")}| ?[^\s\p{{L}}\p{{N}}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    /// <summary>The length in chars, at least 1, of the word that starts at the front of a text that is not empty.</summary>
    public static int Length(ReadOnlySpan<char> text, int mostDigits)
    {
        if (text[0] == '\'' && Contraction(text) is > 0 and var contraction)
        {
            return contraction;
        }

        // [^\r\n\p{L}\p{N}]?\p{L}+
        var kind = CharacterKinds.At(text, out var first);
        var leads = kind is CharacterKind.Space or CharacterKind.Other && text[0] is not ('\r' or '\n');
        if ((kind == CharacterKind.Letter || leads) && CharacterKinds.Run(text[first..], CharacterKind.Letter) is var letters && (letters > 0 || !leads))
        {
            return first + letters;
        }

        if (kind == CharacterKind.Number)
        {
            return CharacterKinds.Run(text, CharacterKind.Number, mostDigits);
        }

        //  ?[^\s\p{L}\p{N}]+[\r\n]*
        var start = text[0] == ' ' ? 1 : 0;
        if (CharacterKinds.Run(text[start..], CharacterKind.Other) is > 0 and var others)
        {
            var end = start + others;
            return end + LineBreaks(text[end..]);
        }

        // \s*[\r\n]+ : the white space up to its last line break.
        var space = CharacterKinds.Run(text, CharacterKind.Space);
        return text[..space].LastIndexOfAny('\r', '\n') is >= 0 and var last ? last + 1 : Gpt2Words.WhiteSpace(text);
    }

    private static int LineBreaks(ReadOnlySpan<char> text) => text.IndexOfAnyExcept('\r', '\n') is >= 0 and var end ? end : text.Length;

    // Under (?i) the long s, U+017F, is an s.
    private static int Contraction(ReadOnlySpan<char> text) => text.Length < 2 ? 0 : text[1] switch
    {
        's' or 'S' or 'ſ' or 't' or 'T' or 'm' or 'M' or 'd' or 'D' => 2,
        'r' or 'R' or 'v' or 'V' when text.Length > 2 && text[2] is 'e' or 'E' => 3,
        'l' or 'L' when text.Length > 2 && text[2] is 'l' or 'L' => 3,
        _ => 0,
    };
}

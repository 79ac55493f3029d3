namespace Annotator.Model.Tokenization;

/// <summary>
/// GPT-2's split of text into words, inside which merges happen:
/// <c>'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+</c>.
/// Written by hand because .NET's regular expressions see UTF-16 units: letters outside the basic plane would
/// not be letters.
/// </summary>
public static class Gpt2Words
{
    /// <summary>The pattern as files spell it.</summary>
    public const string Pattern = @"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";

    /// <summary>The length in chars, at least 1, of the word that starts at the front of a text that is not empty.</summary>
    public static int Length(ReadOnlySpan<char> text)
    {
        if (text[0] == '\'' && Contraction(text) is > 0 and var contraction)
        {
            return contraction;
        }

        // An optional space and then a run of one kind.
        var start = text[0] == ' ' && text.Length > 1 ? 1 : 0;
        if (CharacterKinds.At(text[start..], out var first) is not CharacterKind.Space and var kind)
        {
            return start + first + CharacterKinds.Run(text[(start + first)..], kind);
        }

        return WhiteSpace(text);
    }

    /// <summary>\s+(?!\S)|\s+ : all of it at the end of the text, else all but the last character (which starts the next word).</summary>
    internal static int WhiteSpace(ReadOnlySpan<char> text)
    {
        var end = 0;
        var last = 0;
        while (end < text.Length && CharacterKinds.At(text[end..], out var length) == CharacterKind.Space)
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
}

using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Annotator.Model.Tokenization;

/// <summary>A token that was added to a vocabulary: it is found in a text as it is spelt, before any merge.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Content">Its spelling.</param>
/// <param name="IsSpecial">It steers the model and stands for no text.</param>
/// <param name="SingleWord">It is found only where no word character is beside it.</param>
/// <param name="StripsLeft">It takes the white space before it.</param>
/// <param name="StripsRight">It takes the white space after it.</param>
/// <param name="IsNormalised">It is found in the normalised text.</param>
internal sealed record AddedToken(
    int Id, string Content, bool IsSpecial, bool SingleWord = false, bool StripsLeft = false, bool StripsRight = false, bool IsNormalised = false)
{
    /// <summary>Reads a file's <c>added_tokens</c>.</summary>
    /// <exception cref="FormatException">An entry is not one, or comes twice.</exception>
    public static IReadOnlyList<AddedToken> ReadAll(JsonElement file)
    {
        List<AddedToken> tokens = [];
        HashSet<string> spellings = [];
        foreach (var json in file.Items("added_tokens"))
        {
            var token = new AddedToken(
                json.Number("id"),
                json.Required("content").AsText("content"),
                json.Flag("special"),
                json.Flag("single_word"),
                json.Flag("lstrip"),
                json.Flag("rstrip"),
                json.Flag("normalized"));
            if (token.Content.Length == 0 || !spellings.Add(token.Content))
            {
                throw new FormatException($"the added token \"{token.Content}\" {(token.Content.Length == 0 ? "is empty" : "comes twice")}");
            }

            tokens.Add(token);
        }

        return tokens;
    }
}

/// <summary>Finds added tokens in texts: the leftmost first, and of those that begin together the longest.</summary>
internal sealed class AddedTokenFinder
{
    private readonly SearchValues<string>? _any;
    private readonly Dictionary<char, (string Spelling, AddedToken Token)[]> _byFirst;            // longest first

    /// <param name="tokens">With the spelling to look for.</param>
    public AddedTokenFinder(IEnumerable<(string Spelling, AddedToken Token)> tokens)
    {
        _byFirst = tokens.Where(entry => entry.Spelling.Length > 0)
            .GroupBy(entry => entry.Spelling[0])
            .ToDictionary(group => group.Key, group => group.OrderByDescending(entry => entry.Spelling.Length).ToArray());
        _any = _byFirst.Count == 0 ? null : SearchValues.Create([.. _byFirst.Values.SelectMany(all => all).Select(entry => entry.Spelling)], StringComparison.Ordinal);
    }

    /// <summary>A text as the pieces between tokens and the tokens, in order; pieces are not empty.</summary>
    public IEnumerable<(string? Text, AddedToken? Token)> Split(string text)
    {
        if (_any is null)
        {
            return text.Length == 0 ? [] : [(text, null)];
        }

        List<(string?, AddedToken?)> pieces = [];
        var (done, at) = (0, 0);
        while (at < text.Length && text.AsSpan(at).IndexOfAny(_any) is >= 0 and var offset)
        {
            var start = at + offset;
            var (spelling, token) = _byFirst[text[start]].First(entry => string.CompareOrdinal(text, start, entry.Spelling, 0, entry.Spelling.Length) == 0);
            var end = start + spelling.Length;
            at = end;
            if (token.SingleWord && (EndsInWord(text.AsSpan(0, start)) || BeginsWithWord(text.AsSpan(end))))
            {
                continue;
            }

            if (token.StripsLeft)
            {
                start = Math.Max(done, text.AsSpan(0, start).TrimEnd().Length);
            }

            if (token.StripsRight)
            {
                at = end = text.Length - text.AsSpan(end).TrimStart().Length;
            }

            if (start > done)
            {
                pieces.Add((text[done..start], null));
            }

            pieces.Add((null, token));
            done = end;
        }

        if (done < text.Length)
        {
            pieces.Add((text[done..], null));
        }

        return pieces;
    }

    private static bool EndsInWord(ReadOnlySpan<char> text) =>
        Rune.DecodeLastFromUtf16(text, out var rune, out _) == OperationStatus.Done && IsWord(rune);

    private static bool BeginsWithWord(ReadOnlySpan<char> text) =>
        Rune.DecodeFromUtf16(text, out var rune, out _) == OperationStatus.Done && IsWord(rune);

    private static bool IsWord(Rune rune) => Rune.IsLetterOrDigit(rune) || rune.Value is 0x200C or 0x200D || Rune.GetUnicodeCategory(rune)
        is UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark or UnicodeCategory.EnclosingMark
        or UnicodeCategory.LetterNumber or UnicodeCategory.ConnectorPunctuation;
}

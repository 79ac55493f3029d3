using System.Globalization;
using System.Text.Json;
using Microsoft.EntityFrameworkCore.ChangeTracking;
using Microsoft.EntityFrameworkCore.Storage.ValueConversion;

namespace Annotator.Web.Data;

/// <summary>
/// Tokens <c>[12,7]</c> and rankings <c>[[1],[0]]</c> as JSON text. A study has millions of them, so those of the app's own
/// spelling are read without the general reader, in a fraction of its time.
/// </summary>
public static class NumbersAsJson
{
    public static string Write<T>(T numbers) => JsonSerializer.Serialize(numbers);

    /// <exception cref="JsonException">It is no list of whole numbers.</exception>
    public static int[] ReadList(string text) => TryReadList(text) ?? JsonSerializer.Deserialize<int[]>(text)!;

    /// <exception cref="JsonException">It is no list of such lists.</exception>
    public static int[][] ReadLists(string text) => TryReadLists(text) ?? JsonSerializer.Deserialize<int[][]>(text)!;

    private static int[]? TryReadList(ReadOnlySpan<char> text)
    {
        if (text is not ['[', .. var inner, ']'])
        {
            return null;
        }

        if (inner.IsEmpty)
        {
            return [];
        }

        var numbers = new int[inner.Count(',') + 1];
        for (var (i, from) = (0, 0); i < numbers.Length; i++)
        {
            var length = inner[from..].IndexOf(',');
            if (!int.TryParse(length < 0 ? inner[from..] : inner.Slice(from, length), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out numbers[i]))
            {
                return null;
            }

            from += length + 1;
        }

        return numbers;
    }

    private static int[][]? TryReadLists(ReadOnlySpan<char> text)
    {
        if (text is not ['[', '[', .., ']', ']'])
        {
            return null;
        }

        var lists = new int[text[1..].Count('[')][];
        var rest = text[1..^1];
        for (var i = 0; i < lists.Length; i++)
        {
            var end = rest.IndexOf(']') + 1;
            var isLast = end == rest.Length;
            if (end == 0 || isLast != (i == lists.Length - 1) || (!isLast && rest[end] != ',') || TryReadList(rest[..end]) is not { } list)
            {
                return null;
            }

            lists[i] = list;
            rest = isLast ? [] : rest[(end + 1)..];
        }

        return lists;
    }

    internal sealed class ListConverter() : ValueConverter<int[], string>(list => Write(list), text => ReadList(text));

    internal sealed class ListsConverter() : ValueConverter<int[][], string>(lists => Write(lists), text => ReadLists(text));

    internal sealed class ListComparer() : ValueComparer<int[]>((a, b) => a == b || (a != null && b != null && a.SequenceEqual(b)), list => list.Length, list => list);
}

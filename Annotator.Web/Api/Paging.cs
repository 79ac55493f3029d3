using System.Buffers.Binary;
using System.Buffers.Text;
using System.ComponentModel;
using Microsoft.AspNetCore.Mvc;

namespace Annotator.Web.Api;

/// <summary>One page of a list.</summary>
/// <param name="Items">In the list's order.</param>
/// <param name="Next">Send it as <c>cursor</c> for the page after this one; null = this is the last.</param>
public sealed record Page<T>(IReadOnlyList<T> Items, string? Next);

/// <summary>Which page is asked for. Cursors are opaque to programs: they hold the last id seen, so that pages stay right while rows are added.</summary>
public sealed record PageOf
{
    public const int Most = 200;

    [FromQuery(Name = "limit"), Description("At most this many items: 1 to 200, 50 unless said otherwise.")]
    public int? Limit { get; init; }

    [FromQuery(Name = "cursor"), Description("The `next` of the page before.")]
    public string? Cursor { get; init; }

    /// <exception cref="ProblemException">Out of its range.</exception>
    public int Size() => Limit is null or (>= 1 and <= Most) ? Limit ?? 50 : throw ProblemException.BadRequest($"limit must be from 1 to {Most}; it is {Limit}.");

    /// <summary>The id after which the page begins; null for the first page.</summary>
    /// <exception cref="ProblemException">No cursor of ours.</exception>
    public long? After()
    {
        if (Cursor is null)
        {
            return null;
        }

        Span<byte> bytes = stackalloc byte[sizeof(long)];
        return Base64Url.IsValid(Cursor, out var length) && length == bytes.Length && Base64Url.TryDecodeFromChars(Cursor, bytes, out _)
            ? BinaryPrimitives.ReadInt64BigEndian(bytes)
            : throw NoCursor();
    }

    internal static ProblemException NoCursor() => ProblemException.BadRequest("cursor must be the `next` of an earlier page, as it was.");

    /// <summary>The page of rows, one more of which than asked for were read if there are any.</summary>
    public Page<T> Of<T>(IReadOnlyList<T> rows, Func<T, long> id)
    {
        ArgumentNullException.ThrowIfNull(rows);
        ArgumentNullException.ThrowIfNull(id);
        var size = Size();
        return rows.Count <= size ? new(rows, null) : UpTo([.. rows.Take(size)], id(rows[size - 1]));
    }

    /// <summary>The page of rows, after which the next one begins at an id; null = it is the last.</summary>
    public static Page<T> UpTo<T>(IReadOnlyList<T> rows, long? last)
    {
        if (last is not { } id)
        {
            return new(rows, null);
        }

        Span<byte> bytes = stackalloc byte[sizeof(long)];
        BinaryPrimitives.WriteInt64BigEndian(bytes, id);
        return new(rows, Base64Url.EncodeToString(bytes));
    }
}

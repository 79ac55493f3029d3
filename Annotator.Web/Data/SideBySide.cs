using System.Runtime.CompilerServices;

namespace Annotator.Web.Data;

/// <summary>Two queries in one order, read as one: a query that joins them would give each row's columns as often as it has parts.</summary>
internal static class SideBySide
{
    /// <summary>Each row with its parts, in flat memory. Both come in ascending order of the row's id; no part is without a row.</summary>
    public static async IAsyncEnumerable<(TRow Row, TPart[] Parts)> WithPartsAsync<TRow, TRead, TPart>(
        this IAsyncEnumerable<TRow> rows, Func<TRow, long> id, IAsyncEnumerable<TRead> parts, Func<TRead, long> rowId, Func<TRead, TPart> part, [EnumeratorCancellation] CancellationToken cancellation = default)
    {
        await using var next = parts.GetAsyncEnumerator(cancellation);
        var own = new List<TPart>();
        var more = await next.MoveNextAsync();
        await foreach (var row in rows.WithCancellation(cancellation))
        {
            for (own.Clear(); more && rowId(next.Current) == id(row); more = await next.MoveNextAsync())
            {
                own.Add(part(next.Current));
            }

            yield return (row, [.. own]);
        }
    }
}

using System.Runtime.CompilerServices;
using System.Threading.Channels;

namespace Annotator.Web.Data;

/// <summary>Two queries in one order, read as one: a query that joins them would give each row's columns as often as it has parts.</summary>
internal static class SideBySide
{
    private const int RowsAhead = 256;

    /// <summary>
    /// Each row with its parts, in flat memory. Both come in ascending order of the row's id; no part is without a row.
    /// They are read on a thread of their own, a little ahead of whoever writes them down: the context is not to be used otherwise meanwhile.
    /// </summary>
    public static async IAsyncEnumerable<(TRow Row, TPart[] Parts)> WithPartsAsync<TRow, TRead, TPart>(
        this IAsyncEnumerable<TRow> rows, Func<TRow, long> id, IAsyncEnumerable<TRead> parts, Func<TRead, long> rowId, Func<TRead, TPart> part, [EnumeratorCancellation] CancellationToken cancellation = default)
    {
        using var left = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var channel = Channel.CreateBounded<(TRow, TPart[])>(new BoundedChannelOptions(RowsAhead) { SingleReader = true, SingleWriter = true });
        var reading = Task.Run(() => ReadAsync(channel.Writer, rows, id, parts, rowId, part, left.Token), CancellationToken.None);
        try
        {
            await foreach (var row in channel.Reader.ReadAllAsync(cancellation))
            {
                yield return row;
            }
        }
        finally
        {
            await left.CancelAsync();
            await reading;
        }
    }

    /// <summary>What goes wrong is the reader's to hear.</summary>
    private static async Task ReadAsync<TRow, TRead, TPart>(
        ChannelWriter<(TRow, TPart[])> writer, IAsyncEnumerable<TRow> rows, Func<TRow, long> id, IAsyncEnumerable<TRead> parts, Func<TRead, long> rowId, Func<TRead, TPart> part, CancellationToken cancellation)
    {
        Exception? failed = null;
        try
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

                await writer.WriteAsync((row, [.. own]), cancellation);
            }
        }
#pragma warning disable CA1031 // Whatever it is: it is thrown where the rows are read.
        catch (Exception e)
#pragma warning restore CA1031
        {
            failed = e;
        }

        writer.Complete(failed);
    }
}

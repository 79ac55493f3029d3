using System.Runtime.CompilerServices;
using System.Threading.Channels;

namespace Annotator.Web.Dataset;

/// <summary>Reading and writing at once.</summary>
internal static class ReadAhead
{
    /// <summary>The same items, read on a thread of their own, at most so many ahead of whoever takes them.</summary>
    public static async IAsyncEnumerable<T> ReadAheadAsync<T>(this IAsyncEnumerable<T> source, int most, [EnumeratorCancellation] CancellationToken cancellation = default)
    {
        using var left = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var channel = Channel.CreateBounded<T>(new BoundedChannelOptions(most) { SingleReader = true, SingleWriter = true });
        var reading = Task.Run(() => ReadAsync(source, channel.Writer, left.Token), CancellationToken.None);
        try
        {
            await foreach (var item in channel.Reader.ReadAllAsync(cancellation))
            {
                yield return item;
            }
        }
        finally
        {
            await left.CancelAsync();
            await reading;
        }
    }

    private static async Task ReadAsync<T>(IAsyncEnumerable<T> source, ChannelWriter<T> writer, CancellationToken cancellation)
    {
        Exception? failed = null;
        try
        {
            await foreach (var item in source.WithCancellation(cancellation))
            {
                await writer.WriteAsync(item, cancellation);
            }
        }
#pragma warning disable CA1031 // Whatever it is: it is thrown where the items are taken.
        catch (Exception e)
#pragma warning restore CA1031
        {
            failed = e;
        }

        writer.Complete(failed);
    }
}

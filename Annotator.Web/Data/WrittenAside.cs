using System.Runtime.CompilerServices;
using System.Threading.Channels;

namespace Annotator.Web.Data;

/// <summary>Items that others write while they are taken.</summary>
internal static class WrittenAside
{
    /// <summary>
    /// What <paramref name="write"/> writes, on a thread of its own and at most so many items ahead of whoever takes them. What it
    /// fails with is thrown where they are taken; whoever stops taking them stops it too, and waits until it has ended.
    /// </summary>
    public static async IAsyncEnumerable<T> ReadAsync<T>(
        int most, Func<ChannelWriter<T>, CancellationToken, Task> write, [EnumeratorCancellation] CancellationToken cancellation = default)
    {
        using var left = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var channel = Channel.CreateBounded<T>(most);
        var writing = Task.Run(() => WriteAsync(channel.Writer, write, left.Token), CancellationToken.None);
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
            await writing;
        }
    }

    /// <summary>The same items, read ahead of whoever takes them.</summary>
    public static IAsyncEnumerable<T> ReadAheadAsync<T>(this IAsyncEnumerable<T> source, int most, CancellationToken cancellation = default) =>
        ReadAsync<T>(most, async (writer, left) =>
        {
            await foreach (var item in source.WithCancellation(left))
            {
                await writer.WriteAsync(item, left);
            }
        }, cancellation);

    private static async Task WriteAsync<T>(ChannelWriter<T> writer, Func<ChannelWriter<T>, CancellationToken, Task> write, CancellationToken cancellation)
    {
        Exception? failed = null;
        try
        {
            await write(writer, cancellation);
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

namespace Annotator.Web.Housekeeping;

/// <summary>One at a time: what takes files away, and what copies all of them.</summary>
public sealed class FilesInUse : IDisposable
{
    private readonly SemaphoreSlim one = new(1);

    public async Task<IDisposable> EnterAsync(CancellationToken cancellation = default)
    {
        await one.WaitAsync(cancellation);
        return new Turn(one);
    }

    public void Dispose() => one.Dispose();

    private sealed class Turn(SemaphoreSlim one) : IDisposable
    {
        private SemaphoreSlim? held = one;

        public void Dispose() => Interlocked.Exchange(ref held, null)?.Release();
    }
}

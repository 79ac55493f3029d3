namespace Annotator.Web.Data;

/// <summary>
/// Lets one writer of this process at a time near the database. SQLite has one writer anyway; waiting here costs
/// neither a thread nor the growing naps of its busy handler, which make the slowest of twenty writers ten times slower.
/// Operations under a person's fingers take it; others may, and are kept apart by SQLite's own lock if they do not.
/// </summary>
public sealed class WriteGate : IDisposable
{
    private readonly SemaphoreSlim gate = new(1);

    /// <summary>Waits for its turn, first come first served; disposing the result (again, too) lets the next one in.</summary>
    public async Task<IDisposable> EnterAsync(CancellationToken cancel = default)
    {
        await gate.WaitAsync(cancel);
        return new Turn(gate);
    }

    public void Dispose() => gate.Dispose();

    private sealed class Turn(SemaphoreSlim gate) : IDisposable
    {
        private SemaphoreSlim? held = gate;

        public void Dispose() => Interlocked.Exchange(ref held, null)?.Release();
    }
}

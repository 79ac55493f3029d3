namespace Annotator.Web.Sampling;

/// <summary>The batch that is being sampled, which a newer policy makes worthless.</summary>
internal sealed class BatchInFlight(long studyId, CancellationToken stopping) : IAsyncDisposable
{
    private readonly CancellationTokenSource source = CancellationTokenSource.CreateLinkedTokenSource(stopping);
    private readonly Lock ending = new();
    private Task? cancelling;
    private bool isOver;

    public CancellationToken Token => source.Token;

    public bool IsAbandoned => cancelling is not null;

    /// <summary>Returns at once: the requests end on other threads than the publisher's.</summary>
    public void Abandon(long study)
    {
        lock (ending)
        {
            if (study == studyId && !isOver)
            {
                cancelling ??= source.CancelAsync();
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        lock (ending)
        {
            isOver = true;
        }

        await (cancelling ?? Task.CompletedTask);
        source.Dispose();
    }
}

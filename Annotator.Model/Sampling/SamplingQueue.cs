namespace Annotator.Model.Sampling;

/// <summary>Requests that wait for the torch thread: bounded, first come first served.</summary>
/// <param name="capacity">Jobs that may wait.</param>
internal sealed class SamplingQueue(int capacity) : IDisposable
{
    private readonly LinkedList<SamplingJob> _waiting = [];
    private readonly SemaphoreSlim _arrivals = new(0);
    private readonly Lock _gate = new();

    /// <summary>Jobs that may wait.</summary>
    public int Capacity => capacity;

    /// <summary>Jobs that wait now.</summary>
    public int Count
    {
        get
        {
            lock (_gate)
                return _waiting.Count;
        }
    }

    /// <summary>Adds a job, unless too many wait already.</summary>
    public bool TryAdd(SamplingJob job)
    {
        lock (_gate)
        {
            if (_waiting.Count >= capacity)
                return false;
            _waiting.AddLast(job);
        }

        _arrivals.Release();
        return true;
    }

    /// <summary>Takes the job that came first; null if none waits. Jobs whose clients have gone are ended on the way.</summary>
    public SamplingJob? TryTake()
    {
        lock (_gate)
        {
            while (_waiting.First is { Value: var job })
            {
                _waiting.RemoveFirst();
                if (!job.Cancelled.IsCancellationRequested)
                    return job;
                job.End(new OperationCanceledException());
            }

            return null;
        }
    }

    /// <summary>Waits for a job and takes it.</summary>
    public SamplingJob Take(CancellationToken cancellationToken)
    {
        while (true)
        {
            if (TryTake() is { } job)
                return job;
            _arrivals.Wait(cancellationToken);  // may have counted a job that was taken since: then only to look again
        }
    }

    /// <summary>Ends all that wait.</summary>
    public void Fail(Exception reason)
    {
        lock (_gate)
        {
            foreach (var job in _waiting)
                job.End(reason);
            _waiting.Clear();
        }
    }

    public void Dispose() => _arrivals.Dispose();
}

namespace Annotator.Model.Sampling;

/// <summary>Requests that wait for the torch thread: bounded, first come first served, those of one policy batched.</summary>
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

    /// <summary>
    /// Waits for work: the job that came first and, as long as their rows fit beside its own, the others that wait for
    /// the same policy. Jobs whose clients have gone are ended on the way.
    /// </summary>
    public IReadOnlyList<SamplingJob> Take(int maxRows, CancellationToken cancellationToken)
    {
        while (true)
        {
            _arrivals.Wait(cancellationToken);
            var batch = new List<SamplingJob>();
            lock (_gate)
            {
                var rows = 0;
                for (var node = _waiting.First; node is not null;)
                {
                    var (job, at) = (node.Value, node);
                    node = node.Next;
                    if (job.Cancelled.IsCancellationRequested)
                    {
                        job.End(new OperationCanceledException());
                        _waiting.Remove(at);
                    }
                    else if (batch.Count == 0 || (job.Policy == batch[0].Policy && rows + job.Rows <= maxRows))
                    {
                        batch.Add(job);
                        rows += job.Rows;
                        _waiting.Remove(at);
                    }
                }
            }

            if (batch.Count > 0)
                return batch;  // arrivals counted for more jobs than are left only let a later wait pass in vain
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

using Annotator.Model.Checkpoints;

namespace Annotator.Model.Sampling;

/// <summary>One policy's responses that are being sampled, and the jobs they belong to. For the torch thread only.</summary>
/// <param name="policy">Not disposed here.</param>
internal sealed class PolicyAtWork(Policy policy) : IDisposable
{
    private readonly SamplingBatch _batch = new(policy.Model);
    private readonly Dictionary<ResponseInProgress, (SamplingJob Job, int Choice)> _responses = [];
    private readonly Dictionary<SamplingJob, int> _remaining = [];                                // responses of a job that are not over

    /// <summary>Rows that are computed.</summary>
    public int Rows => _batch.Rows;

    /// <summary>Whether no job is left.</summary>
    public bool IsDone => _remaining.Count == 0;

    /// <summary>Takes a job on.</summary>
    /// <returns>Its responses in groups that join together: those to one prompt, which share its prefill, at most <see cref="Sampler.MaxRows"/>.</returns>
    /// <exception cref="CompletionException">The policy can't continue a prompt.</exception>
    public IEnumerable<ResponseInProgress[]> Begin(SamplingJob job)
    {
        var responses = job.Begin(policy);
        foreach (var (choice, response) in responses.Index())
            _responses.Add(response, (job, choice));
        _remaining.Add(job, responses.Count);
        return responses.GroupBy(response => response.PromptTokenIds, ReferenceEqualityComparer.Instance)
            .SelectMany(group => group.Chunk(Sampler.MaxRows));
    }

    /// <summary>Lets a group join the rows that are computed, unless its client has gone.</summary>
    public void Join(ResponseInProgress[] group)
    {
        if (!group[0].Cancelled.IsCancellationRequested)
        {
            _batch.Add(group);
            return;
        }

        Array.ForEach(group, response => response.Abandon());
        EndWhatIsOver();
    }

    /// <summary>One token for every row.</summary>
    public void Step()
    {
        _batch.Step((response, token) => _responses[response].Job.Add(_responses[response].Choice, token));
        EndWhatIsOver();
    }

    /// <summary>Ends all jobs with what went wrong.</summary>
    public void Fail(Exception failure)
    {
        foreach (var job in _remaining.Keys)
            job.End(failure);
        _remaining.Clear();
        _responses.Clear();
    }

    public void Dispose() => _batch.Dispose();

    private void EndWhatIsOver()
    {
        foreach (var (response, (job, _)) in _responses.Where(entry => entry.Key.IsOver).ToList())
        {
            _responses.Remove(response);
            if (--_remaining[job] > 0)
                continue;
            _remaining.Remove(job);
            job.End(job.Cancelled.IsCancellationRequested ? new OperationCanceledException() : null);
        }
    }
}

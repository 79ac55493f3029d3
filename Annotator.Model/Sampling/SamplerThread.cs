using System.Runtime.InteropServices;
using Annotator.Model.Checkpoints;
using Annotator.Model.Native;
using Microsoft.Extensions.Logging;

namespace Annotator.Model.Sampling;

/// <summary>
/// The one thread that owns all tensors of <c>serve</c>. It takes jobs from the queue, those of one policy together,
/// and hands back plain tokens. Whatever a job fails with ends that batch, never the thread.
/// </summary>
internal sealed partial class SamplerThread : IDisposable
{
    private readonly ServingOptions _options;
    private readonly ILogger _log;
    private readonly SamplingQueue _queue;
    private readonly CancellationTokenSource _stop = new();
    private readonly Thread _thread;

    public SamplerThread(ServingOptions options, ILogger<SamplerThread> log)
    {
        _options = options;
        _log = log;
        _queue = new SamplingQueue(options.QueueCapacity);
        _thread = new Thread(Run) { IsBackground = true, Name = "sampler" };
        _thread.Start();
    }

    /// <summary>Takes a job to be sampled.</summary>
    /// <exception cref="CompletionException">Too many wait already, or the server is stopping.</exception>
    public void Add(SamplingJob job)
    {
        if (_stop.IsCancellationRequested)
            throw CompletionException.Stopping();
        if (!_queue.TryAdd(job))
            throw CompletionException.QueueFull(_queue.Capacity);
    }

    /// <summary>Ends what is being sampled and what waits: their requests are answered 503.</summary>
    public void Stop()
    {
        _stop.Cancel();
        _queue.Fail(CompletionException.Stopping());
    }

    /// <summary>Ends the thread too.</summary>
    public void Dispose()
    {
        Stop();
        _thread.Join();
        _queue.Dispose();
        _stop.Dispose();
    }

    private void Run()
    {
        using var policies = new LoadedPolicies(_options.PoliciesDirectory, _options.KeptPolicies, LibTorch.PreferredDevice(),
            onLoaded: (name, elapsed) => LogLoaded(name, elapsed.TotalSeconds));
        try
        {
            while (true)
                Answer(policies, _queue.Take(Sampler.MaxRows, _stop.Token));
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            // The way to end this thread.
        }
    }

    private void Answer(LoadedPolicies policies, IReadOnlyList<SamplingJob> jobs)
    {
        try
        {
            var policy = policies.Get(jobs[0].Policy);
            var rows = jobs.SelectMany(job => Begin(job, policy)).ToList();
            foreach (var together in rows.Chunk(Sampler.MaxRows))
                Sample(policy, together);
            foreach (var job in jobs)
                job.End(job.Cancelled.IsCancellationRequested ? new OperationCanceledException() : null);
        }
        catch (Exception e)
        {
            var failure = AsFailure(e, jobs[0].Policy);
            if (failure.Status == 500)
                LogFailure(failure.Message, IsForeseen(e) ? null : e);
            foreach (var job in jobs)
                job.End(failure);
        }
    }

    /// <summary>A job whose prompt can't be continued ends here, without its neighbours.</summary>
    private static IEnumerable<Row> Begin(SamplingJob job, Policy policy)
    {
        try
        {
            return job.Begin(policy).Select((response, choice) => new Row(job, choice, response));
        }
        catch (CompletionException fault)
        {
            job.End(fault);
            return [];
        }
    }

    private void Sample(Policy policy, Row[] rows)
    {
        var byResponse = rows.ToDictionary(row => row.Response);
        using var batch = new SamplingBatch(policy.Model, [.. rows.Select(row => row.Response)]);
        while (batch.Step(Deliver))
            _stop.Token.ThrowIfCancellationRequested();

        void Deliver(ResponseInProgress response, SampledToken token)
        {
            var (job, choice, _) = byResponse[response];
            job.Add(choice, token);
        }
    }

    private static bool IsForeseen(Exception e) => e is PolicyException or NotFiniteNumberException;

    private static CompletionException AsFailure(Exception e, string policy) => e switch
    {
        OperationCanceledException => CompletionException.Stopping(),
        PolicyException => CompletionException.Failed(e.Message, e),
        NotFiniteNumberException => CompletionException.Failed($"The policy \"{policy}\" can't be sampled from. {e.Message}", e),
        // libtorch reports a failed allocation, like all else, as an ExternalException with a native stack behind its first line.
        ExternalException => CompletionException.Failed($"Sampling from the policy \"{policy}\" failed: {e.Message.Split('\n')[0]}", e),
        _ => CompletionException.Failed($"Sampling from the policy \"{policy}\" failed; the server's log says why.", e),
    };

    [LoggerMessage(LogLevel.Information, "Loaded the policy {Policy} in {Seconds:0.00} s")]
    private partial void LogLoaded(string policy, double seconds);

    [LoggerMessage(LogLevel.Error, "{Message}")]
    private partial void LogFailure(string message, Exception? exception);

    private sealed record Row(SamplingJob Job, int Choice, ResponseInProgress Response);
}

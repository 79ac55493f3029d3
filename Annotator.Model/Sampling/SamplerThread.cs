using System.Runtime.InteropServices;
using Annotator.Model.Checkpoints;
using Annotator.Model.Native;
using Microsoft.Extensions.Logging;

namespace Annotator.Model.Sampling;

/// <summary>
/// The one thread that owns all tensors of <c>serve</c>. Between two steps it takes jobs from the queue as long as there
/// is room; then every policy that has responses in work samples a token for each. It hands back plain tokens. Whatever
/// a job fails with ends the responses of its policy, never the thread.
/// </summary>
internal sealed partial class SamplerThread : IDisposable
{
    /// <summary>Prompt tokens that join between two steps: what those at work wait for.</summary>
    private const int JoiningTokens = 2048;

    private readonly ServingOptions _options;
    private readonly ServingMetrics _metrics;
    private readonly ILogger _log;
    private readonly SamplingQueue _queue;
    private readonly CancellationTokenSource _stop = new();
    private readonly Thread _thread;

    // Of the thread alone.
    private readonly Dictionary<string, PolicyAtWork> _work = [];
    private readonly Queue<(string Policy, PolicyAtWork Work, ResponseInProgress[] Responses)> _joining = [];
    private SamplingJob? _next;

    public SamplerThread(ServingOptions options, ServingMetrics metrics, ILogger<SamplerThread> log)
    {
        _options = options;
        _metrics = metrics;
        _log = log;
        _queue = new SamplingQueue(options.QueueCapacity);
        _metrics.Waiting = () => _queue.Count + (_next is null ? 0 : 1);
        _thread = new Thread(Run) { IsBackground = true, Name = "sampler" };
        _thread.Start();
    }

    /// <summary>Takes a job to be sampled.</summary>
    /// <exception cref="CompletionException">Too many wait already, or the server is stopping.</exception>
    public void Add(SamplingJob job)
    {
        if (_stop.IsCancellationRequested)
            throw CompletionException.Stopping();
        job.Metrics = _metrics;
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
        using var policies = new LoadedPolicies(_options.PoliciesDirectory, _options.Memory, LibTorch.PreferredDevice())
        {
            OnLoaded = (name, elapsed) => LogLoaded(name, elapsed.TotalSeconds),
            OnChanged = loaded => _metrics.Policies = loaded,
        };
        try
        {
            while (true)
            {
                Admit(policies);
                foreach (var (name, work) in _work.ToList())
                {
                    Guard(name, work, work.Step);
                    if (work.IsDone)
                        Leave(name, work);
                }
            }
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            // The way to end this thread.
        }
        finally
        {
            _next?.End(CompletionException.Stopping());
            foreach (var work in _work.Values)
            {
                work.Fail(CompletionException.Stopping());
                work.Dispose();
            }
        }
    }

    /// <summary>
    /// Lets waiting responses join in the order in which they came, until the next don't fit. Waits only if there is
    /// nothing to do at all.
    /// </summary>
    private void Admit(LoadedPolicies policies)
    {
        var tokens = 0;
        while (tokens < JoiningTokens)
        {
            _stop.Token.ThrowIfCancellationRequested();
            if (!_joining.TryPeek(out var group))
            {
                _next ??= _work.Count == 0 ? _queue.Take(_stop.Token) : _queue.TryTake();
                if (_next is null || !Begin(_next, policies))
                    return;
                _next = null;
            }
            else if (_work.Values.Sum(work => work.Rows) + group.Responses.Length <= Sampler.MaxRows)
            {
                _joining.Dequeue();
                tokens += group.Responses[0].PromptTokenIds.Count;
                Guard(group.Policy, group.Work, () => group.Work.Join(group.Responses));
            }
            else
            {
                return;
            }
        }
    }

    /// <summary>Takes a job on, or ends it with what is wrong with it; false if its policy finds no room beside those at work.</summary>
    private bool Begin(SamplingJob job, LoadedPolicies policies)
    {
        var (name, work) = (job.Policy, _work.GetValueOrDefault(job.Policy));
        try
        {
            if (work is null)
            {
                if (policies.TryGet(name, inUse: _work.Keys) is not { } policy)
                    return false;
                work = new PolicyAtWork(policy);
                _work.Add(name, work);
            }

            foreach (var responses in work.Begin(job))
                _joining.Enqueue((name, work, responses));
        }
        catch (CompletionException fault)
        {
            job.End(fault);  // this job's own: its neighbours go on
        }
        catch (Exception e)
        {
            job.End(Logged(e, name));
        }

        return true;
    }

    private void Guard(string name, PolicyAtWork work, Action action)
    {
        try
        {
            action();
        }
        catch (Exception e)
        {
            work.Fail(Logged(e, name));
            Leave(name, work);
        }
    }

    private void Leave(string name, PolicyAtWork work)
    {
        if (!_work.Remove(name))
            return;
        for (var i = _joining.Count; i > 0; i--)
        {
            if (_joining.Dequeue() is var group && group.Work != work)
                _joining.Enqueue(group);
        }

        work.Dispose();
    }

    private CompletionException Logged(Exception e, string policy)
    {
        var failure = AsFailure(e, policy);
        LogFailure(failure.Message, e is PolicyException or NotFiniteNumberException ? null : e);
        return failure;
    }

    private static CompletionException AsFailure(Exception e, string policy) => e switch
    {
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
}

using System.Diagnostics;
using TorchSharp;

namespace Annotator.Model.LanguageModels;

/// <summary>
/// Threads that share the parts of one small job: a decoding step is some fifty jobs of a tenth of a millisecond with
/// as little between them, too short for the thread pool. A thread that has nothing to do looks out for the next job for
/// a moment before it sleeps.
/// </summary>
internal static class Crew
{
    private static readonly TimeSpan Lookout = TimeSpan.FromMicroseconds(100);
    private static readonly Lock Gate = new();
    private static readonly SemaphoreSlim Bell = new(0);
    private static int _hands;                                                                    // threads beside the caller
    private static int _asleep;
    private static volatile Job? _job;

    /// <summary>Does parts 0 to <paramref name="parts"/> − 1, in any order, on as many threads as libtorch uses; returns when all are done.</summary>
    /// <param name="parts">How many.</param>
    /// <param name="part">Does one; must not throw.</param>
    public static void Share(int parts, Action<int> part)
    {
        // Somebody else's job is being shared out: this one is done alone.
        if (parts == 1 || !Gate.TryEnter())
        {
            for (var i = 0; i < parts; i++)
                part(i);
            return;
        }

        try
        {
            Muster(torch.get_num_threads() - 1);
            var job = new Job(parts, part);
            _job = job;
            Interlocked.MemoryBarrier();
            if (Volatile.Read(ref _asleep) is > 0 and var asleep)
                Bell.Release(asleep);
            job.Work();
            var wait = new SpinWait();
            while (!job.IsDone)
                wait.SpinOnce(sleep1Threshold: -1);
            _job = null;
        }
        finally
        {
            Gate.Exit();
        }
    }

    private static void Muster(int hands)
    {
        for (; _hands < hands; _hands++)
            new Thread(Stand) { IsBackground = true, Name = $"decoding {_hands + 1}" }.Start();
    }

    private static void Stand()
    {
        Job? last = null;
        while (true)
        {
            last = Next(last);
            last.Work();
        }
    }

    private static Job Next(Job? last)
    {
        while (true)
        {
            for (var since = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(since) < Lookout;)
            {
                if (_job is { } job && job != last)
                    return job;
                Thread.SpinWait(8);
            }

            Interlocked.Increment(ref _asleep);
            if (_job is null || _job == last)
                Bell.Wait();
            Interlocked.Decrement(ref _asleep);
        }
    }

    private sealed class Job(int parts, Action<int> part)
    {
        private int _taken;
        private int _done;

        public bool IsDone => Volatile.Read(ref _done) == parts;

        public void Work()
        {
            for (var next = Interlocked.Increment(ref _taken) - 1; next < parts; next = Interlocked.Increment(ref _taken) - 1)
            {
                part(next);
                Interlocked.Increment(ref _done);
            }
        }
    }
}

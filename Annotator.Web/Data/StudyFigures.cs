using System.Collections.Concurrent;
using System.Diagnostics;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Web.Data;

/// <summary>Figures and the moment they are from.</summary>
/// <param name="Figures">Null while they are counted for the first time.</param>
/// <param name="At">UTC.</param>
/// <param name="Newer">Ends when newer ones are there; null if these are up to date.</param>
public sealed record Dated<T>(T? Figures, DateTime At, Task? Newer)
    where T : class;

/// <summary>
/// Figures of a study that take longer to count than a page may take to appear. They are counted in the background when
/// somebody asks and judgments have come since; who asks gets the last ones, with their time. Of a small study that is at
/// once; of a large one they are counted at most a twentieth of the time.
/// </summary>
/// <param name="count">Counts the figures of a study.</param>
public sealed class StudyFigures<T>(IDbContextFactory<AnnotatorDbContext> contexts, TimeProvider time, Func<long, CancellationToken, Task<T>> count) : IDisposable
    where T : class
{
    private const int Rest = 20;
    private static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(150);
    private readonly CancellationTokenSource stop = new();
    private readonly ConcurrentDictionary<long, Counted> studies = new();

    /// <summary>The newest figures that are there within a moment.</summary>
    public async Task<Dated<T>> ReadAsync(long studyId, CancellationToken cancellation = default)
    {
        var state = await StateAsync(studyId, cancellation);
        var counted = studies.GetOrAdd(studyId, _ => new());
        Task running;
        lock (counted)
        {
            if (counted.State == state || (counted.Figures is not null && time.GetUtcNow().UtcDateTime < counted.At + (Rest * counted.Took)))
            {
                return new(counted.Figures, counted.At, counted.Running);
            }

            running = counted.Running ??= Task.Run(() => CountAsync(studyId, state, counted), CancellationToken.None);
        }

        await Task.WhenAny(running, Task.Delay(Patience, cancellation));
        if (running.IsFaulted)
        {
            await running;
        }

        lock (counted)
        {
            return new(counted.Figures, counted.At, counted.Running);
        }
    }

    public void Dispose()
    {
        stop.Cancel();
        stop.Dispose();
    }

    private async Task CountAsync(long studyId, string state, Counted counted)
    {
        try
        {
            var (at, watch) = (time.GetUtcNow().UtcDateTime, Stopwatch.StartNew());
            var figures = await count(studyId, stop.Token);
            lock (counted)
            {
                (counted.Figures, counted.At, counted.Took, counted.State) = (figures, at, watch.Elapsed, state);
            }
        }
        finally
        {
            lock (counted)
            {
                counted.Running = null;
            }
        }
    }

    /// <summary>What must be the same for the figures to be the same: the newest judgment, and who is left out.</summary>
    private async Task<string> StateAsync(long studyId, CancellationToken cancellation)
    {
        await using var db = await contexts.CreateDbContextAsync(cancellation);
        var last = await db.Judgments.Where(j => j.StudyId == studyId).MaxAsync(j => (long?)j.Id, cancellation);
        var leftOut = await db.LeftOutAnnotators.Where(l => l.StudyId == studyId).Select(l => l.At).ToListAsync(cancellation);
        return $"{last} {string.Join(' ', leftOut.Select(at => at.Ticks).Order())}";
    }

    private sealed class Counted
    {
        public T? Figures { get; set; }
        public DateTime At { get; set; }
        public TimeSpan Took { get; set; }
        public string? State { get; set; }
        public Task? Running { get; set; }
    }
}

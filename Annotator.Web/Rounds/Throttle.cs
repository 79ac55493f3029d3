namespace Annotator.Web.Rounds;

/// <summary>
/// Turns many signals into few actions: the first signal starts the interval, its end runs the action once, whatever came
/// in between. Keeps a page that follows a fast trainer from flooding its circuit.
/// </summary>
/// <param name="act">Runs on a timer's thread; must not throw.</param>
public sealed class Throttle : IDisposable
{
    private readonly TimeSpan interval;
    private readonly ITimer timer;
    private int waiting;

    public Throttle(TimeSpan interval, TimeProvider clock, Action act)
    {
        ArgumentNullException.ThrowIfNull(clock);
        this.interval = interval;
        timer = clock.CreateTimer(
            _ =>
            {
                Volatile.Write(ref waiting, 0);
                act();
            },
            null,
            Timeout.InfiniteTimeSpan,
            Timeout.InfiniteTimeSpan);
    }

    public void Signal()
    {
        if (Interlocked.Exchange(ref waiting, 1) == 0)
        {
            timer.Change(interval, Timeout.InfiniteTimeSpan);
        }
    }

    public void Dispose() => timer.Dispose();
}

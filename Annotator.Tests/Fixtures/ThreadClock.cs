using System.Diagnostics;
using System.Globalization;

namespace Annotator.Tests.Fixtures;

/// <summary>
/// How long work took its thread on a core, from <c>/proc</c>: what a limit is held against where other programs may have the
/// cores too. Where there is no such file it is the time on the clock.
/// </summary>
public static class ThreadClock
{
    private const string Statistics = "/proc/thread-self/schedstat";

    /// <summary>Runs something that stays on this thread.</summary>
    public static TimeSpan Of(Action work)
    {
        ArgumentNullException.ThrowIfNull(work);
        var start = Now();
        work();
        return Now() - start;
    }

    private static TimeSpan Now() => File.Exists(Statistics)
        ? TimeSpan.FromMicroseconds(long.Parse(File.ReadAllText(Statistics).Split(' ')[0], CultureInfo.InvariantCulture) / 1000.0)
        : Stopwatch.GetElapsedTime(0);
}

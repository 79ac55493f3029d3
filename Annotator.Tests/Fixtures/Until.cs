using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace Annotator.Tests.Fixtures;

/// <summary>Waits for what another thread or process brings about, by looking.</summary>
public static class Until
{
    private static readonly TimeSpan LookEvery = TimeSpan.FromMilliseconds(20);

    /// <summary>Two processes that start one after the other on a machine that does something else, each 20 s late, and what they then do.</summary>
    private const double Patience = 60;

    /// <summary>Until the condition holds; fails the test after <paramref name="seconds"/>.</summary>
    public static Task TrueAsync(Func<bool> condition, double seconds = Patience, [CallerArgumentExpression(nameof(condition))] string? what = null) =>
        TrueAsync(() => Task.FromResult(condition()), seconds, what);

    /// <inheritdoc cref="TrueAsync(Func{bool}, double, string?)" />
    public static async Task TrueAsync(Func<Task<bool>> condition, double seconds = Patience, [CallerArgumentExpression(nameof(condition))] string? what = null)
    {
        var waited = Stopwatch.StartNew();
        while (!await condition())
        {
            waited.Elapsed.TotalSeconds.ShouldBeLessThan(seconds, $"It did not come to be: {what}");
            await Task.Delay(LookEvery, TestContext.Current.CancellationToken);
        }
    }
}

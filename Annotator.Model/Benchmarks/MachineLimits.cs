using System.Diagnostics;
using TorchSharp;
using static TorchSharp.torch;

namespace Annotator.Model.Benchmarks;

/// <summary>What this machine can do at best, measured: the best of several goes, since others only ever take time away.</summary>
public static class MachineLimits
{
    private const int Goes = 7;

    /// <summary>
    /// Seconds of the matrix products x·W alone, one after the other, of a batch against given weights: at the shapes, and
    /// with the traffic from memory, of a decoding step. For each weight the better of its two layouts in memory.
    /// </summary>
    /// <param name="rows">Of x.</param>
    /// <param name="shapes">In and out of each weight.</param>
    public static double MatrixProducts(int rows, IReadOnlyList<(long In, long Out)> shapes)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var total = 0.0;
        foreach (var group in shapes.GroupBy(shape => shape))
        {
            var (x, (from, to)) = (rand(rows, group.Key.In), group.Key);
            // Together beyond the caches, as between two steps of the real thing.
            var count = (int)Math.Max(group.Count(), 200_000_000 / (sizeof(float) * from * to));
            var weights = Enumerable.Range(0, count).Select(_ => rand(from, to)).ToList();
            var transposed = weights.ConvertAll(weight => weight.t().contiguous().t());
            total += Math.Min(Products(weights), Products(transposed)) / count * group.Count();

            double Products(List<Tensor> each) => Best(() => each.ForEach(weight => mm(x, weight).Dispose()));
        }

        return total;
    }

    /// <summary>Floating-point operations a second of a large square product.</summary>
    public static double MatrixProduct()
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        const int Size = 2048;
        var (a, b) = (rand(Size, Size), rand(Size, Size));
        return 2.0 * Size * Size * Size / Best(() => mm(a, b).Dispose());
    }

    /// <summary>The fewest seconds of several goes.</summary>
    public static double Best(Action action)
    {
        var best = double.PositiveInfinity;
        for (var go = 0; go < Goes; go++)
        {
            var begun = Stopwatch.GetTimestamp();
            action();
            best = Math.Min(best, Stopwatch.GetElapsedTime(begun).TotalSeconds);
        }

        return best;
    }

    /// <summary>
    /// Median seconds of several actions that are done in turn. On a machine that others share, a limit that was measured
    /// a minute before what is held against it is another machine's; so what they take away falls on all alike.
    /// </summary>
    public static double[] InTurn(int goes, IReadOnlyList<Action> actions)
    {
        ArgumentNullException.ThrowIfNull(actions);
        var seconds = actions.Select(_ => new double[goes]).ToArray();
        for (var go = 0; go < goes; go++)
        {
            foreach (var (i, action) in actions.Index())
            {
                var begun = Stopwatch.GetTimestamp();
                action();
                seconds[i][go] = Stopwatch.GetElapsedTime(begun).TotalSeconds;
            }
        }

        return [.. seconds.Select(each => each.Order().ElementAt(goes / 2))];
    }
}

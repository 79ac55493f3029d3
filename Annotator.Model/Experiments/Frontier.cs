namespace Annotator.Model.Experiments;

/// <summary>A method's curve over several seeds: reward against the distance from the reference.</summary>
/// <param name="Method">Its name.</param>
/// <param name="Runs">The points of each seed, in the order of steps.</param>
public sealed record FrontierCurve(string Method, IReadOnlyList<IReadOnlyList<FrontierPoint>> Runs)
{
    /// <summary>Curves in the order in which their methods first come.</summary>
    public static IReadOnlyList<FrontierCurve> Of(IEnumerable<FrontierPoint> points) =>
        [.. points.GroupBy(point => point.Method).Select(method => new FrontierCurve(
            method.Key,
            [.. method.GroupBy(point => point.Seed).OrderBy(run => run.Key).Select(run => (IReadOnlyList<FrontierPoint>)[.. run.OrderBy(point => point.Step)])]))];

    /// <summary>Means over the seeds at each step that all of them measured, with standard errors over the seeds.</summary>
    public IEnumerable<(int Step, Estimate Kl, Estimate Reward)> Means() =>
        from step in Runs[0].Select(point => point.Step)
        let points = Runs.Select(run => run.FirstOrDefault(point => point.Step == step)).OfType<FrontierPoint>().ToList()
        where points.Count == Runs.Count
        select (step, Average(points, point => point.Kl), Average(points, point => point.Reward));

    /// <summary>The reward on the way through a KL, one value a seed; null where a seed never gets so far.</summary>
    /// <param name="kl">In nats.</param>
    public IReadOnlyList<double>? RewardsAt(double kl)
    {
        var rewards = Runs.Select(run => RewardAt(run, kl)).ToList();
        return rewards.Contains(null) ? null : [.. rewards.Select(reward => reward!.Value)];
    }

    /// <summary>Of the runs, in their order.</summary>
    public IEnumerable<int> Seeds => Runs.Select(run => run[0].Seed);

    /// <summary>Where a run first reaches a KL, interpolated between the two measurements around; null if it never does.</summary>
    public static double? RewardAt(IReadOnlyList<FrontierPoint> run, double kl)
    {
        for (var i = 1; i < run.Count; i++)
        {
            var (before, after) = (run[i - 1], run[i]);
            if (before.Kl.Mean < kl && after.Kl.Mean >= kl)
                return before.Reward.Mean + (after.Reward.Mean - before.Reward.Mean) * (kl - before.Kl.Mean) / (after.Kl.Mean - before.Kl.Mean);
        }
        return null;
    }

    private static Estimate Average(List<FrontierPoint> points, Func<FrontierPoint, Estimate> of) =>
        points.Count == 1 ? of(points[0]) : Estimate.Of([.. points.Select(point => of(point).Mean)]);
}

using Annotator.Model.Evaluation;

namespace Annotator.Model.Experiments;

/// <summary>The best of N samples of the reference: no training at all, and N times the sampling.</summary>
public static class BestOfNPoints
{
    public const string Name = "best-of-n";

    /// <summary>The reward for N = 1, 2, 4, … of the sizes' largest N: from as many samples, the mean over every choice of N of them.</summary>
    /// <param name="task">The task.</param>
    /// <param name="cancellation">Of the sampling.</param>
    public static IEnumerable<FrontierPoint> Measure(SentimentTask task, CancellationToken cancellation)
    {
        var most = task.Sizes.BestOf;
        var prompts = task.Openings.HeldOut.Take(task.Sizes.BestOfPrompts).ToList();
        var drawn = task.Samples.Draw(task.Reference, prompts, most, task.Stream(4), cancellation).Chunk(most)
            .Select(samples => samples.OrderBy(sample => sample.Reward).ToList()).ToList();
        for (var n = 1; n <= most; n *= 2)
        {
            var chances = ChancesToBeBest(most, n);
            yield return new(
                Name, task.Seed, n, new(KullbackLeibler.BestOf(n), 0),
                Estimate.Of([.. drawn.Select(samples => Mean(samples, sample => sample.Reward))]),
                drawn.Average(samples => Mean(samples, sample => sample.Reward > 0 ? 1 : 0)),
                drawn.Average(samples => Mean(samples, sample => sample.TokenIds.Count)), prompts.Count * most, 0);

            double Mean(List<ScoredSample> samples, Func<ScoredSample, double> of) => samples.Zip(chances, (sample, chance) => chance * of(sample)).Sum();
        }
    }

    /// <summary>The chance of the i-th worst of m samples to be the best of n drawn from them without putting back: C(i, n−1) / C(m, n), i from 0.</summary>
    public static double[] ChancesToBeBest(int m, int n) =>
        [.. Enumerable.Range(0, m).Select(i => i < n - 1 ? 0 : Math.Exp(LogChoose(i, n - 1) - LogChoose(m, n)))];

    private static double LogChoose(int m, int n) => Enumerable.Range(0, n).Sum(k => Math.Log(m - k) - Math.Log(k + 1));
}

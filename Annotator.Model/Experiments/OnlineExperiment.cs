using System.Text.Json;
using Annotator.Model.Checkpoints;
using Annotator.Model.Evaluation;
using Annotator.Model.Preferences;

namespace Annotator.Model.Experiments;

/// <summary>Runs all arms for some seeds in a directory: a table of points for each in <c>arms/</c>, which a rerun takes as done.</summary>
/// <param name="directory">Made if need be.</param>
/// <param name="progress">Told how much is done, from 0 to 1.</param>
/// <param name="log">Told what happens in a few words.</param>
public sealed class OnlineExperiment(string directory, Action<double> progress, Action<string> log)
{
    private sealed record Options(string Policy, string Prompts, OnlineSizes Sizes);

    /// <summary>Runs what is not done yet.</summary>
    /// <param name="policyPath">π_SFT.</param>
    /// <param name="scorer">r*.</param>
    /// <param name="corpus">Where openings come from; null for the embedded prompts.</param>
    /// <param name="sizes">How much.</param>
    /// <param name="seeds">Of everything random.</param>
    /// <param name="cancellation">Loses what the arm under way has done.</param>
    /// <exception cref="InvalidDataException">The directory was begun with other options.</exception>
    public void Run(string policyPath, SentimentScorer scorer, Corpus? corpus, OnlineSizes sizes, IReadOnlyList<int> seeds, CancellationToken cancellation)
    {
        Directory.CreateDirectory(Path.Combine(directory, "arms"));
        KeptOptions.Keep(directory, JsonSerializer.Serialize(new Options(PolicyDirectory.Hash(policyPath), corpus is null ? "embedded" : "corpus", sizes), JsonLines.IndentedSpelling));
        using var sft = PolicyDirectory.OpenForSampling(policyPath);
        var runs = (from seed in seeds from arm in OnlineArm.All select (Seed: seed, Arm: arm)).ToList();
        foreach (var (index, (seed, arm)) in runs.Index())
        {
            var file = Path.Combine(directory, "arms", $"{arm.Name}-{seed}.csv");
            if (File.Exists(file))
                continue;
            var openings = Openings.Read(corpus, sft, sizes.Judgments * 5 / 4 * sizes.Rounds, sizes.FreshSamples, seed);
            var points = new List<FrontierPoint>();
            foreach (var point in new OnlineRounds(policyPath, scorer, sizes, seed).Run(arm, sft, openings, fraction => progress((index + fraction) / runs.Count), cancellation))
            {
                points.Add(point);
                log(FormattableString.Invariant($"{arm.Label}, seed {seed}: {point.Step} judgments, reward {point.Reward.Mean:F2} ± {point.Reward.StandardError:F2}, KL {point.Kl.Mean:F2}, {point.Seconds:F0} s"));
            }
            FrontierPoint.WriteAll(file, points);
        }
    }

    /// <summary>The points of all arms that are done, in the order of the arms.</summary>
    public static IReadOnlyList<FrontierPoint> Read(string directory) =>
    [
        .. OnlineArm.All.SelectMany(arm => Directory.GetFiles(Path.Combine(directory, "arms"), $"{arm.Name}-*.csv").Order(StringComparer.Ordinal)).SelectMany(FrontierPoint.ReadAll),
    ];
}

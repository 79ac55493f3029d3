using System.Diagnostics;
using System.Text.Json;
using Annotator.Model.Checkpoints;
using Annotator.Model.Evaluation;
using Annotator.Model.Preferences;

namespace Annotator.Model.Experiments;

/// <summary>What a directory of controlled sentiment was made with: a rerun must ask for the same.</summary>
public sealed record SentimentOptions(int Seed, string Policy, string Prompts, SentimentSizes Sizes);

/// <summary>
/// Runs controlled sentiment in a directory: a table of points for each method in <c>methods/</c>, which a rerun takes as done.
/// </summary>
/// <param name="directory">Made if need be.</param>
/// <param name="progress">Told how much is done, from 0 to 1.</param>
/// <param name="log">Told what happens in a few words.</param>
public sealed class SentimentExperiment(string directory, Action<double> progress, Action<string> log)
{
    /// <summary>Runs what is not done yet.</summary>
    /// <param name="policyPath">π_SFT.</param>
    /// <param name="scorer">r*.</param>
    /// <param name="corpus">Where openings come from; null for the embedded prompts.</param>
    /// <param name="sizes">How much.</param>
    /// <param name="seed">Of everything random.</param>
    /// <param name="only">Names of methods; empty for all.</param>
    /// <param name="cancellation">Loses what the method under way has done.</param>
    /// <exception cref="InvalidDataException">The directory was begun with other options.</exception>
    public void Run(string policyPath, SentimentScorer scorer, Corpus? corpus, SentimentSizes sizes, int seed, IReadOnlyCollection<string> only, CancellationToken cancellation)
    {
        Directory.CreateDirectory(Path.Combine(directory, "methods"));
        KeptOptions.Keep(directory, JsonSerializer.Serialize(new SentimentOptions(seed, PolicyDirectory.Hash(policyPath), corpus is null ? "embedded" : "corpus", sizes), JsonLines.IndentedSpelling));
        var wanted = SentimentMethod.All.Where(method => IsWanted(method.Name)).ToList();
        var waiting = wanted.Where(method => !File.Exists(FileOf(method.Name))).ToList();
        if (waiting.Count == 0 && (File.Exists(FileOf(BestOfNPoints.Name)) || !IsWanted(BestOfNPoints.Name)))
            return;

        using var reference = PolicyDirectory.OpenForSampling(policyPath);
        var task = new SentimentTask(reference, scorer, Openings.Read(corpus, reference, sizes.Prompts, sizes.FreshSamples, seed), sizes, seed, Path.Combine(directory, "samples.jsonl"), cancellation);
        log($"{task.Openings.Train.Count} openings to learn from, {task.Openings.HeldOut.Count} to measure on");
        if (IsWanted(BestOfNPoints.Name) && !File.Exists(FileOf(BestOfNPoints.Name)))
            FrontierPoint.WriteAll(FileOf(BestOfNPoints.Name), BestOfNPoints.Measure(task, cancellation));

        foreach (var (index, method) in waiting.Index())
        {
            using var policy = PolicyDirectory.OpenForSampling(policyPath);
            FrontierPoint.WriteAll(FileOf(method.Name), Train(method, task, policy, fraction => progress((wanted.Count - waiting.Count + index + fraction) / wanted.Count), cancellation));
        }

        bool IsWanted(string name) => only.Count == 0 || only.Contains(name);
    }

    /// <summary>The points of all methods that are done, in the order of the methods.</summary>
    public static IReadOnlyList<FrontierPoint> Read(string directory) =>
        [.. SentimentMethod.All.Select(method => method.Name).Append(BestOfNPoints.Name)
            .Select(name => Path.Combine(directory, "methods", name + ".csv")).Where(File.Exists).SelectMany(FrontierPoint.ReadAll)];

    /// <summary>The loop of every method: measure, train on, measure.</summary>
    private List<FrontierPoint> Train(SentimentMethod method, SentimentTask task, Policy policy, Action<double> advanced, CancellationToken cancellation)
    {
        var (clock, points) = (Stopwatch.StartNew(), new List<FrontierPoint>());
        using var learner = method.Begin(task, policy, cancellation);
        for (var step = 0; ; step += learner.UpdatesPerCall)
        {
            if (step % task.Sizes.EvaluationSteps == 0 || step >= learner.Steps)
            {
                points.Add(task.Measure(policy, method.Name, step, clock.Elapsed.TotalSeconds, cancellation));
                log(Describe(method, points[^1]));
            }
            advanced(Math.Min(1, (double)step / learner.Steps));
            if (step >= learner.Steps)
                break;
            learner.Update(cancellation);
        }
        return points;
    }

    private static string Describe(SentimentMethod method, FrontierPoint point) => FormattableString.Invariant(
        $"{method.Label}: step {point.Step}, KL {point.Kl.Mean:F2}, reward {point.Reward.Mean:F2} ± {point.Reward.StandardError:F2}, {point.Positive:P0} positive, {point.Tokens:F1} tokens, {point.Seconds:F0} s");

    private string FileOf(string method) => Path.Combine(directory, "methods", method + ".csv");
}

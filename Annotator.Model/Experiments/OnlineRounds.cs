using Annotator.Model.Checkpoints;
using Annotator.Model.Evaluation;
using Annotator.Model.Preferences;
using Annotator.Model.Sampling;
using Annotator.Model.Training;

namespace Annotator.Model.Experiments;

/// <summary>How large the simulation of online rounds is.</summary>
public sealed record OnlineSizes
{
    public int Rounds { get; init; } = 4;

    /// <summary>Judgments before each round.</summary>
    public int Judgments { get; init; } = 128;

    /// <summary>The chance of a wrong judgment: people disagree with each other about as often.</summary>
    public double Noise { get; init; } = 0.2;

    public int MaxTokens { get; init; } = 20;

    /// <summary>Comparisons an update.</summary>
    public int BatchSize { get; init; } = 16;

    /// <summary>Passes over the comparisons of a round.</summary>
    public double Epochs { get; init; } = 1;

    public double Beta { get; init; } = 0.1;

    public double LearningRate { get; init; } = 5e-5;

    /// <summary>Fresh samples after each round, one for each held-out opening.</summary>
    public int FreshSamples { get; init; } = 256;

    /// <summary>Samples of an opening among which the most uncertain pair is looked for.</summary>
    public int Candidates { get; init; } = 4;
}

/// <summary>One way to run rounds; every round begins from the policy before.</summary>
/// <param name="Name">In files.</param>
/// <param name="Label">In pictures and tables.</param>
/// <param name="PreviousReference">πref is the policy before the round, not π_SFT.</param>
/// <param name="NewDataOnly">A round forgets the comparisons of earlier ones.</param>
/// <param name="MostUncertain">Of several samples the two whose implicit rewards are closest are compared, not two at random.</param>
public sealed record OnlineArm(string Name, string Label, bool PreviousReference = false, bool NewDataOnly = false, bool MostUncertain = false)
{
    /// <summary>The app's default, and one change at a time.</summary>
    public static IReadOnlyList<OnlineArm> All { get; } =
    [
        new("default", "reference SFT, all data, random pairs"),
        new("previous", "reference previous", PreviousReference: true),
        new("new", "new data only", NewDataOnly: true),
        new("uncertain", "most uncertain pairs", MostUncertain: true),
    ];
}

/// <summary>R times: sample from the newest policy, judge with noise, run a round of DPO on what is known by then.</summary>
/// <param name="sftPath">π_SFT.</param>
/// <param name="scorer">r*.</param>
/// <param name="sizes">How much.</param>
/// <param name="seed">Of everything random.</param>
public sealed class OnlineRounds(string sftPath, SentimentScorer scorer, OnlineSizes sizes, int seed)
{
    private readonly FreshSamples _samples = new(scorer, sizes.MaxTokens);

    /// <summary>Runs one arm.</summary>
    /// <param name="arm">How.</param>
    /// <param name="sft">π_SFT, opened.</param>
    /// <param name="openings">x.</param>
    /// <param name="progress">Told how much is done, from 0 to 1.</param>
    /// <param name="cancellation">Looked at between updates.</param>
    /// <returns>A point before the first round and one after each; the step is the number of judgments asked for so far.</returns>
    public IEnumerable<FrontierPoint> Run(OnlineArm arm, Policy sft, Openings openings, Action<double> progress, CancellationToken cancellation)
    {
        using var policy = PolicyDirectory.OpenForSampling(sftPath);
        var clock = System.Diagnostics.Stopwatch.StartNew();
        var known = new List<TokenComparison>();
        yield return Measure(arm, policy, sft, openings, 0, clock.Elapsed.TotalSeconds, cancellation);
        for (var round = 0; round < sizes.Rounds; round++)
        {
            var judged = Judge(arm, policy, sft, openings, round, cancellation);
            if (arm.NewDataOnly)
                known.Clear();
            known.AddRange(judged);
            if (known.Count > 0)
                Train(arm, policy, known, round, cancellation);
            yield return Measure(arm, policy, sft, openings, (round + 1) * sizes.Judgments, clock.Elapsed.TotalSeconds, cancellation);
            progress((round + 1.0) / sizes.Rounds);
        }
    }

    /// <summary>Samples of the newest policy, two of each opening compared. Reference log-probabilities are those of π_SFT; a moving reference is filled in by the round.</summary>
    private List<TokenComparison> Judge(OnlineArm arm, Policy policy, Policy sft, Openings openings, int round, CancellationToken cancellation)
    {
        var candidates = arm.MostUncertain ? sizes.Candidates : 2;
        // Two of one reward can't be judged; a few openings more make up for them.
        var order = DataOrder.Batch(openings.Train.Count, openings.Train.Count, seed, round);
        var prompts = order.Take(sizes.Judgments * 5 / 4).Select(index => openings.Train[index]).ToList();
        var samples = _samples.Draw(policy, prompts, candidates, Stream(round, 1), cancellation);
        var reference = FreshSamples.Logps(sft.Model, samples);
        return
        [
            .. samples.Zip(reference, (sample, logp) => (Sample: sample with { Logp = logp }, Implicit: sizes.Beta * (sample.Logp - logp))).Chunk(candidates)
                .Select((ofPrompt, index) => (Pair: Closest(ofPrompt), Index: index))
                .Where(one => one.Pair is not null).Take(sizes.Judgments)
                .Select(one => SimulatedPreferences.Flipped(one.Pair!.Value.A, one.Pair.Value.B, sizes.Noise, $"r{round}-{one.Index}", new RandomNumbers(Stream(round, 2), one.Index))),
        ];
    }

    private static (ScoredSample A, ScoredSample B)? Closest((ScoredSample Sample, double Implicit)[] candidates) =>
        (from a in Enumerable.Range(0, candidates.Length)
         from b in Enumerable.Range(a + 1, candidates.Length - a - 1)
         let first = candidates[a]
         let second = candidates[b]
         where first.Sample.Reward != second.Sample.Reward
         orderby Math.Abs(first.Implicit - second.Implicit)
         select ((ScoredSample, ScoredSample)?)(first.Sample, second.Sample)).FirstOrDefault();

    private void Train(OnlineArm arm, Policy policy, List<TokenComparison> known, int round, CancellationToken cancellation)
    {
        IReadOnlyList<TokenComparison> comparisons = known;
        if (arm.PreviousReference)
        {
            var unknown = known.Select(comparison => comparison with { ReferenceLogps = [.. comparison.ReferenceLogps.Select(_ => (double?)null)] }).ToList();
            comparisons = ReferenceLogProbabilities.Fill(policy.Model, unknown, sizes.BatchSize, cancellation);
        }

        using var trainer = new DpoTrainer(policy.Model, new RoundData(comparisons, [], new Dictionary<string, int>()), RoundOptions.AppDefaults(sftPath, sftPath) with
        {
            Beta = sizes.Beta,
            LearningRate = sizes.LearningRate,
            WarmupSteps = 2,
            BatchSize = sizes.BatchSize,
            NumTrainEpochs = sizes.Epochs,
            Seed = seed * 100 + round,
        });
        while (trainer.Step < trainer.MaxSteps)
            trainer.Next(cancellation);
    }

    private FrontierPoint Measure(OnlineArm arm, Policy policy, Policy sft, Openings openings, int judgments, double seconds, CancellationToken cancellation) =>
        _samples.Measure(policy, sft.Model, openings.HeldOut, Stream(0, 3), cancellation) with { Method = arm.Name, Seed = seed, Step = judgments, Seconds = seconds };

    private long Stream(int round, int purpose) => seed * 10_000L + round * 10 + purpose;
}

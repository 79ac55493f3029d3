using Annotator.Model.Checkpoints;
using Annotator.Model.Evaluation;
using Annotator.Model.Preferences;
using Annotator.Model.Sampling;
using Annotator.Model.Training;

namespace Annotator.Model.Experiments;

/// <summary>
/// Controlled sentiment (Rafailov et al. 2023, section 6): continue a review's opening so that it turns out positive. What
/// all methods share: the reference, the openings, four samples of the reference to each, and what is said of them.
/// </summary>
public sealed class SentimentTask
{
    private readonly IReadOnlyList<ScoredSample> _samples;
    private readonly int _seed;

    /// <param name="reference">π_SFT, where every method begins; stays the caller's.</param>
    /// <param name="scorer">r*.</param>
    /// <param name="openings">x.</param>
    /// <param name="sizes">How much of everything.</param>
    /// <param name="seed">Of samples and judgments.</param>
    /// <param name="samplesFile">Where the samples to learn from are kept between runs; drawn where it does not exist yet.</param>
    /// <param name="cancellation">Of the sampling.</param>
    public SentimentTask(Policy reference, SentimentScorer scorer, Openings openings, SentimentSizes sizes, int seed, string samplesFile, CancellationToken cancellation)
    {
        (Reference, Scorer, Openings, Sizes, _seed) = (reference, scorer, openings, sizes, seed);
        Samples = new(scorer, sizes.MaxTokens);
        if (!File.Exists(samplesFile))
        {
            JsonLines.Write(samplesFile + ".part", Samples.Draw(reference, openings.Train, sizes.SamplesPerPrompt, Stream(1), cancellation));
            File.Move(samplesFile + ".part", samplesFile);
        }
        _samples = [.. JsonLines.Read<ScoredSample>(samplesFile)];
    }

    public Policy Reference { get; }

    public SentimentScorer Scorer { get; }

    public Openings Openings { get; }

    public SentimentSizes Sizes { get; }

    public FreshSamples Samples { get; }

    public int Seed => _seed;

    /// <summary>The samples of each prompt, ranked by the Plackett–Luce model of the scorer, or without noise.</summary>
    public IReadOnlyList<TokenComparison> Rankings(bool noiseless = false) =>
    [
        .. _samples.Chunk(Sizes.SamplesPerPrompt)
            .Select((samples, prompt) => SimulatedPreferences.Ranked(samples, $"p{prompt}", noiseless ? null : new RandomNumbers(Stream(2), prompt)))
            .OfType<TokenComparison>(),
    ];

    /// <summary>Samples afresh and measures: the same random numbers at every step and for every method.</summary>
    /// <param name="policy">πθ.</param>
    /// <param name="method">Its name.</param>
    /// <param name="step">Updates made.</param>
    /// <param name="seconds">Since it began.</param>
    /// <param name="cancellation">Of the sampling.</param>
    public FrontierPoint Measure(Policy policy, string method, int step, double seconds, CancellationToken cancellation) =>
        Samples.Measure(policy, Reference.Model, Openings.HeldOut, Stream(3), cancellation) with { Method = method, Seed = _seed, Step = step, Seconds = seconds };

    /// <summary>A stream of random numbers for each purpose.</summary>
    public long Stream(int purpose) => _seed * 1000L + purpose;
}

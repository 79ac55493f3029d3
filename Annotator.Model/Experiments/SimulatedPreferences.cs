using Annotator.Model.Preferences;
using Annotator.Model.Sampling;
using Annotator.Model.Training;

namespace Annotator.Model.Experiments;

/// <summary>
/// What a simulated annotator says of samples whose true reward is known. Responses equal in tokens are never compared.
/// </summary>
public static class SimulatedPreferences
{
    /// <summary>
    /// The samples of one prompt ranked by the Plackett–Luce model with strengths r*: sorted by reward with Gumbel noise
    /// (Yellott 1977). Of the pairs that it implies each is judged by eq. 1: P(a ≻ b) = σ(r*(a) − r*(b)).
    /// </summary>
    /// <param name="samples">Of one prompt, written by the reference.</param>
    /// <param name="id">Names the comparison.</param>
    /// <param name="random">Of the judgments; null for an annotator without noise, to whom equal rewards are a tie.</param>
    /// <returns>Null where two samples are equal, or all rewards.</returns>
    public static TokenComparison? Ranked(IReadOnlyList<ScoredSample> samples, string id, RandomNumbers? random)
    {
        var tiers = samples.Select((sample, index) => (Index: index, Value: sample.Reward + (random is null ? 0 : Gumbel(random.NextUniform()))))
            .GroupBy(one => one.Value, one => one.Index).OrderByDescending(tier => tier.Key).ToList();
        var distinct = samples.Select(sample => string.Join(',', sample.TokenIds)).Distinct().Count() == samples.Count;
        return distinct && tiers.Count > 1 ? Comparison(samples, id, new Ranking(tiers)) : null;

        static double Gumbel(double uniform) => -Math.Log(-Math.Log(Math.Max(uniform, 1e-300)));
    }

    /// <summary>The better of two, but with a given chance the other one.</summary>
    /// <param name="a">One response.</param>
    /// <param name="b">Another to the same prompt, of another reward.</param>
    /// <param name="noise">The chance of a wrong judgment.</param>
    /// <param name="id">Names the comparison.</param>
    /// <param name="random">Of the judgment.</param>
    public static TokenComparison Flipped(ScoredSample a, ScoredSample b, double noise, string id, RandomNumbers random) =>
        Comparison([a, b], id, a.Reward > b.Reward != random.NextUniform() < noise ? Ranking.Prefer(0, 1) : Ranking.Prefer(1, 0));

    private static TokenComparison Comparison(IReadOnlyList<ScoredSample> samples, string id, Ranking ranking) => new()
    {
        Id = id,
        Prompt = [.. samples[0].Prompt.TokenIds],
        Completions = [.. samples.Select(sample => sample.TokenIds.ToArray())],
        Ranking = ranking,
        ReferenceLogps = [.. samples.Select(sample => (double?)sample.Logp)],
    };
}

using Annotator.Model.Checkpoints;
using Annotator.Model.Sampling;

namespace Annotator.Model.Training;

/// <summary>The best of some responses.</summary>
/// <param name="Response">Its index counts the responses given, not those sampled.</param>
/// <param name="Score">r(x, y).</param>
public sealed record BestResponse(SampledResponse Response, double Score);

/// <summary>
/// Best-of-N, the baseline that trains nothing: sample N responses and keep the one with the highest reward. The policy
/// that it amounts to is ln N − (N − 1)/N nats of KL away from the one that it samples (an upper bound where equal responses are
/// drawn; Beirami et al. 2024), and each of its responses costs N.
/// </summary>
public static class BestOfN
{
    /// <summary>Samples and chooses.</summary>
    /// <param name="policy">π.</param>
    /// <param name="prompts">Token ids.</param>
    /// <param name="n">Responses for each prompt.</param>
    /// <param name="of">N: how many are sampled for each of them.</param>
    /// <param name="options">How they are sampled.</param>
    /// <param name="scorer">r(x, y).</param>
    /// <param name="cancellation">Ends the work.</param>
    /// <returns>In the order of the prompts, lazily.</returns>
    public static IEnumerable<BestResponse> Sample(
        Policy policy, IReadOnlyList<IReadOnlyList<int>> prompts, int n, int of, SamplingOptions options, ResponseScorer scorer, CancellationToken cancellation) =>
        Sampler.Sample(policy, prompts, n * of, options, cancellation)
            .Chunk(of)
            .Select(candidates =>
            {
                var scores = scorer([.. candidates.Select(candidate => PromptedResponse.Of(policy, prompts[candidate.PromptIndex], candidate))]);
                var best = Enumerable.Range(0, of).MaxBy(i => scores[i]);
                return new BestResponse(candidates[best] with { Index = candidates[best].Index / of }, scores[best]);
            });
}

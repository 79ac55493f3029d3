using Annotator.Model.Checkpoints;
using Annotator.Model.Evaluation;
using Annotator.Model.LanguageModels;
using Annotator.Model.Sampling;
using Annotator.Model.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace Annotator.Model.Experiments;

/// <summary>A sampled response and what it is worth.</summary>
/// <param name="Prompt">The opening it continues.</param>
/// <param name="TokenIds">As sampled.</param>
/// <param name="Logp">log π(y|x) of the policy that wrote it, in nats.</param>
/// <param name="Reward">r*(x, y): the scorer's log-odds of the opening with the response.</param>
public sealed record ScoredSample(Opening Prompt, IReadOnlyList<int> TokenIds, double Logp, double Reward);

/// <summary>Samples at temperature 1 without truncation: as what the objective speaks of is defined.</summary>
/// <param name="scorer">The ground truth.</param>
/// <param name="maxTokens">Of a response.</param>
public sealed class FreshSamples(SentimentScorer scorer, int maxTokens)
{
    /// <summary>Draws the same number of responses for each prompt.</summary>
    /// <param name="policy">π.</param>
    /// <param name="prompts">x.</param>
    /// <param name="perPrompt">Responses to each.</param>
    /// <param name="seed">With the response's place in the result it fixes its random numbers.</param>
    /// <param name="cancellation">Looked at before each token.</param>
    /// <returns>In the prompts' order, those of one prompt together.</returns>
    public IReadOnlyList<ScoredSample> Draw(Policy policy, IReadOnlyList<Opening> prompts, int perPrompt, long seed, CancellationToken cancellation)
    {
        using var scope = NewDisposeScope();
        using var batch = new SamplingBatch(policy.Model);
        var options = new SamplingOptions { MaxTokens = maxTokens, Seed = seed };
        var drawn = prompts.SelectMany(prompt => Enumerable.Repeat(prompt, perPrompt))
            .Select((prompt, index) => (Prompt: prompt, Tokens: new List<SampledToken>(), Response: new ResponseInProgress(prompt.TokenIds, index, options, policy.RequireTokenizer(), policy.EndIds)))
            .ToList();
        var tokens = drawn.ToDictionary(one => one.Response, one => one.Tokens);
        var joined = 0;
        while (batch.Rows > 0 || joined < drawn.Count)
        {
            cancellation.ThrowIfCancellationRequested();
            // In groups, so that prefills are few.
            if (joined < drawn.Count && batch.Rows <= Sampler.MaxRows * 3 / 4)
            {
                var more = drawn.Skip(joined).Take(Sampler.MaxRows - batch.Rows).Select(one => one.Response).ToList();
                batch.Add(more);
                joined += more.Count;
            }
            batch.Step((response, token) => tokens[response].Add(token));
        }

        return [.. drawn.Select(one => new ScoredSample(
            one.Prompt,
            [.. one.Tokens.Select(token => token.Id)],
            one.Tokens.Sum(token => token.LogProbability),
            scorer.Score(one.Prompt.Text + string.Concat(one.Tokens.Select(token => token.Text)))))];
    }

    /// <summary>Draws one response for each prompt and measures what they are worth and how far the policy has gone.</summary>
    /// <param name="policy">πθ.</param>
    /// <param name="reference">πref.</param>
    /// <param name="prompts">Never trained on.</param>
    /// <param name="seed">The same at every measurement, so that their differences are the policy's.</param>
    /// <param name="cancellation">Looked at before each token.</param>
    /// <returns>A point whose method, seed, step and time are the caller's to say.</returns>
    public FrontierPoint Measure(Policy policy, LanguageModel reference, IReadOnlyList<Opening> prompts, long seed, CancellationToken cancellation)
    {
        var fresh = Draw(policy, prompts, 1, seed, cancellation);
        var kl = Logps(reference, fresh).Zip(fresh, (logp, sample) => KullbackLeibler.K1(sample.Logp, logp)).ToList();
        return new(
            "", 0, 0, Estimate.Of(kl), Estimate.Of([.. fresh.Select(sample => sample.Reward)]),
            fresh.Average(sample => sample.Reward > 0 ? 1.0 : 0), fresh.Average(sample => sample.TokenIds.Count), fresh.Count, 0);
    }

    /// <summary>log π(y|x) of samples under another policy, in nats.</summary>
    public static double[] Logps(LanguageModel model, IReadOnlyList<ScoredSample> samples)
    {
        const int together = 64;
        using var noGradients = no_grad();
        var logps = new double[samples.Count];
        foreach (var chunk in samples.Index().OrderBy(sample => sample.Item.TokenIds.Count + sample.Item.Prompt.TokenIds.Count).Chunk(together))
        {
            using var scope = NewDisposeScope();
            var sums = SequenceLogProbability.Of(model, [.. chunk.Select(sample => new TokenSequence(sample.Item.Prompt.TokenIds, sample.Item.TokenIds))]).Sums();
            foreach (var ((index, _), logp) in chunk.Zip(sums.cpu().to(ScalarType.Float64).data<double>().ToArray()))
                logps[index] = logp;
        }
        return logps;
    }
}

using System.Text.Json.Serialization;
using Annotator.Model.Checkpoints;
using Annotator.Model.LanguageModels;
using Annotator.Model.Preferences;
using Annotator.Model.Sampling;
using Annotator.Model.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace Annotator.Model.Evaluation;

/// <summary>What fresh samples of a policy are like.</summary>
public sealed record SampleMeasures
{
    /// <summary>Responses sampled.</summary>
    public required int Samples { get; init; }

    /// <summary>KL(π‖πref) of whole responses, up to the longest that was asked for, in nats: the mean of log π(y|x) − log πref(y|x).</summary>
    [JsonPropertyName("objective/kl")]
    public required double ObjectiveKl { get; init; }

    /// <summary>Its standard error; null with one sample.</summary>
    [JsonPropertyName("objective/kl_standard_error")]
    public required double? ObjectiveKlStandardError { get; init; }

    /// <summary>Mean r(x, y); null without a scorer.</summary>
    [JsonPropertyName("objective/scores")]
    public double? ObjectiveScores { get; init; }

    /// <summary>Its standard error.</summary>
    [JsonPropertyName("objective/scores_standard_error")]
    public double? ObjectiveScoresStandardError { get; init; }

    /// <summary>Tokens of a response, the end token counted.</summary>
    public required double MeanLength { get; init; }

    /// <summary>Share of responses that ended by themselves.</summary>
    public required double EndedShare { get; init; }

    /// <summary>distinct-1: <see cref="Diversity.Distinct"/>.</summary>
    [JsonPropertyName("distinct_1")]
    public required double? Distinct1 { get; init; }

    /// <summary>distinct-2.</summary>
    [JsonPropertyName("distinct_2")]
    public required double? Distinct2 { get; init; }

    /// <summary>Share of runs of four tokens that a response had before: <see cref="Diversity.Repetition"/>.</summary>
    public required double Repetition { get; init; }

    /// <summary>What was measured.</summary>
    [JsonIgnore]
    public IReadOnlyList<PromptedResponse> Responses { get; init; } = [];

    /// <summary>r(x, y) of each; empty without a scorer.</summary>
    [JsonIgnore]
    public IReadOnlyList<double> Scores { get; init; } = [];
}

/// <summary>Measures a policy on preferences and on fresh samples. Changes nothing; synchronous, on the caller's thread.</summary>
public static class PolicyEvaluation
{
    private const int SequencesTogether = 16;

    /// <summary>
    /// Samples at temperature 1 without truncation, as the KL of the policy itself asks for, and measures. All responses are
    /// drawn independently.
    /// </summary>
    /// <param name="policy">π.</param>
    /// <param name="reference">πref, of the same vocabulary.</param>
    /// <param name="prompts">Token ids.</param>
    /// <param name="n">Responses for each.</param>
    /// <param name="maxTokens">Most tokens of a response.</param>
    /// <param name="seed">The same seed gives the same samples.</param>
    /// <param name="scorer">Of the responses; may be none.</param>
    /// <param name="cancellation">Ends the work.</param>
    /// <exception cref="ArgumentException">A prompt can't be continued.</exception>
    public static SampleMeasures Sample(
        Policy policy, LanguageModel reference, IReadOnlyList<IReadOnlyList<int>> prompts, int n, int maxTokens, long seed, ResponseScorer? scorer, CancellationToken cancellation)
    {
        List<IReadOnlyList<int>> each = [.. prompts.SelectMany(prompt => Enumerable.Repeat(prompt, n))];
        var sampled = Sampler.SampleEach(policy, each, new() { MaxTokens = maxTokens, Seed = seed }, cancellation).ToList();
        List<PromptedResponse> responses = [.. each.Zip(sampled, (prompt, response) => PromptedResponse.Of(policy, prompt, response))];
        var kl = sampled.Zip(Logps(reference, [.. responses.Select(response => response.Sequence)], cancellation), (response, logp) => response.LogProbability - logp).ToList();
        var scores = scorer?.Invoke(responses) ?? [];
        List<IReadOnlyList<int>> ids = [.. sampled.Select(response => response.TokenIds)];
        return new()
        {
            Samples = sampled.Count,
            ObjectiveKl = kl.Average(),
            ObjectiveKlStandardError = StandardError(kl),
            ObjectiveScores = scores.Count > 0 ? scores.Average() : null,
            ObjectiveScoresStandardError = scores.Count > 0 ? StandardError(scores) : null,
            MeanLength = ids.Average(response => response.Count),
            EndedShare = sampled.Average(response => response.FinishReason == FinishReasons.Stop ? 1.0 : 0),
            Distinct1 = Diversity.Distinct(ids, 1),
            Distinct2 = Diversity.Distinct(ids, 2),
            Repetition = Diversity.Repetition(ids, 4),
            Responses = responses,
            Scores = scores,
        };
    }

    /// <summary>Loss, rewards and accuracy on comparisons, as a round's <c>eval_</c> metrics have them.</summary>
    /// <param name="policy">πθ.</param>
    /// <param name="reference">πref; what the comparisons say of another one is not believed.</param>
    /// <param name="comparisons">At least one.</param>
    /// <param name="options">The loss.</param>
    /// <param name="cancellation">Ends the work.</param>
    public static PreferenceMeasures Preferences(
        LanguageModel policy, LanguageModel reference, IReadOnlyList<TokenComparison> comparisons, RoundOptions options, CancellationToken cancellation)
    {
        using var noGradients = no_grad();
        var known = ReferenceLogProbabilities.Fill(reference, [.. comparisons.Select(one => one with { ReferenceLogps = [.. one.Completions.Select(_ => (double?)null)] })], 0, cancellation);
        double loss = 0;
        List<PreferenceMeasures> measures = [];
        foreach (var pass in ComparisonLogps.Passes(known))
        {
            cancellation.ThrowIfCancellationRequested();
            using var scope = NewDisposeScope();
            var logps = ComparisonLogps.Of(policy, pass);                                         // (N)
            var referenceLogps = tensor(pass.SelectMany(one => one.ReferenceLogps).Select(logp => (float)logp!.Value).ToArray(), device: logps.device);
            loss += ComparisonLoss.Of(pass, logps, referenceLogps, options).sum().item<float>();
            var values = logps.cpu().to(ScalarType.Float64).data<double>().ToArray();
            var start = 0;
            foreach (var comparison in pass)
            {
                measures.Add(PreferenceMeasures.Of(comparison, values.AsSpan(start, comparison.Completions.Count), options.Beta));
                start += comparison.Completions.Count;
            }
        }

        return PreferenceMeasures.Mean(measures, loss / known.Count);
    }

    private static double[] Logps(LanguageModel model, IReadOnlyList<TokenSequence> sequences, CancellationToken cancellation)
    {
        using var noGradients = no_grad();
        var logps = new double[sequences.Count];
        foreach (var batch in sequences.Index().OrderBy(sequence => sequence.Item.Length).Chunk(SequencesTogether))
        {
            cancellation.ThrowIfCancellationRequested();
            using var scope = NewDisposeScope();
            var sums = SequenceLogProbability.Of(model, [.. batch.Select(sequence => sequence.Item)]).Sums().cpu().to(ScalarType.Float64).data<double>().ToArray();
            foreach (var ((index, _), sum) in batch.Zip(sums))
                logps[index] = sum;
        }

        return logps;
    }

    private static double? StandardError(IReadOnlyList<double> values)
    {
        var mean = values.Average();
        return values.Count == 1 ? null : Math.Sqrt(values.Sum(value => (value - mean) * (value - mean)) / (values.Count - 1) / values.Count);
    }
}

using System.Diagnostics;
using System.Text.Json.Serialization;
using Annotator.Model.Checkpoints;
using Annotator.Model.LanguageModels;
using Annotator.Model.Preferences;
using Annotator.Model.Sampling;
using TorchSharp;
using static TorchSharp.torch;

namespace Annotator.Model.Training;

/// <summary>One line of metrics.jsonl of PPO, as TRL names them. <c>objective/…</c> is measured on the batch's fresh samples, before the update.</summary>
public sealed record PpoMetrics
{
    /// <summary>Updates made before this batch was sampled.</summary>
    public required int Step { get; init; }

    public required int MaxSteps { get; init; }

    /// <summary>Mean over responses of Σ_t (log πθ − log πref), in nats.</summary>
    [JsonPropertyName("objective/kl")]
    public double ObjectiveKl { get; init; }

    /// <summary>Mean r(x, y).</summary>
    [JsonPropertyName("objective/scores")]
    public double ObjectiveScores { get; init; }

    /// <summary>Mean r(x, y) − β·KL: what is maximised (eq. 3).</summary>
    [JsonPropertyName("objective/rlhf_reward")]
    public double ObjectiveRlhfReward { get; init; }

    /// <summary>Mean over responses of −log πθ(y|x), in nats.</summary>
    [JsonPropertyName("objective/entropy")]
    public double ObjectiveEntropy { get; init; }

    /// <summary>β of this batch.</summary>
    public double Beta { get; init; }

    /// <summary>Mean clipped objective over the update's mini-batches.</summary>
    [JsonPropertyName("loss/policy_avg")]
    public double PolicyLoss { get; init; }

    [JsonPropertyName("loss/value_avg")]
    public double ValueLoss { get; init; }

    /// <summary>Mean of (log πθ − log πold)²/2: how far the update went.</summary>
    [JsonPropertyName("policy/approxkl_avg")]
    public double PolicyApproximateKl { get; init; }

    /// <summary>Share of tokens whose ratio was outside the clip range.</summary>
    [JsonPropertyName("policy/clipfrac_avg")]
    public double PolicyClipFraction { get; init; }

    /// <summary>Of the policy, before it was cut; mean over mini-batches.</summary>
    public double GradNorm { get; init; }

    public double LearningRate { get; init; }

    /// <summary>Mean tokens of a response.</summary>
    public double MeanLength { get; init; }

    /// <summary>Share of responses that ended by themselves.</summary>
    public double EndedShare { get; init; }

    /// <summary>Tokens sampled so far, prompts not counted.</summary>
    public long NumTokens { get; init; }

    /// <summary>Seconds of this update that sampling took.</summary>
    public double SamplingSeconds { get; init; }

    /// <summary>Seconds of this update in all.</summary>
    public double StepSeconds { get; init; }
}

/// <summary>
/// Proximal policy optimisation (Schulman et al. 2017) of eq. 3, the classical way from rewards to a policy: sample a batch,
/// score it, subtract β·KL to the reference token by token, estimate advantages with a value model, and take several
/// passes of clipped steps. With a reward model as scorer it is the paper's PPO, with the true reward its PPO-GT.
/// Synchronous, on the caller's thread; what an update samples and learns depends on options, models and <see cref="Step"/> alone.
/// </summary>
public sealed class PpoTrainer : IDisposable
{
    private readonly Policy _policy;
    private readonly LanguageModel _reference, _value;
    private readonly IReadOnlyList<IReadOnlyList<int>> _prompts;
    private readonly ResponseScorer _scorer;
    private readonly PpoOptions _options;
    private readonly DpoOptimizer _policyOptimizer, _valueOptimizer;

    /// <param name="policy">πθ, trained in place.</param>
    /// <param name="reference">πref, of the same vocabulary.</param>
    /// <param name="value">A trunk with a scalar head of its own (<see cref="PolicyDirectory.OpenWithScore"/>), from the reward model or the policy; trained in place.</param>
    /// <param name="prompts">Token ids, at least one prompt; each must fit into the context with <see cref="PpoOptions.MaxTokens"/> after it.</param>
    /// <param name="scorer">r(x, y).</param>
    /// <param name="options">Without problems.</param>
    /// <exception cref="ArgumentException">A prompt can't be continued.</exception>
    public PpoTrainer(
        Policy policy, LanguageModel reference, LanguageModel value, IReadOnlyList<IReadOnlyList<int>> prompts, ResponseScorer scorer, PpoOptions options)
    {
        (_policy, _reference, _value, _prompts, _scorer, _options) = (policy, reference, value, prompts, scorer, options);
        if (prompts.Select(prompt => Sampler.FaultOf(prompt, policy, options.MaxTokens)).FirstOrDefault(fault => fault is not null) is { } first)
            throw new ArgumentException(first.Message, nameof(prompts));
        policy.Model.RequireGradients();
        value.RequireGradients();
        var adam = RoundOptions.AppDefaults("-", "-") with { Optimizer = OptimizerName.Adamw };
        _policyOptimizer = DpoOptimizer.Of(adam, policy.Model.Parameters);
        _valueOptimizer = DpoOptimizer.Of(adam, value.Parameters);
        Beta = options.Beta;
    }

    /// <summary>Updates made.</summary>
    public int Step { get; private set; }

    /// <summary>The KL term's weight now.</summary>
    public double Beta { get; private set; }

    /// <summary>Tokens sampled so far.</summary>
    public long NumTokens { get; private set; }

    public bool IsDone => Step >= _options.MaxSteps;

    /// <summary>Samples a batch and learns from it.</summary>
    /// <exception cref="OperationCanceledException">The models may have learned from a part of the batch.</exception>
    /// <exception cref="TrainingDivergedException">A loss or gradient is no number any more.</exception>
    public PpoMetrics Next(CancellationToken cancellation)
    {
        var clock = Stopwatch.StartNew();
        var prompts = Prompts();
        var seed = ((long)_options.Seed << 32) | (uint)Step;

        // From the weights being trained: a batch of this size gains little from weights laid out for decoding, which would
        // have to be copied after every update.
        var responses = Sampler.SampleEach(_policy, prompts, new() { MaxTokens = _options.MaxTokens, Seed = seed }, cancellation).ToList();
        var samplingSeconds = clock.Elapsed.TotalSeconds;
        var batch = Trajectories([.. prompts.Zip(responses, (prompt, response) => PromptedResponse.Of(_policy, prompt, response))], cancellation);
        var kl = batch.Average(one => one.Kl);
        NumTokens += batch.Sum(one => (long)one.Sequence.CompletionIds.Count);
        var line = new PpoMetrics
        {
            Step = Step,
            MaxSteps = _options.MaxSteps,
            ObjectiveKl = kl,
            ObjectiveScores = batch.Average(one => one.Score),
            ObjectiveRlhfReward = batch.Average(one => one.Score) - Beta * kl,
            ObjectiveEntropy = -batch.Average(one => one.Logps.Sum()),
            Beta = Beta,
            LearningRate = DpoLearningRate.At(_options.LrSchedulerType, _options.LearningRate, _options.WarmupSteps, _options.MaxSteps, Step),
            MeanLength = batch.Average(one => one.Sequence.CompletionIds.Count),
            EndedShare = responses.Average(one => one.FinishReason == FinishReasons.Stop ? 1.0 : 0),
            NumTokens = NumTokens,
            SamplingSeconds = samplingSeconds,
        };

        line = Learn(batch, line, cancellation);
        if (_options.TargetKl is { } target)
            Beta = PpoLoss.AdaptedBeta(Beta, kl, target);
        Step++;
        return line with { StepSeconds = clock.Elapsed.TotalSeconds };
    }

    public void Dispose()
    {
        _policyOptimizer.Dispose();
        _valueOptimizer.Dispose();
    }

    /// <summary>One response and what is known of its tokens from when it was sampled; <see cref="Advantages"/> are whitened over the batch.</summary>
    private sealed record Trajectory(TokenSequence Sequence, double Score, double[] Logps, double[] ReferenceLogps, double[] Values)
    {
        public required double[] Advantages { get; init; }

        public required double[] Returns { get; init; }

        public double Kl => Logps.Sum() - ReferenceLogps.Sum();
    }

    /// <summary>The next batch: an order of its own for every pass over the prompts, which a batch may reach across.</summary>
    private List<IReadOnlyList<int>> Prompts() =>
    [
        .. Enumerable.Range(Step * _options.BatchSize, _options.BatchSize)
            .GroupBy(place => place / _prompts.Count)
            .SelectMany(ofPass =>
            {
                var order = DataOrder.Batch(_prompts.Count, _prompts.Count, _options.Seed, step: ofPass.Key);
                return ofPass.Select(place => _prompts[order[place % _prompts.Count]]);
            }),
    ];

    private List<Trajectory> Trajectories(IReadOnlyList<PromptedResponse> responses, CancellationToken cancellation)
    {
        using var noGradients = no_grad();
        var scores = _scorer(responses);
        var batch = new List<Trajectory>(responses.Count);
        foreach (var part in responses.Select(response => response.Sequence).Zip(scores).Chunk(_options.MiniBatchSize))
        {
            cancellation.ThrowIfCancellationRequested();
            using var scope = NewDisposeScope();
            List<TokenSequence> some = [.. part.Select(one => one.First)];
            var logps = Split(SequenceLogProbability.Of(_policy.Model, some).Tokens, some);
            var referenceLogps = Split(SequenceLogProbability.Of(_reference, some).Tokens, some);
            var values = Split(ScalarHead.BeforeCompletionTokens(_value, some), some);
            foreach (var (i, (sequence, score)) in part.Index())
            {
                var rewards = PpoLoss.Rewards(logps[i], referenceLogps[i], score, Beta);
                var advantages = PpoLoss.Advantages(rewards, values[i], _options.Gamma, _options.Lambda);
                batch.Add(new(sequence, score, logps[i], referenceLogps[i], values[i])
                {
                    Advantages = advantages,
                    Returns = [.. advantages.Zip(values[i], (advantage, value) => advantage + value)],
                });
            }
        }

        var whitened = PpoLoss.Whitened([.. batch.Select(one => one.Advantages)]);
        return [.. batch.Select((one, i) => one with { Advantages = whitened[i] })];
    }

    private PpoMetrics Learn(List<Trajectory> batch, PpoMetrics line, CancellationToken cancellation)
    {
        var stepsPerEpoch = DataOrder.StepsPerEpoch(batch.Count, _options.MiniBatchSize);
        var steps = _options.NumPpoEpochs * stepsPerEpoch;
        var valueRate = line.LearningRate / _options.LearningRate * _options.ValueLearningRate;
        double policyLoss = 0, valueLoss = 0, approximateKl = 0, clipped = 0, norm = 0;
        for (var step = 0; step < steps; step++)
        {
            cancellation.ThrowIfCancellationRequested();
            using var scope = NewDisposeScope();
            List<Trajectory> mini = [.. DataOrder.Batch(batch.Count, _options.MiniBatchSize, _options.Seed, Step * steps + step).Select(index => batch[index])];
            List<TokenSequence> sequences = [.. mini.Select(one => one.Sequence)];
            var oldLogps = Joined(mini.Select(one => one.Logps));                                 // (N)

            _policyOptimizer.ZeroGradients();
            var logps = SequenceLogProbability.Of(_policy.Model, sequences).Tokens;               // (N)
            var ofPolicy = PpoLoss.Policy(logps, oldLogps, Joined(mini.Select(one => one.Advantages)), _options.ClipRange).mean();
            ofPolicy.backward();
            norm += Update(_policyOptimizer, line.LearningRate, "policy") / steps;

            _valueOptimizer.ZeroGradients();
            var values = ScalarHead.BeforeCompletionTokens(_value, sequences);                    // (N)
            var ofValue = PpoLoss.Value(values, Joined(mini.Select(one => one.Values)), Joined(mini.Select(one => one.Returns)), _options.ClipRangeValue).mean();
            ofValue.backward();
            Update(_valueOptimizer, valueRate, "value");

            var logRatio = logps.detach() - oldLogps;
            policyLoss += ofPolicy.item<float>() / steps;
            valueLoss += ofValue.item<float>() / steps;
            approximateKl += logRatio.square().mean().item<float>() / 2 / steps;
            clipped += (logRatio.exp() - 1).abs().gt(_options.ClipRange).to(ScalarType.Float32).mean().item<float>() / steps;
        }

        return line with { PolicyLoss = policyLoss, ValueLoss = valueLoss, PolicyApproximateKl = approximateKl, PolicyClipFraction = clipped, GradNorm = norm };
    }

    private double Update(DpoOptimizer optimizer, double learningRate, string name)
    {
        var norm = optimizer.ClipGradients(_options.MaxGradNorm);
        if (!double.IsFinite(norm))
            throw new TrainingDivergedException($"The gradient of the {name} became {norm} at step {Step}. Try a lower learning rate (they are {_options.LearningRate} and {_options.ValueLearningRate}).");
        optimizer.Update(learningRate);
        return norm;
    }

    private Tensor Joined(IEnumerable<double[]> perToken) =>
        tensor(perToken.SelectMany(one => one).Select(value => (float)value).ToArray(), _policy.Model.Dtype, _policy.Model.Device);

    private static List<double[]> Split(Tensor perToken, List<TokenSequence> sequences)
    {
        var values = perToken.cpu().to(ScalarType.Float64).data<double>().ToArray();
        var start = 0;
        return [.. sequences.Select(sequence => values[start..(start += sequence.CompletionIds.Count)])];
    }
}

using System.Diagnostics;
using System.Text.Json.Serialization;
using Annotator.Model.Evaluation;
using TorchSharp;
using static TorchSharp.torch;

namespace Annotator.Model.Training;

/// <summary>One line of metrics.jsonl of a reward model's training; names as TRL's RewardTrainer has them, averages over comparisons.</summary>
public sealed record RewardMetrics
{
    /// <summary>Updates made before this line was measured.</summary>
    public required int Step { get; init; }

    public required int MaxSteps { get; init; }

    public double Epoch { get; init; }

    /// <summary>Eq. 2, with the centring term.</summary>
    public double Loss { get; init; }

    /// <summary>Share of pairs whose chosen completion has the higher reward.</summary>
    public double Accuracy { get; init; }

    /// <summary>Mean of r(x, y_w) − r(x, y_l).</summary>
    public double Margin { get; init; }

    /// <summary>Mean over all completions of the batch.</summary>
    public double MeanReward { get; init; }

    /// <summary>Null on the last line.</summary>
    public double? GradNorm { get; init; }

    public double? LearningRate { get; init; }

    /// <summary>Tokens trained on.</summary>
    public long NumTokens { get; init; }

    public double? ExamplesPerSecond { get; init; }

    public double? EvalLoss { get; init; }

    public double? EvalAccuracy { get; init; }

    public double? EvalMargin { get; init; }

    /// <summary><see cref="Calibration.ExpectedError"/> of the held-out pairs.</summary>
    [JsonPropertyName("eval_expected_calibration_error")]
    public double? EvalCalibrationError { get; init; }
}

/// <summary>
/// Trains a reward model on comparisons by maximum likelihood under Bradley–Terry (eq. 2), or Plackett–Luce for rankings of
/// more than two, and normalises it at the end. Synchronous; the same data, options and threads give the same model.
/// </summary>
public sealed class RewardTrainer : IDisposable
{
    private readonly RewardModel _model;
    private readonly RoundData _data;
    private readonly RewardOptions _options;
    private readonly DpoOptimizer _optimizer;
    private readonly int _stepsPerEpoch;
    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private long _numTokens, _comparisons;

    /// <param name="model">Trained in place; disposed by the caller.</param>
    /// <param name="data">At least one training comparison; reference log-probabilities are not asked for.</param>
    /// <param name="options">Without problems.</param>
    public RewardTrainer(RewardModel model, RoundData data, RewardOptions options)
    {
        (_model, _data, _options) = (model, data, options);
        _stepsPerEpoch = DataOrder.StepsPerEpoch(data.Train.Count, options.BatchSize);
        MaxSteps = options.MaxSteps > 0 ? options.MaxSteps : (int)Math.Ceiling(options.NumTrainEpochs * _stepsPerEpoch);
        model.Model.RequireGradients();
        _optimizer = DpoOptimizer.Of(options.AsRound, model.Model.Parameters);
    }

    /// <summary>Updates made.</summary>
    public int Step => _optimizer.Steps;

    /// <summary>Updates to make.</summary>
    public int MaxSteps { get; }

    /// <summary>True when the line after the last update has been measured; the model is normalised then.</summary>
    public bool IsDone { get; private set; }

    /// <summary>Measures the next batch and makes one update on it; after the last update, only measures.</summary>
    /// <exception cref="OperationCanceledException">Nothing was changed.</exception>
    /// <exception cref="TrainingDivergedException">Nothing was changed.</exception>
    public RewardMetrics Next(CancellationToken cancellation)
    {
        var finished = Step >= MaxSteps;
        if (finished)
            Normalise(cancellation);
        var evalDue = Step == 0 || finished || (_options.EvalSteps > 0 && Step % _options.EvalSteps == 0);
        var eval = evalDue && _data.Eval.Count > 0 ? Pass(_data.Eval, learn: false, cancellation) : null;

        List<TokenComparison> batch = [.. DataOrder.Batch(_data.Train.Count, _options.BatchSize, _options.Seed, Step).Select(index => _data.Train[index])];
        _optimizer.ZeroGradients();
        var train = Pass(batch, learn: !finished, cancellation);
        RequireFinite(train.Loss, "loss");
        var line = new RewardMetrics
        {
            Step = Step,
            MaxSteps = MaxSteps,
            Epoch = (double)Step / _stepsPerEpoch,
            Loss = train.Loss,
            Accuracy = train.Accuracy,
            Margin = train.Margins.Average(),
            MeanReward = train.MeanReward - _model.Mean,
            NumTokens = _numTokens,
            ExamplesPerSecond = _comparisons > 0 ? _comparisons / _clock.Elapsed.TotalSeconds : null,
            EvalLoss = eval?.Loss,
            EvalAccuracy = eval?.Accuracy,
            EvalMargin = eval?.Margins.Average(),
            EvalCalibrationError = eval is null ? null : Calibration.ExpectedError(eval.Margins),
        };
        if (finished)
        {
            IsDone = true;
            return line;
        }

        var gradNorm = _optimizer.ClipGradients(_options.MaxGradNorm);
        RequireFinite(gradNorm, "gradient");
        var learningRate = DpoLearningRate.At(_options.LrSchedulerType, _options.LearningRate, _options.WarmupSteps, MaxSteps, Step);
        _optimizer.Update(learningRate);
        _numTokens += batch.Sum(comparison => (long)comparison.Tokens);
        _comparisons += batch.Count;
        return line with { GradNorm = gradNorm, LearningRate = learningRate };
    }

    public void Dispose() => _optimizer.Dispose();

    private sealed record Measures(double Loss, IReadOnlyList<double> Margins, double MeanReward)
    {
        public double Accuracy => Margins.Average(margin => margin > 0 ? 1.0 : 0);
    }

    /// <summary>One pass in micro-batches, each of which adds its share of the mean loss.</summary>
    private Measures Pass(IReadOnlyList<TokenComparison> comparisons, bool learn, CancellationToken cancellation)
    {
        var total = comparisons.Sum(Weight);
        double loss = 0;
        List<double> margins = [], rewards = [];
        foreach (var micro in comparisons.Chunk(_options.MicroBatchSize > 0 ? _options.MicroBatchSize : _options.BatchSize))
        {
            cancellation.ThrowIfCancellationRequested();
            using var scope = NewDisposeScope();
            using var gradients = set_grad_enabled(learn);
            var scores = ScalarHead.OfLastTokens(_model.Model, [.. micro.SelectMany(comparison => comparison.Sequences)]);  // (N)
            var losses = ComparisonLoss.Of(micro, scores, zeros_like(scores), _options.AsRound);  // (B)
            losses = losses + _options.CenterRewardsCoefficient * (2 * Means(micro, scores)).square();
            var mean = (losses * tensor(micro.Select(comparison => (float)(Weight(comparison) / total)).ToArray(), device: losses.device)).sum();
            if (learn)
                mean.backward();
            loss += mean.to(ScalarType.Float64).item<double>();

            var values = scores.detach().cpu().to(ScalarType.Float64).data<double>().ToArray();
            rewards.AddRange(values);
            var start = 0;
            foreach (var comparison in micro)
            {
                margins.AddRange(comparison.Pairs.Select(pair => values[start + pair.Better] - values[start + pair.Worse]));
                start += comparison.Completions.Count;
            }
        }

        return new(loss, margins, rewards.Average());
    }

    /// <summary>The mean reward of each comparison's completions, (B).</summary>
    private static Tensor Means(TokenComparison[] comparisons, Tensor scores)
    {
        var owners = comparisons.Index().SelectMany(one => one.Item.Completions.Select(_ => (long)one.Index)).ToArray();
        var counts = comparisons.Select(comparison => (float)comparison.Completions.Count).ToArray();
        return zeros([comparisons.Length], scores.dtype, scores.device).index_add(0, tensor(owners, device: scores.device), scores, 1) / tensor(counts, device: scores.device);
    }

    /// <summary>Each training prompt counts once, however many completions it has.</summary>
    private void Normalise(CancellationToken cancellation)
    {
        _model.Mean = 0;
        List<TokenSequence> sequences = [.. _data.Train.SelectMany(comparison => comparison.Sequences)];
        _model.Mean = sequences.Zip(_model.Score(sequences, cancellation))
            .GroupBy(scored => string.Join(' ', scored.First.PromptIds), scored => scored.Second)
            .Average(ofPrompt => ofPrompt.Average());
    }

    private double Weight(TokenComparison comparison) => _options.Weights ? comparison.Weight : 1;

    private void RequireFinite(double value, string name)
    {
        if (!double.IsFinite(value))
            throw new TrainingDivergedException($"The {name} became {value} at step {Step}. Try a lower learning_rate (it is {_options.LearningRate}) or a max_grad_norm (it is {_options.MaxGradNorm}).");
    }
}

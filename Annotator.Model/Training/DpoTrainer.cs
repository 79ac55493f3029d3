using System.Diagnostics;
using Annotator.Model.LanguageModels;
using Annotator.Model.Native;
using Annotator.Model.Preferences;
using TorchSharp;
using static TorchSharp.torch;

namespace Annotator.Model.Training;

/// <summary>The loss or the gradient is no number any more; the message says at which step and what to change.</summary>
public sealed class TrainingDivergedException(string message) : ArithmeticException(message);

/// <summary>Early stopping: the lowest eval_loss so far, and for how many evaluations it has not been beaten.</summary>
public readonly record struct Patience(double Best, int Waited)
{
    public static Patience Fresh { get; } = new(double.MaxValue, 0);

    public Patience After(double evalLoss) => evalLoss < Best ? new(evalLoss, 0) : new(Best, Waited + 1);
}

/// <summary>
/// Direct Preference Optimization on tokenised comparisons whose reference log-probabilities are known. Synchronous, on
/// the caller's thread. Which data an update sees depends on the options and <see cref="Step"/> alone, so a
/// training put back to a step goes on exactly.
/// </summary>
public sealed class DpoTrainer : IDisposable
{
    private readonly LanguageModel _policy;
    private readonly RoundData _data;
    private readonly RoundOptions _options;
    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private readonly LowRankAdapters? _adapters;
    private readonly LanguageModel _worker;                                                       // what runs: the policy, or its copy in bfloat16
    private long _comparisonsHere;

    /// <param name="policy">πθ; its parameters are changed. Disposed by the caller.</param>
    /// <param name="data">At least one training comparison; all with reference log-probabilities.</param>
    /// <param name="options">Without problems.</param>
    public DpoTrainer(LanguageModel policy, RoundData data, RoundOptions options)
    {
        (_policy, _data, _options) = (policy, data, options);
        StepsPerEpoch = DataOrder.StepsPerEpoch(data.Train.Count, options.BatchSize);
        MaxSteps = options.MaxSteps > 0 ? options.MaxSteps : (int)Math.Ceiling(options.NumTrainEpochs * StepsPerEpoch);
        policy.RequireGradients();
        _worker = options.Dtype == TrainingDtype.Bfloat16 ? policy.CopyAs(ScalarType.BFloat16) : policy;
        _worker.RequireGradients();
        if (options.LoraRank > 0)
            _adapters = LowRankAdapters.Attach(policy, options.LoraRank, options.LoraAlpha, options.LoraTargetModules, options.Seed);
        Trained = _adapters?.Parameters ?? policy.Parameters;
        Optimizer = DpoOptimizer.Of(options, Trained);
    }

    /// <summary>What the updates change: the policy's parameters, or the adapters beside them.</summary>
    public IReadOnlyDictionary<string, Tensor> Trained { get; }

    public DpoOptimizer Optimizer { get; }

    /// <summary>Updates made.</summary>
    public int Step => Optimizer.Steps;

    /// <summary>Updates to make, unless it stops early.</summary>
    public int MaxSteps { get; }

    /// <summary>Updates in one pass over the training comparisons.</summary>
    public int StepsPerEpoch { get; }

    /// <summary>Tokens trained on.</summary>
    public long NumTokens { get; private set; }

    public Patience Patience { get; private set; } = Patience.Fresh;

    /// <summary>True when the line after the last update has been measured.</summary>
    public bool IsDone { get; private set; }

    /// <summary>Goes on from a saved step; the caller puts the parameters and the optimiser's state back.</summary>
    public void Restore(long numTokens, Patience patience) => (NumTokens, Patience) = (numTokens, patience);

    /// <summary>The first batch's loss if the policy is the reference: what step 0 must show then, for pairs under sigmoid ln 2.</summary>
    public double LossAtReference()
    {
        using var scope = NewDisposeScope();
        var batch = Batch(0);
        return Share(batch, ReferenceLogps(batch), batch.Sum(Weight)).to(ScalarType.Float64).item<double>();
    }

    /// <summary>
    /// Measures the next batch and makes one update on it. When the updates are made, or eval_loss has not fallen for too
    /// long, only measures: then the line has no grad_norm and the training is done.
    /// </summary>
    /// <returns>The line of the step before the update.</returns>
    /// <exception cref="OperationCanceledException">Nothing was changed: the training stands at the step where it was.</exception>
    /// <exception cref="TrainingDivergedException">Nothing was changed.</exception>
    public RoundMetrics Next(CancellationToken cancellation)
    {
        TakeWeights();
        var eval = EvaluateIfDue(cancellation);
        var patience = eval is null ? Patience : Patience.After(eval.Loss);
        var finished = Step >= MaxSteps || (_options.EarlyStoppingPatience > 0 && patience.Waited >= _options.EarlyStoppingPatience);

        var batch = Batch(Step);
        Optimizer.ZeroGradients();
        var line = Line(batch.Count, Pass(batch, learn: !finished, cancellation), eval);
        RequireFinite(line.Loss, "loss");
        if (finished)
        {
            IsDone = true;
            return line;
        }

        var learningRate = DpoLearningRate.At(_options.LrSchedulerType, _options.LearningRate, _options.WarmupSteps, MaxSteps, Step);
        var gradNorm = TrainingMemory.Update(() =>
        {
            GiveGradients();
            var norm = Optimizer.ClipGradients(_options.MaxGradNorm);
            RequireFinite(norm, "gradient");
            Optimizer.Update(learningRate);
            return norm;
        });

        NumTokens += batch.Sum(comparison => (long)comparison.Tokens);
        _comparisonsHere += batch.Count;
        Patience = patience;
        return line with { GradNorm = gradNorm, LearningRate = learningRate };
    }

    /// <summary>Puts what was trained into the policy's parameters, where it is not there already. No training after that.</summary>
    public void Finish() => _adapters?.Merge();

    public void Dispose()
    {
        Optimizer.Dispose();
        _adapters?.Dispose();
        if (_worker != _policy)
            _worker.Dispose();
    }

    /// <summary>The updates are made on weights in Float32, as small ones vanish in bfloat16; the copy that runs follows them.</summary>
    private void TakeWeights()
    {
        if (_worker == _policy)
            return;
        using var noGradients = no_grad();
        foreach (var (name, parameter) in _worker.Parameters)
            parameter.copy_(_policy.Parameters[name]);
    }

    private void GiveGradients()
    {
        if (_worker == _policy)
            return;
        using var scope = NewDisposeScope();
        foreach (var (name, parameter) in _worker.Parameters)
        {
            if (parameter.grad is { } gradient)
                _policy.Parameters[name].grad = gradient.to(ScalarType.Float32);
            parameter.grad = null!;
        }
    }

    private List<TokenComparison> Batch(int step) =>
        [.. DataOrder.Batch(_data.Train.Count, _options.BatchSize, _options.Seed, step).Select(index => _data.Train[index])];

    private PreferenceMeasures? EvaluateIfDue(CancellationToken cancellation)
    {
        var due = Step == 0 || Step >= MaxSteps || (_options.EvalSteps > 0 && Step % _options.EvalSteps == 0);
        return due && _data.Eval.Count > 0 ? Pass(_data.Eval, learn: false, cancellation) : null;
    }

    /// <summary>
    /// One pass over comparisons in micro-batches, with gradients added up if it is to learn. Each comparison adds its share of the
    /// whole mean, so that splitting changes neither loss nor gradient.
    /// </summary>
    private PreferenceMeasures Pass(IReadOnlyList<TokenComparison> comparisons, bool learn, CancellationToken cancellation)
    {
        _worker.Dropout = learn ? _options.Dropout : 0;
        if (_worker.Dropout > 0)
            LibTorch.Seed(((long)_options.Seed << 32) | (uint)Step); // Like the data, the draws depend on the step alone.

        var total = comparisons.Sum(Weight);
        var measures = new List<PreferenceMeasures>(comparisons.Count);
        double loss = 0;
        foreach (var pass in ComparisonLogps.Passes(comparisons, _options.MicroBatchSize))
        {
            cancellation.ThrowIfCancellationRequested();
            using var scope = NewDisposeScope();
            var logps = TrainingMemory.Pass(pass, () => learn                                     // (N)
                ? ComparisonLogps.Learn(_worker, pass, (some, logps) => Share(some, logps, total), _options.ActivationCheckpointing)
                : ComparisonLogps.Of(_worker, pass));
            using (no_grad())
                loss += Share(pass, logps, total).to(ScalarType.Float64).item<double>();
            measures.AddRange(Measures(pass, logps));
        }
        return PreferenceMeasures.Mean(measures, loss);
    }

    private List<PreferenceMeasures> Measures(IReadOnlyList<TokenComparison> comparisons, Tensor logps)
    {
        var values = logps.cpu().to(ScalarType.Float64).data<double>().ToArray();
        var measures = new List<PreferenceMeasures>(comparisons.Count);
        var start = 0;
        foreach (var comparison in comparisons)
        {
            var count = comparison.Completions.Count;
            measures.Add(PreferenceMeasures.Of(comparison, values.AsSpan(start, count), _options.Beta));
            start += count;
        }
        return measures;
    }

    private RoundMetrics Line(int batchSize, PreferenceMeasures train, PreferenceMeasures? eval) => new()
    {
        Step = Step,
        MaxSteps = MaxSteps,
        Epoch = (double)Step / StepsPerEpoch,
        BatchSize = batchSize,
        Loss = train.Loss,
        RewardsChosen = train.RewardsChosen,
        RewardsRejected = train.RewardsRejected,
        RewardsAccuracies = train.RewardsAccuracies,
        RewardsMargins = train.RewardsMargins,
        LogpsChosen = train.LogpsChosen,
        LogpsRejected = train.LogpsRejected,
        NumTokens = NumTokens,
        ExamplesPerSecond = _comparisonsHere > 0 ? _comparisonsHere / _clock.Elapsed.TotalSeconds : null,
        EvalLoss = eval?.Loss,
        EvalRewardsChosen = eval?.RewardsChosen,
        EvalRewardsRejected = eval?.RewardsRejected,
        EvalRewardsAccuracies = eval?.RewardsAccuracies,
        EvalRewardsMargins = eval?.RewardsMargins,
        EvalLogpsChosen = eval?.LogpsChosen,
        EvalLogpsRejected = eval?.LogpsRejected,
    };

    /// <summary>What some comparisons of a batch add to its mean loss: each by its weight where the options use weights.</summary>
    private Tensor Share(IReadOnlyList<TokenComparison> some, Tensor logps, double totalWeight)
    {
        var losses = ComparisonLoss.Of(some, logps, ReferenceLogps(some), _options);              // (B)
        return (losses * tensor([.. some.Select(comparison => (float)(Weight(comparison) / totalWeight))], losses.dtype, losses.device)).sum();
    }

    private double Weight(TokenComparison comparison) => _options.Weights ? comparison.Weight : 1;

    private Tensor ReferenceLogps(IReadOnlyList<TokenComparison> comparisons) => tensor(
        comparisons.SelectMany(comparison => comparison.ReferenceLogps).Select(logp => (float)logp!.Value).ToArray(),
        ScalarType.Float32,
        _policy.Device);                                                                          // (N)

    private void RequireFinite(double value, string name)
    {
        if (!double.IsFinite(value))
            throw new TrainingDivergedException($"The {name} became {value} at step {Step}. Try a lower learning_rate (it is {_options.LearningRate}) or a max_grad_norm (it is {_options.MaxGradNorm}).");
    }
}

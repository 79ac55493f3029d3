using System.Diagnostics;
using Annotator.Model.Checkpoints;
using Annotator.Model.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace Annotator.Model.Training;

/// <summary>One line of metrics.jsonl of a supervised run. Losses are in nats a token.</summary>
public sealed record SftMetrics
{
    public required long Step { get; init; }

    public required double Epoch { get; init; }

    /// <summary>Tokens trained on so far.</summary>
    public required long NumTokens { get; init; }

    /// <summary>Mean over the updates since the last line.</summary>
    public double? Loss { get; init; }

    public double? GradNorm { get; init; }

    public double? LearningRate { get; init; }

    public double? TokensPerSecond { get; init; }

    public double? ElapsedSeconds { get; init; }

    public double? EvalLoss { get; init; }

    /// <summary>Of the held-out targets' UTF-8 bytes.</summary>
    public double? EvalBitsPerByte { get; init; }
}

/// <summary>Where a run stands: what, besides weights and moments, an exact resume needs.</summary>
public sealed record SftProgress(long Step, int Epoch, int Position, long NumTokens, double ElapsedSeconds)
{
    public static SftProgress Start { get; } = new(0, 0, 0, 0, 0);
}

/// <summary>Supervised training: next-token cross-entropy on the targets of packed text or of prompt–completion examples.</summary>
/// <param name="policy">Trained in place.</param>
/// <param name="data">At least one example.</param>
/// <param name="heldOut">Windows or examples for evaluation; may be none.</param>
/// <param name="options">Checked with <see cref="SftOptions.Problem"/>.</param>
public sealed class SftTrainer(Policy policy, TokenExamples data, TokenExamples? heldOut, SftOptions options) : IDisposable
{
    private const long NotATarget = -100;

    private readonly SftOptimizer _optimizer = new(policy.Model, options);

    /// <summary>Where the run stands; a checkpoint is this, the policy and <see cref="OptimizerState"/>.</summary>
    public SftProgress Progress { get; private set; } = SftProgress.Start;

    /// <summary>Moments by name.</summary>
    public IReadOnlyDictionary<string, Tensor> OptimizerState => _optimizer.State;

    /// <summary>Updates that the run will make, where that is known beforehand (no time limit).</summary>
    public long? TotalSteps => new[] { options.Steps, StepsOf(options.MaxTokens), StepsOf(options.Epochs * data.Targets) }.Min();

    /// <summary>How much of the run is done, 0 to 1.</summary>
    public double Fraction => Math.Max(
        TotalSteps is { } total ? (double)Progress.Step / total : 0,
        options.TimeLimit is { } limit ? Progress.ElapsedSeconds / limit.TotalSeconds : 0);

    /// <summary>Goes on from a checkpoint; the policy was opened from it.</summary>
    public void Resume(SftProgress progress, Func<string, Tensor> readMoment)
    {
        Progress = progress;
        _optimizer.Load(readMoment);
    }

    /// <summary>Trains to the end of the run.</summary>
    /// <param name="report">Called for each line of metrics.</param>
    /// <param name="checkpoint">Called between updates every <see cref="SftOptions.CheckpointSteps"/>, and when cancelled.</param>
    /// <param name="cancellation">Stops after the update under way.</param>
    /// <exception cref="OperationCanceledException">Cancelled, after a checkpoint.</exception>
    /// <exception cref="ArithmeticException">The loss is no longer a number.</exception>
    public void Train(Action<SftMetrics> report, Action checkpoint, CancellationToken cancellation)
    {
        policy.Model.RequireGradients();
        policy.Model.Dropout = options.Dropout;
        if (Progress.Step == 0)
        {
            Evaluate(report);
        }

        var clock = Stopwatch.StartNew();
        var before = Progress.ElapsedSeconds;
        var order = data.Order(options.Seed, Progress.Epoch, options.BatchSize);
        var (lossSum, updates, tokensAtLine, secondsAtLine) = (0.0, 0, Progress.NumTokens, Progress.ElapsedSeconds);
        while (Fraction < 1)
        {
            if (Progress.Position >= order.Length)
            {
                Progress = Progress with { Epoch = Progress.Epoch + 1, Position = 0 };
                order = data.Order(options.Seed, Progress.Epoch, options.BatchSize);
            }

            var batch = order.AsSpan(Progress.Position, Math.Min(options.BatchSize, order.Length - Progress.Position)).ToArray();
            var factor = SftLearningRate.Factor(options, Progress.Step, Fraction);
            var (loss, tokens, norm) = Update(batch, factor);
            Progress = Progress with
            {
                Step = Progress.Step + 1,
                Position = Progress.Position + batch.Length,
                NumTokens = Progress.NumTokens + tokens,
                ElapsedSeconds = before + clock.Elapsed.TotalSeconds,
            };
            (lossSum, updates) = (lossSum + loss, updates + 1);

            var last = Fraction >= 1;
            if (last || Progress.Step % options.LoggingSteps == 0)
            {
                report(Line() with
                {
                    Loss = lossSum / updates,
                    GradNorm = norm,
                    LearningRate = options.LearningRate * factor,
                    TokensPerSecond = (Progress.NumTokens - tokensAtLine) / Math.Max(1e-9, Progress.ElapsedSeconds - secondsAtLine),
                    ElapsedSeconds = Progress.ElapsedSeconds,
                });
                (lossSum, updates, tokensAtLine, secondsAtLine) = (0, 0, Progress.NumTokens, Progress.ElapsedSeconds);
            }

            if (last || (options.EvalSteps > 0 && Progress.Step % options.EvalSteps == 0))
            {
                Evaluate(report);
                secondsAtLine = before + clock.Elapsed.TotalSeconds;
            }

            if (cancellation.IsCancellationRequested || (options.CheckpointSteps > 0 && Progress.Step % options.CheckpointSteps == 0 && !last))
            {
                checkpoint();
                cancellation.ThrowIfCancellationRequested();
            }
        }

        policy.Model.Dropout = 0;
    }

    public void Dispose() => _optimizer.Dispose();

    private (double Loss, long Tokens, double GradNorm) Update(int[] batch, double factor)
    {
        using var scope = NewDisposeScope();
        if (options.Dropout > 0)
        {
            LibTorch.Seed(unchecked(options.Seed * 1_000_003L + Progress.Step));                    // a resumed run drops the same
        }

        var (loss, tokens) = Loss(data, batch);
        var value = loss.item<float>();
        if (!float.IsFinite(value))
        {
            throw new ArithmeticException($"The loss of step {Progress.Step} is {value}: the learning rate is probably too high.");
        }

        loss.backward();
        return (value, tokens, _optimizer.Step(Progress.Step, factor));
    }

    /// <summary>Mean cross-entropy over the targets of some examples.</summary>
    private (Tensor Loss, long Targets) Loss(TokenExamples examples, int[] batch)
    {
        var (inputs, targets, count) = Batch(examples, batch);
        var hidden = policy.Model.Hidden(inputs).view(-1, policy.Model.Width);                    // (B·T, C)
        targets = targets.view(-1);                                                               // (B·T)
        if (count < targets.shape[0])
        {
            var rows = targets.ne(NotATarget).nonzero().view(-1);                                 // (targets)
            (hidden, targets) = (hidden.index_select(0, rows), targets.index_select(0, rows));
        }

        return (nn.functional.cross_entropy(policy.Model.Logits(hidden), targets), count);
    }

    /// <summary>Inputs and targets, both (B, T) int64; short rows are padded on the right, where causal attention never looks back from.</summary>
    private (Tensor Inputs, Tensor Targets, long Count) Batch(TokenExamples examples, int[] batch)
    {
        var length = batch.Max(examples.LengthOf) - 1;
        var inputs = new long[batch.Length * length];
        var targets = new long[batch.Length * length];
        Array.Fill(targets, NotATarget);
        long count = 0;
        for (var row = 0; row < batch.Length; row++)
        {
            var at = row * length;
            var end = at + examples.LengthOf(batch[row]) - 1;
            var first = true;
            foreach (var (id, isTarget) in examples[batch[row]])
            {
                if (!first)
                {
                    targets[at] = isTarget ? id : NotATarget;
                    count += isTarget ? 1 : 0;
                    at++;
                }

                first = false;
                if (at < end)
                {
                    inputs[at] = id;
                }
            }
        }

        long[] shape = [batch.Length, length];
        return (tensor(inputs).view(shape).to(policy.Model.Device), tensor(targets).view(shape).to(policy.Model.Device), count);
    }

    private void Evaluate(Action<SftMetrics> report)
    {
        if (heldOut is null || heldOut.Count == 0)
        {
            return;
        }

        var (loss, bitsPerByte) = HeldOutLoss(heldOut);
        report(Line() with { EvalLoss = loss, EvalBitsPerByte = bitsPerByte });
    }

    private (double Loss, double BitsPerByte) HeldOutLoss(TokenExamples examples)
    {
        using var _ = no_grad();
        var dropout = policy.Model.Dropout;
        policy.Model.Dropout = 0;
        var (nats, tokens, bytes) = (0.0, 0L, 0L);
        foreach (var batch in Enumerable.Range(0, examples.Count).OrderBy(examples.LengthOf).Chunk(options.BatchSize))
        {
            using var scope = NewDisposeScope();
            var (loss, count) = Loss(examples, batch);
            nats += loss.item<float>() * count;
            tokens += count;
            bytes += batch.Sum(example => examples[example].Where(token => token.IsTarget).Sum(token => policy.RequireTokenizer().BytesOf(token.Id).Length));
        }

        policy.Model.Dropout = dropout;
        return (nats / tokens, nats / Math.Log(2) / bytes);
    }

    private SftMetrics Line() => new()
    {
        Step = Progress.Step,
        Epoch = Progress.Epoch + (double)Progress.Position / data.Count,
        NumTokens = Progress.NumTokens,
    };

    private long? StepsOf(double? targets) => targets is { } wanted
        ? Math.Max(1, (long)Math.Ceiling(wanted / ((double)data.Targets / data.Count * options.BatchSize) - 1e-9))
        : null;
}

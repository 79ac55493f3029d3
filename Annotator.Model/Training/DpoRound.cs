using System.Diagnostics;
using System.Globalization;
using System.Reflection;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Annotator.Model.Checkpoints;
using Annotator.Model.Native;
using Annotator.Model.Preferences;
using TorchSharp;
using static TorchSharp.torch;

namespace Annotator.Model.Training;

/// <summary>The options of a round can't be trained with; the message lists every fault.</summary>
public sealed class RoundOptionsException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>
/// Runs the round of a directory: options and preferences in; metrics, policy and result out. With the same directory, seed
/// and number of threads it writes the same bytes.
/// </summary>
/// <param name="directory">Holds options.json and preferences.jsonl.</param>
/// <param name="report">Told each line of metrics as it is written.</param>
/// <param name="say">Told in a few words what happens before and after the updates.</param>
public sealed class DpoRound(RoundDirectory directory, Action<RoundMetrics> report, Action<string> say)
{
    /// <summary>A deviation of the first loss that rounding can't explain.</summary>
    private const double Step0Tolerance = 1e-3;

    private readonly Stopwatch _clock = Stopwatch.StartNew();

    /// <summary>What stands in result.json; failed until the end is reached.</summary>
    public RoundResult Result { get; private set; } = new() { Status = RoundStatus.Failed, StartedAt = TimeProvider.System.GetUtcNow().UtcDateTime, Versions = Versions() };

    /// <summary>Runs the round to its end, whatever that is; result.json is written in every case.</summary>
    /// <param name="resume">Go on from the checkpoint, if there is one.</param>
    /// <param name="cancellation">Stops between micro-batches, leaving a checkpoint.</param>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    /// <exception cref="RoundOptionsException">options.json can't be used.</exception>
    /// <exception cref="Exception">Whatever else made it fail: its reason stands in result.json.</exception>
    public void Run(bool resume, CancellationToken cancellation)
    {
        File.Delete(directory.Result);
        try
        {
            Train(ReadOptions(), resume, cancellation);
            Result = Result with { Status = RoundStatus.Succeeded };
        }
        catch (OperationCanceledException)
        {
            Result = Result with { Status = RoundStatus.Cancelled, Reason = $"It was cancelled after {Result.Steps} of {Result.MaxSteps} updates." };
            throw;
        }
        catch (Exception failed)
        {
            Result = Result with { Status = RoundStatus.Failed, Reason = Sentence(failed) };
            throw;
        }
        finally
        {
            Result = Result with { WallTimeSeconds = Math.Round(_clock.Elapsed.TotalSeconds, 3) };
            Result.Write(directory.Result);
        }

        // Only now: a round that is killed while it saves its policy still goes on from here.
        if (Directory.Exists(directory.Checkpoint))
            Directory.Delete(directory.Checkpoint, recursive: true);
    }

    private RoundOptions ReadOptions()
    {
        try
        {
            var options = RoundOptions.Read(directory.Options);
            return options.Problems() is { Count: > 0 } problems
                ? throw new RoundOptionsException($"{directory.Options}: {string.Join("; ", problems.Select(FormattableString.Invariant))}.")
                : options;
        }
        catch (Exception refused) when (refused is FormatException or IOException)
        {
            throw new RoundOptionsException(refused.Message, refused);
        }
    }

    private void Train(RoundOptions options, bool resume, CancellationToken cancellation)
    {
        if (options.Threads > 0)
            set_num_threads(options.Threads);
        var device = DeviceOf(options);
        var policyPath = directory.Resolve(options.Policy);
        var referencePath = directory.Resolve(options.Reference);
        Result = Result with { Hashes = Inputs(policyPath, referencePath), Host = Host(device) };

        using var policy = PolicyDirectory.Open(policyPath, device);
        var data = RoundData.Read(directory.Preferences, policy, options);
        Result = Result with { Used = Counts(data), Dropped = data.Dropped, CutCompletions = data.Cut };
        say($"{data.Train.Count} comparisons to train on, {data.Eval.Count} to measure on, {data.Dropped.Values.Sum()} left out");
        foreach (var warning in RoundWarnings.Of(data))
            Warn(warning);
        if (data.Train.Count == 0)
            throw new InvalidDataException($"No comparison is left to train on: {directory.Preferences} has {(data.Dropped.Count == 0 ? "none of split train" : string.Join(", ", data.Dropped.Select(drop => $"{drop.Value} {drop.Key}")))}.");

        var checkpoint = resume ? TrainingCheckpoint.Read(directory.Checkpoint) : null;
        if (checkpoint is not null && !checkpoint.Inputs.OrderBy(input => input.Key).SequenceEqual(Result.Hashes.OrderBy(input => input.Key)))
            throw new InvalidDataException($"The checkpoint in {directory.Checkpoint} was made from other options, preferences or policies. Start the round over without --resume.");
        RemoveOutputs(fromStep: checkpoint?.Step ?? 0);

        data = WithReference(data, options, policy, referencePath, checkpoint, device, cancellation);
        if (options.Dtype == TrainingDtype.Float32)
            WriteReferenceLogps(data);
        else
            File.Delete(directory.ReferenceLogps);
        var samples = SamplesBefore(policy, data, options, cancellation);
        using var trainer = new DpoTrainer(policy.Model, data, options);
        var sameStart = Result.Hashes["policy"] == Result.Hashes["reference"];
        Result = Result with { MaxSteps = trainer.MaxSteps, ExpectedStep0Loss = sameStart ? trainer.LossAtReference() : null };
        if (checkpoint is not null)
        {
            checkpoint.Restore(directory.Checkpoint, trainer);
            Result = Result with { Steps = checkpoint.Step, Step0Loss = checkpoint.Step0Loss };
            say($"going on from step {checkpoint.Step}");
        }

        Loop(trainer, data, options, cancellation);
        trainer.Finish();
        Save(policy);
        Measure(policy, samples, referencePath, device, cancellation);
    }

    /// <summary>Null where there is nothing to draw from: that is a pity, not a reason to train nothing.</summary>
    private RoundSamples? SamplesBefore(Policy policy, RoundData data, RoundOptions options, CancellationToken cancellation)
    {
        try
        {
            var samples = RoundSamples.Of(policy, data, directory, options);
            samples?.DrawBefore(cancellation);
            return samples;
        }
        catch (Exception failed) when (failed is FormatException or InvalidDataException or ArgumentException or PolicyException or IOException or NotFiniteNumberException)
        {
            Warn($"no fresh samples are drawn: {Sentence(failed)}");
            return null;
        }
    }

    /// <summary>The policy is safe by now: whoever cancels here, or whatever goes wrong, costs its measures alone.</summary>
    private void Measure(Policy policy, RoundSamples? samples, string referencePath, Device device, CancellationToken cancellation)
    {
        if (samples is null)
            return;
        try
        {
            using var reference = PolicyDirectory.Open(referencePath, device);
            var (after, lengthBefore) = samples.DrawAfter(reference.Model, directory, cancellation);
            Result = Result with { ObjectiveKl = after.ObjectiveKl, ObjectiveKlStandardError = after.ObjectiveKlStandardError, MeanLength = after.MeanLength, MeanLengthBefore = lengthBefore };
            say(FormattableString.Invariant($"KL to the reference {after.ObjectiveKl:F2} ± {after.ObjectiveKlStandardError ?? 0:F2} nats on {after.Samples} fresh samples"));
            foreach (var warning in RoundWarnings.OfSamples(after.ObjectiveKl, after.ObjectiveKlStandardError, after.MeanLength, lengthBefore))
                Warn(warning);
        }
#pragma warning disable CA1031 // As the summary says.
        catch (Exception failed)
#pragma warning restore CA1031
        {
            Warn($"the new policy could not be measured on fresh samples: {Sentence(failed)}");
        }
    }

    private void Loop(DpoTrainer trainer, RoundData data, RoundOptions options, CancellationToken cancellation)
    {
        using var metrics = new StreamWriter(directory.Metrics, append: true) { AutoFlush = true, NewLine = "\n" };
        try
        {
            while (!trainer.IsDone)
            {
                var line = trainer.Next(cancellation);
                Result = Result with { Steps = trainer.Step, FinalMetrics = line };
                if (line.Step == 0)
                    CheckFirstLoss(line.Loss);
                if (trainer.IsDone || line.EvalLoss is not null || line.Step % options.LoggingSteps == 0)
                {
                    metrics.WriteLine(JsonLines.Format(line));
                    report(line);
                }
                if (!trainer.IsDone && options.CheckpointSteps > 0 && trainer.Step % options.CheckpointSteps == 0)
                    SaveCheckpoint(trainer, data);
            }
        }
        catch (OperationCanceledException)
        {
            SaveCheckpoint(trainer, data);
            throw;
        }
    }

    /// <summary>Computes what preferences.jsonl does not know, or takes it from the checkpoint.</summary>
    private RoundData WithReference(RoundData data, RoundOptions options, Policy policy, string referencePath, TrainingCheckpoint? checkpoint, Device device, CancellationToken cancellation)
    {
        if (checkpoint is not null)
        {
            var logps = new Queue<double>(checkpoint.ReferenceLogps);
            return data with { Train = Known(data.Train), Eval = Known(data.Eval) };

            List<TokenComparison> Known(IReadOnlyList<TokenComparison> comparisons) =>
                [.. comparisons.Select(one => one with { ReferenceLogps = [.. one.Completions.Select(_ => (double?)logps.Dequeue())] })];
        }

        List<TokenComparison> all = [.. data.Train, .. data.Eval];
        var inBfloat16 = options.Dtype == TrainingDtype.Bfloat16;
        if (inBfloat16)
            all = all.ConvertAll(comparison => comparison with { ReferenceLogps = [.. comparison.Completions.Select(_ => (double?)null)] }); // Those given are float32's.
        var unknown = ReferenceLogProbabilities.CountUnknown(all);
        Result = Result with { ReferenceLogpsComputed = unknown };
        if (unknown > 0)
            say($"reference log-probabilities of {unknown} responses");
        using var other = unknown == 0 || Result.Hashes["policy"] == Result.Hashes["reference"] ? null : PolicyDirectory.Open(referencePath, device);
        var reference = (other ?? policy).Model;
        if (reference.VocabularySize != policy.Model.VocabularySize)
            throw new InvalidDataException($"The reference {referencePath} has a vocabulary of {reference.VocabularySize} tokens, the policy one of {policy.Model.VocabularySize}: they must be of one family.");
        using var copy = inBfloat16 ? reference.CopyAs(ScalarType.BFloat16) : null;
        var filled = ReferenceLogProbabilities.Fill(copy ?? reference, all, options.MicroBatchSize, cancellation);
        return data with { Train = [.. filled.Take(data.Train.Count)], Eval = [.. filled.Skip(data.Train.Count)] };
    }

    /// <summary>For later rounds with this reference.</summary>
    private void WriteReferenceLogps(RoundData data) => JsonLines.Write(
        directory.ReferenceLogps,
        data.Train.Concat(data.Eval).Where(comparison => comparison.Given.Any(place => place is not null)).Select(comparison => new ReferenceLogpsLine
        {
            Id = comparison.Id,
            ReferenceLogps = [.. comparison.Given.Select(place => place is { } at ? comparison.ReferenceLogps[at] : null)],
        }));

    private void CheckFirstLoss(double loss)
    {
        Result = Result with { Step0Loss = loss };
        if (Result.ExpectedStep0Loss is { } expected && Math.Abs(loss - expected) > Step0Tolerance)
            Warn(FormattableString.Invariant($"the first loss is {loss:F4}, but the policy is the reference, so it should be {expected:F4}: the reference_logp values given are not those of this reference"));
    }

    private void Warn(string warning)
    {
        Result = Result with { Warnings = [.. Result.Warnings, warning] };
        say($"warning: {warning}");
    }

    /// <summary>A run leaves nothing of an earlier one behind but the lines of metrics that a resumed one goes on from.</summary>
    private void RemoveOutputs(int fromStep)
    {
        foreach (var path in (string[])[directory.Policy, directory.Policy + Part, .. fromStep == 0 ? [directory.Checkpoint] : Array.Empty<string>()])
        {
            if (Directory.Exists(path))
                Directory.Delete(path, recursive: true);
        }
        File.Delete(directory.Samples);
        if (fromStep == 0)
            File.Delete(directory.Metrics);
        else if (File.Exists(directory.Metrics))
            JsonLines.Write(directory.Metrics, WholeLines().Where(line => line.Step < fromStep).ToList());

        // A killed trainer may have left half a line at the end.
        IEnumerable<RoundMetrics> WholeLines() => new MetricsTail(directory.Metrics).ReadNew();
    }

    private void SaveCheckpoint(DpoTrainer trainer, RoundData data)
    {
        new TrainingCheckpoint
        {
            Step = trainer.Step,
            NumTokens = trainer.NumTokens,
            Patience = trainer.Patience,
            Inputs = Result.Hashes,
            ReferenceLogps = [.. data.Train.Concat(data.Eval).SelectMany(comparison => comparison.ReferenceLogps).Select(logp => logp!.Value)],
            Step0Loss = Result.Step0Loss,
            Tensors = string.Create(CultureInfo.InvariantCulture, $"step-{trainer.Step}.safetensors"),
        }.Write(directory.Checkpoint, trainer);
    }

    private void Save(Policy policy)
    {
        PolicyDirectory.Save(policy, directory.Policy + Part);
        Directory.Move(directory.Policy + Part, directory.Policy);
        Result = Result with { Hashes = new Dictionary<string, string>(Result.Hashes) { ["output"] = PolicyDirectory.Hash(directory.Policy) } };
    }

    private Dictionary<string, string> Inputs(string policy, string reference) => new()
    {
        ["options"] = HashOf(directory.Options),
        ["preferences"] = HashOf(directory.Preferences),
        ["policy"] = PolicyDirectory.Hash(policy),
        ["reference"] = PolicyDirectory.Hash(reference),
    };

    private static string HashOf(string file)
    {
        using var stream = File.OpenRead(file);
        return Convert.ToHexStringLower(SHA256.HashData(stream));
    }

    private static RoundCounts Counts(RoundData data) => new()
    {
        TrainComparisons = data.Train.Count,
        TrainPairs = data.Train.Sum(comparison => comparison.Pairs.Count),
        EvalComparisons = data.Eval.Count,
        EvalPairs = data.Eval.Sum(comparison => comparison.Pairs.Count),
    };

    private static Device DeviceOf(RoundOptions options) => options.Device switch
    {
        TrainingDevice.Cpu => CPU,
        TrainingDevice.Cuda when !cuda.is_available() => throw new RoundOptionsException("device is cuda, but there is no CUDA device here (or this build has no CUDA). Set device to auto or cpu."),
        TrainingDevice.Cuda => CUDA,
        _ => LibTorch.PreferredDevice(),
    };

    private static Dictionary<string, string> Versions() => new()
    {
        ["annotator"] = typeof(DpoRound).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "unknown",
        ["dotnet"] = RuntimeInformation.FrameworkDescription,
        ["torchsharp"] = typeof(torch).Assembly.GetName().Version?.ToString() ?? "unknown",
        ["libtorch"] = torch.__version__,
    };

    private static Dictionary<string, string> Host(Device device) => new()
    {
        ["name"] = Environment.MachineName,
        ["os"] = RuntimeInformation.OSDescription,
        ["processors"] = Environment.ProcessorCount.ToString(CultureInfo.InvariantCulture),
        ["threads"] = get_num_threads().ToString(CultureInfo.InvariantCulture),
        ["device"] = device.ToString(),
    };

    /// <summary>The first line of what went wrong: libtorch adds a native stack trace that helps nobody here.</summary>
    private static string Sentence(Exception failed) => failed.Message.Split('\n')[0].Trim() is { Length: > 0 } line ? line : failed.GetType().Name;

    private const string Part = ".part";
}

using System.Text.Json;
using Annotator.Model.Checkpoints;
using Annotator.Model.Preferences;

namespace Annotator.Model.Training;

/// <summary>The files of a supervised run: metrics.jsonl, checkpoint/ and, at its end, the policy's own files.</summary>
/// <param name="directory">Made if need be.</param>
public sealed class SftRun(string directory)
{
    /// <summary>Tokens of a held-out window: fixed, so that bits per byte compare between runs.</summary>
    public const int HeldOutWindow = 128;

    private const string MomentsFile = "optimizer.safetensors";
    private const string StateFile = "state.json";

    /// <summary>What a resumed run must share with the one that wrote the checkpoint.</summary>
    private sealed record State(SftProgress Progress, int Seed, int BatchSize, int Examples, long Targets, SftOptimizerName Optimizer);

    /// <summary>The run's directory.</summary>
    public string Directory => directory;

    private string Checkpoint => Path.Combine(directory, "checkpoint");

    private string OldCheckpoint => Checkpoint + ".old";

    private string MetricsFile => Path.Combine(directory, "metrics.jsonl");

    /// <summary>Clears the metrics of an earlier run in the same directory.</summary>
    public void Begin()
    {
        System.IO.Directory.CreateDirectory(directory);
        File.Delete(MetricsFile);
    }

    /// <summary>Appends a line to metrics.jsonl.</summary>
    public void Append(SftMetrics metrics) => File.AppendAllText(MetricsFile, JsonLines.Format(metrics) + "\n");

    /// <summary>The checkpoint's directory, which is a policy too.</summary>
    /// <exception cref="PolicyException">There is none.</exception>
    public string RequireCheckpoint() =>
        System.IO.Directory.Exists(Checkpoint) ? Checkpoint
        : System.IO.Directory.Exists(OldCheckpoint) ? OldCheckpoint                              // cut off between the two renames
        : throw new PolicyException($"There is no checkpoint to resume from in {directory}.");

    /// <summary>Writes a checkpoint beside the last one and puts it in its place.</summary>
    public void WriteCheckpoint(Policy policy, SftTrainer trainer, TokenExamples data, SftOptions options)
    {
        var partial = Checkpoint + ".partial";
        Remove(partial);
        PolicyDirectory.Save(policy, partial);
        Safetensors.Write(Path.Combine(partial, MomentsFile), trainer.OptimizerState);
        File.WriteAllText(Path.Combine(partial, StateFile), JsonSerializer.Serialize(StateOf(trainer, data, options), JsonLines.IndentedSpelling));

        if (System.IO.Directory.Exists(Checkpoint))
        {
            Remove(OldCheckpoint);
            System.IO.Directory.Move(Checkpoint, OldCheckpoint);
        }

        System.IO.Directory.Move(partial, Checkpoint);
        Remove(OldCheckpoint);
    }

    /// <summary>Puts a trainer, whose policy was opened from the checkpoint, where the checkpoint was written; metrics after it are dropped.</summary>
    /// <exception cref="PolicyException">The checkpoint belongs to a run with other data or options.</exception>
    public void Resume(SftTrainer trainer, TokenExamples data, SftOptions options)
    {
        var checkpoint = RequireCheckpoint();
        var state = JsonSerializer.Deserialize<State>(File.ReadAllText(Path.Combine(checkpoint, StateFile)), JsonLines.Spelling)!;
        if (state != StateOf(trainer, data, options) with { Progress = state.Progress })
        {
            throw new PolicyException($"The checkpoint in {directory} was written with other data, or another --seed, --batch-size, --window or --optimizer.");
        }

        using var moments = Safetensors.Open(Path.Combine(checkpoint, MomentsFile));
        trainer.Resume(state.Progress, name => moments.Read(name));

        var kept = JsonLines.Read<SftMetrics>(MetricsFile).Where(metrics => metrics.Step <= state.Progress.Step).ToList();
        JsonLines.Write(MetricsFile, kept);
    }

    /// <summary>After success.</summary>
    public void RemoveCheckpoint()
    {
        Remove(Checkpoint);
        Remove(OldCheckpoint);
    }

    private static State StateOf(SftTrainer trainer, TokenExamples data, SftOptions options) =>
        new(trainer.Progress, options.Seed, options.BatchSize, data.Count, data.Targets, options.Optimizer);

    private static void Remove(string path)
    {
        if (System.IO.Directory.Exists(path))
        {
            System.IO.Directory.Delete(path, recursive: true);
        }
    }
}

using System.Text.Json;
using Annotator.Model.Checkpoints;
using Annotator.Model.Preferences;
using TorchSharp;
using static TorchSharp.torch;

namespace Annotator.Model.Training;

/// <summary>
/// What an exact resume needs besides tensors: <c>checkpoint/state.json</c>. It names the file of the tensors and is
/// renamed into place after that one is complete, so a checkpoint is there whole or not at all.
/// </summary>
public sealed record TrainingCheckpoint
{
    /// <summary>Updates made.</summary>
    public required int Step { get; init; }

    public required long NumTokens { get; init; }

    public required Patience Patience { get; init; }

    /// <summary>The round's inputs by name and hash: a checkpoint fits no others.</summary>
    public required IReadOnlyDictionary<string, string> Inputs { get; init; }

    /// <summary>log πref of every completion of every training, then every eval comparison, in nats.</summary>
    public required IReadOnlyList<double> ReferenceLogps { get; init; }

    /// <summary>The loss of step 0.</summary>
    public double? Step0Loss { get; init; }

    /// <summary>What is trained (<c>policy/…</c>) and the optimiser's state (<c>optimizer/…</c>), a safetensors file beside this one.</summary>
    public required string Tensors { get; init; }

    /// <summary>Saves everything, replacing an earlier checkpoint.</summary>
    public void Write(string directory, DpoTrainer trainer)
    {
        Directory.CreateDirectory(directory);
        var tensors = trainer.Trained.Select(parameter => KeyValuePair.Create("policy/" + parameter.Key, parameter.Value))
            .Concat(trainer.Optimizer.State.Select(average => KeyValuePair.Create("optimizer/" + average.Key, average.Value)));
        // Written beside even so: a run that was cancelled twice at one step would otherwise write over what its state.json names.
        var file = Path.Combine(directory, Tensors);
        Safetensors.Write(file + ".part", tensors);
        File.Move(file + ".part", file, overwrite: true);
        var state = Path.Combine(directory, StateFile);
        File.WriteAllText(state + ".part", JsonSerializer.Serialize(this, JsonLines.Spelling));
        File.Move(state + ".part", state, overwrite: true);
        foreach (var old in Directory.EnumerateFiles(directory).Where(name => name != file && name != state))
            File.Delete(old);
    }

    /// <summary>The checkpoint in a directory, or null where there is none.</summary>
    /// <exception cref="InvalidDataException">There is one, but it is damaged.</exception>
    public static TrainingCheckpoint? Read(string directory)
    {
        var state = Path.Combine(directory, StateFile);
        if (!File.Exists(state))
            return null;
        try
        {
            return JsonSerializer.Deserialize<TrainingCheckpoint>(File.ReadAllText(state), JsonLines.Spelling);
        }
        catch (JsonException damaged)
        {
            throw new InvalidDataException($"The checkpoint {state} can't be read: {JsonLines.Reason(damaged)} Start the round over without --resume.", damaged);
        }
    }

    /// <summary>Puts the tensors back.</summary>
    /// <exception cref="InvalidDataException">The tensors' file is damaged.</exception>
    public void Restore(string directory, DpoTrainer trainer)
    {
        using var scope = NewDisposeScope();
        using var noGradients = no_grad();
        using var file = Safetensors.Open(Path.Combine(directory, Tensors));
        foreach (var (name, parameter) in trainer.Trained)
            parameter.copy_(file.Read("policy/" + name));
        const string prefix = "optimizer/";
        trainer.Optimizer.Restore(
            file.Entries.Keys.Where(name => name.StartsWith(prefix, StringComparison.Ordinal))
                .ToDictionary(name => name[prefix.Length..], name => file.Read(name).to(trainer.Trained.Values.First().device)),
            Step);
        trainer.Restore(NumTokens, Patience);
    }

    private const string StateFile = "state.json";
}

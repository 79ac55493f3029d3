namespace Annotator.Model.Training;

/// <summary>Memory ran out while a round trained; the message says in a sentence what to set.</summary>
public sealed class TrainingMemoryException(string message, Exception inner) : OutOfMemoryException(message, inner);

/// <summary>Turns an allocation that failed, in libtorch or in .NET, into advice.</summary>
internal static class TrainingMemory
{
    /// <summary>Does something with comparisons whose activations are all in memory at once.</summary>
    /// <exception cref="TrainingMemoryException">There was not enough.</exception>
    public static T Pass<T>(IReadOnlyList<TokenComparison> pass, Func<T> work) => Guarded(work, () => pass.Count > 1
        ? $"Memory ran out in a pass over {pass.Count} comparisons. Set micro_batch_size to {pass.Count / 2}: it changes neither the loss nor the gradient."
        : $"Memory ran out in a pass over a single comparison of {pass[0].Tokens} tokens. micro_batch_size can't be less than 1: set activation_checkpointing to true, or lower max_length.");

    /// <summary>Does something that needs as much memory as the weights once or twice more.</summary>
    /// <exception cref="TrainingMemoryException">There was not enough.</exception>
    public static T Update<T>(Func<T> work) => Guarded(work, () =>
        "Memory ran out in the update of the weights: their gradients and the optimizer's averages need as much again each. Set lora_rank to 8, or micro_batch_size to 1.");

    private static T Guarded<T>(Func<T> work, Func<string> advice)
    {
        try
        {
            return work();
        }
        catch (Exception failed) when (IsOutOfMemory(failed) && failed is not TrainingMemoryException)
        {
            throw new TrainingMemoryException(advice(), failed);
        }
    }

    /// <summary>libtorch knows no type for it: on the CPU its allocator says "can't allocate memory", on a GPU "out of memory".</summary>
    private static bool IsOutOfMemory(Exception failed) =>
        failed is OutOfMemoryException
        || failed.Message.Contains("can't allocate memory", StringComparison.OrdinalIgnoreCase)
        || failed.Message.Contains("out of memory", StringComparison.OrdinalIgnoreCase)
        || failed.Message.Contains("bad_alloc", StringComparison.OrdinalIgnoreCase);
}

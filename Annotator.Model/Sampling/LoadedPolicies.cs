using System.Diagnostics;
using Annotator.Model.Checkpoints;
using TorchSharp;

namespace Annotator.Model.Sampling;

/// <summary>
/// The policies in memory: opened when they are first asked for; the least recently used ones that nobody uses are closed
/// when the next one needs their room. A directory never changes under its name (its name is its hash), so it is read
/// once. For the torch thread only.
/// </summary>
/// <param name="directory">Holds the policies' directories.</param>
/// <param name="memory">Bytes that the weights of all may take together; what a batch needs for its responses comes on top.</param>
/// <param name="device">Where their weights go.</param>
internal sealed class LoadedPolicies(string directory, long memory, torch.Device device) : IDisposable
{
    private readonly List<Loaded> _byUse = [];  // last used last

    /// <summary>Told of each policy that was opened, and how long it took.</summary>
    public required Action<string, TimeSpan> OnLoaded { get; init; }

    /// <summary>Told of the bytes of all weights in memory, by policy, after each change.</summary>
    public required Action<IReadOnlyDictionary<string, long>> OnChanged { get; init; }

    /// <summary>A policy by its directory's name. It stays open until other policies have been asked for.</summary>
    /// <param name="name">Of the directory.</param>
    /// <param name="inUse">Policies that must stay.</param>
    /// <returns>Null if there is no room for it beside those in use.</returns>
    /// <exception cref="PolicyException">It can't be opened.</exception>
    /// <exception cref="CompletionException">Its weights alone need more than there may be.</exception>
    public Policy? TryGet(string name, IReadOnlyCollection<string> inUse)
    {
        if (_byUse.Find(loaded => loaded.Name == name) is { } known)
        {
            _byUse.Remove(known);
            _byUse.Add(known);
            return known.Policy;
        }

        var path = Path.Combine(directory, name);
        var bytes = PolicyDirectory.WeightBytes(path);
        if (bytes > memory)
            throw CompletionException.PolicyTooLarge(name, bytes, memory);
        if (!MakeRoom(bytes, inUse))
            return null;

        var begun = Stopwatch.GetTimestamp();
        var policy = PolicyDirectory.OpenForSampling(path, device);
        OnLoaded(name, Stopwatch.GetElapsedTime(begun));
        _byUse.Add(new(name, policy, bytes));
        Changed();
        return policy;
    }

    public void Dispose()
    {
        _byUse.ForEach(loaded => loaded.Policy.Dispose());
        _byUse.Clear();
        Changed();
    }

    /// <summary>Room is made first: two policies that don't fit side by side can still take turns. Nothing is closed in vain.</summary>
    private bool MakeRoom(long bytes, IReadOnlyCollection<string> inUse)
    {
        if (_byUse.Where(loaded => inUse.Contains(loaded.Name)).Sum(loaded => loaded.Bytes) + bytes > memory)
            return false;

        foreach (var unused in _byUse.Where(loaded => !inUse.Contains(loaded.Name)).ToList())
        {
            if (_byUse.Sum(loaded => loaded.Bytes) + bytes <= memory)
                break;
            unused.Policy.Dispose();
            _byUse.Remove(unused);
        }

        Changed();
        return true;
    }

    private void Changed() => OnChanged(_byUse.ToDictionary(loaded => loaded.Name, loaded => loaded.Bytes));

    private sealed record Loaded(string Name, Policy Policy, long Bytes);
}

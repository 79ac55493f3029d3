using System.Diagnostics;
using Annotator.Model.Checkpoints;
using TorchSharp;

namespace Annotator.Model.Sampling;

/// <summary>
/// The policies in memory: opened when they are first asked for, the least recently used one closed when there are too
/// many. A directory never changes under its name (its name is its hash), so it is read once. For the torch thread only.
/// </summary>
/// <param name="directory">Holds the policies' directories.</param>
/// <param name="capacity">Policies kept.</param>
/// <param name="device">Where their weights go.</param>
/// <param name="onLoaded">Told of each policy that was opened, and how long it took.</param>
internal sealed class LoadedPolicies(string directory, int capacity, torch.Device device, Action<string, TimeSpan> onLoaded) : IDisposable
{
    private readonly LinkedList<(string Name, Policy Policy)> _byUse = [];  // last used first

    /// <summary>A policy by its directory's name. It stays open until other policies have been asked for.</summary>
    /// <param name="name">Of the directory.</param>
    /// <param name="inUse">Policies that must stay.</param>
    /// <returns>Null if there is no room for it beside those in use.</returns>
    /// <exception cref="PolicyException">It can't be opened.</exception>
    public Policy? TryGet(string name, IReadOnlyCollection<string> inUse)
    {
        for (var node = _byUse.First; node is not null; node = node.Next)
        {
            if (node.Value.Name != name)
                continue;
            _byUse.Remove(node);
            _byUse.AddFirst(node);
            return node.Value.Policy;
        }

        // Room is made first: two policies that don't fit side by side can still take turns.
        for (var node = _byUse.Last; _byUse.Count >= capacity; node = _byUse.Last)
        {
            while (node is not null && inUse.Contains(node.Value.Name))
                node = node.Previous;
            if (node is null)
                return null;
            node.Value.Policy.Dispose();
            _byUse.Remove(node);
        }

        var begun = Stopwatch.GetTimestamp();
        var policy = PolicyDirectory.Open(Path.Combine(directory, name), device);
        onLoaded(name, Stopwatch.GetElapsedTime(begun));
        _byUse.AddFirst((name, policy));
        return policy;
    }

    public void Dispose()
    {
        foreach (var (_, policy) in _byUse)
            policy.Dispose();
        _byUse.Clear();
    }
}

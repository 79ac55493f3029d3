using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Annotator.Web.Sampling;

/// <summary>What is known of a study's stock when it is decided what to sample.</summary>
public sealed record StockFacts
{
    /// <summary>The newest policy.</summary>
    public required long PolicyId { get; init; }

    /// <summary>The prompts to sample for.</summary>
    public required IReadOnlyCollection<PromptToSample> Prompts { get; init; }

    /// <summary>How many comparisons of the newest policy each prompt has had; none where it is missing.</summary>
    public required IReadOnlyDictionary<long, int> Uses { get; init; }

    /// <summary>The prompt of each comparison in stock: of the newest policy, unjudged, not retired, on nobody's desk.</summary>
    public required IReadOnlyList<long> Stock { get; init; }

    /// <summary>For each annotator at work, the prompts judged or on the desk under the newest policy: they won't come to them again.</summary>
    public required IReadOnlyList<IReadOnlySet<long>> Seen { get; init; }

    /// <summary>How many comparisons are kept in stock: unless said otherwise 20, or three for each annotator at work.</summary>
    public int Target { get => field > 0 ? field : TargetFor(Seen.Count); init; }

    /// <summary>The target with so many annotators at work.</summary>
    public static int TargetFor(int atWork) => Math.Max(20, 3 * atWork);
}

/// <summary>A prompt that may be sampled for; of two that were used as often, that of higher priority comes first.</summary>
public sealed record PromptToSample(long Id, int Priority);

/// <summary>Decides which prompts are sampled next. Pure.</summary>
public static class StockPlan
{
    /// <summary>A full stock of prompts that somebody has seen is an empty desk to them: this many must be new to each annotator.</summary>
    internal const int NewToEach = 5;

    /// <summary>
    /// The prompts to sample, most urgent first; a prompt that stands twice is sampled twice. Least used ones come
    /// first, among these the ones of higher priority, otherwise in an order that changes with the policy; prompts that nobody at work may judge again come last.
    /// </summary>
    public static IReadOnlyList<long> Next(StockFacts facts)
    {
        ArgumentNullException.ThrowIfNull(facts);
        if (facts.Prompts.Count == 0)
        {
            return [];
        }

        var next = new List<long>();
        var leastUsed = facts.Prompts
            .OrderBy(prompt => facts.Uses.GetValueOrDefault(prompt.Id))
            .ThenByDescending(prompt => prompt.Priority)
            .ThenBy(prompt => Shuffled(prompt.Id, facts.PolicyId))
            .Select(prompt => prompt.Id)
            .ToList();
        foreach (var seen in facts.Seen)
        {
            var offered = facts.Stock.Concat(next).Where(prompt => !seen.Contains(prompt)).ToHashSet();
            next.AddRange(leastUsed.Where(prompt => !seen.Contains(prompt) && !offered.Contains(prompt)).Take(NewToEach - offered.Count));
        }

        var uses = new PriorityQueue<long, (bool NewToNobody, int Uses, int Place)>();
        foreach (var (place, prompt) in leastUsed.Index())
        {
            var newToNobody = facts.Seen.Count > 0 && facts.Seen.All(seen => seen.Contains(prompt));
            uses.Enqueue(prompt, (newToNobody, facts.Uses.GetValueOrDefault(prompt) + next.Count(chosen => chosen == prompt), place));
        }

        while (facts.Stock.Count + next.Count < facts.Target)
        {
            uses.TryPeek(out var prompt, out var priority);
            next.Add(prompt);
            uses.DequeueEnqueue(prompt, priority with { Uses = priority.Uses + 1 });
        }

        return next;
    }

    /// <summary>A fixed but arbitrary order, so that each policy's prompts come in another one.</summary>
    private static ulong Shuffled(long prompt, long policy)
    {
        Span<byte> ids = stackalloc byte[16];
        BinaryPrimitives.WriteInt64LittleEndian(ids, prompt);
        BinaryPrimitives.WriteInt64LittleEndian(ids[8..], policy);
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(ids, hash);
        return BinaryPrimitives.ReadUInt64LittleEndian(hash);
    }
}

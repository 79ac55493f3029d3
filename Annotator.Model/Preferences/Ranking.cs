using System.Text.Json;
using System.Text.Json.Serialization;

namespace Annotator.Model.Preferences;

/// <summary>"Better is preferred to Worse": two indices into the completions of one comparison.</summary>
public readonly record struct RankedPair(int Better, int Worse);

/// <summary>
/// An annotator's order of a comparison's completions: tiers of completion indices, best tier first; the
/// members of one tier are tied. In JSON an array of arrays, <c>[[1],[0]]</c>. A completion that no tier names
/// was not compared.
/// </summary>
[JsonConverter(typeof(RankingJsonConverter))]
public sealed class Ranking : IEquatable<Ranking>
{
    /// <param name="tiers">Completion indices, best tier first.</param>
    /// <exception cref="ArgumentException">No tier, an empty tier, a negative index, or an index named twice.</exception>
    public Ranking(IEnumerable<IEnumerable<int>> tiers)
    {
        Tiers = [.. tiers.Select(tier => (IReadOnlyList<int>)[.. tier])];
        if (Tiers.Count == 0)
            throw new ArgumentException("A ranking needs at least one tier; it has none.", nameof(tiers));
        var seen = new HashSet<int>();
        foreach (var tier in Tiers)
        {
            if (tier.Count == 0)
                throw new ArgumentException("A tier of a ranking must name at least one completion; one is empty.", nameof(tiers));
            foreach (var index in tier)
            {
                if (index < 0)
                    throw new ArgumentException($"A ranking names completions by index from 0; it names {index}.", nameof(tiers));
                if (!seen.Add(index))
                    throw new ArgumentException($"A ranking names each completion once; it names {index} twice.", nameof(tiers));
            }
        }
    }

    /// <summary>Completion indices, best tier first.</summary>
    public IReadOnlyList<IReadOnlyList<int>> Tiers { get; }

    /// <summary><see cref="Tiers"/> as arrays, as judgments and comparisons keep them.</summary>
    public int[][] ToArrays() => [.. Tiers.Select(tier => tier.ToArray())];

    /// <summary>How many completions are ranked.</summary>
    public int Count => Tiers.Sum(tier => tier.Count);

    /// <summary>True when everything stands in one tier: nothing is preferred to anything.</summary>
    public bool IsAllTied => Tiers.Count == 1;

    /// <summary>The ranking of a pair: <paramref name="better"/> over <paramref name="worse"/>.</summary>
    public static Ranking Prefer(int better, int worse) => new([[better], [worse]]);

    /// <summary>The ranking in which all of <paramref name="count"/> completions are equally good.</summary>
    public static Ranking Tie(int count) => new([Enumerable.Range(0, count)]);

    /// <summary>Every strict preference the ranking implies, best first. Members of one tier never make a pair.</summary>
    public IEnumerable<RankedPair> Pairs() =>
        from above in Enumerable.Range(0, Tiers.Count)
        from better in Tiers[above]
        from below in Enumerable.Range(above + 1, Tiers.Count - above - 1)
        from worse in Tiers[below]
        select new RankedPair(better, worse);

    /// <summary>Equal when the same tiers stand in the same order; the order inside a tier means nothing.</summary>
    public bool Equals(Ranking? other) =>
        other is not null
        && Tiers.Count == other.Tiers.Count
        && Tiers.Zip(other.Tiers).All(pair => pair.First.Order().SequenceEqual(pair.Second.Order()));

    public override bool Equals(object? obj) => Equals(obj as Ranking);

    public override int GetHashCode() =>
        Tiers.Aggregate(Tiers.Count, (hash, tier) => HashCode.Combine(hash, tier.Sum(), tier.Count));

    /// <summary>The JSON spelling, <c>[[1],[0]]</c>.</summary>
    public override string ToString() => $"[{string.Join(",", Tiers.Select(tier => $"[{string.Join(",", tier)}]"))}]";
}

/// <summary>Reads and writes a <see cref="Ranking"/> as an array of arrays of completion indices.</summary>
internal sealed class RankingJsonConverter : JsonConverter<Ranking>
{
    public override Ranking Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        try
        {
            return new Ranking(JsonSerializer.Deserialize<int[][]>(ref reader, options)
                ?? throw new JsonException("A ranking can't be null."));
        }
        catch (ArgumentException refused)
        {
            throw new JsonException(refused.Message.Split(" (Parameter")[0], refused);
        }
    }

    public override void Write(Utf8JsonWriter writer, Ranking value, JsonSerializerOptions options) =>
        JsonSerializer.Serialize(writer, value.Tiers, options);
}

using Annotator.Model.Preferences;

namespace Annotator.Model.Training;

/// <summary>A comparison ready to be trained on: token ids only, and only what the ranking ranks.</summary>
public sealed record TokenComparison
{
    public required string Id { get; init; }

    /// <summary>Token ids, at least one.</summary>
    public required int[] Prompt { get; init; }

    /// <summary>Token ids, at least one each, no two strictly ranked ones equal.</summary>
    public required IReadOnlyList<int[]> Completions { get; init; }

    /// <summary>Of all of <see cref="Completions"/>, with at least one strict pair.</summary>
    public required Ranking Ranking { get; init; }

    public double Weight { get; init; } = 1;

    /// <summary>log πref(y|x) of each completion in nats; null where it must still be computed.</summary>
    public required IReadOnlyList<double?> ReferenceLogps { get; init; }

    /// <summary>Completions whose end was cut at max_length.</summary>
    public int Cut { get; init; }

    /// <summary>
    /// For each completion of its line, in that one's order, where it stands in <see cref="Completions"/>; null where nobody
    /// ranked it, or where its tokens are not just those that the line gives.
    /// </summary>
    public IReadOnlyList<int?> Given { get; init; } = [];

    /// <summary>Every strict preference.</summary>
    public IReadOnlyList<RankedPair> Pairs => _pairs ??= [.. Ranking.Pairs()];

    /// <summary>The prompt with each completion, as a sequence of its own.</summary>
    public IEnumerable<TokenSequence> Sequences => Completions.Select(completion => new TokenSequence(Prompt, completion));

    /// <summary>What it holds: the prompt, which is computed once, and each completion.</summary>
    public int Tokens => Prompt.Length + Completions.Sum(completion => completion.Length);

    private IReadOnlyList<RankedPair>? _pairs;
}

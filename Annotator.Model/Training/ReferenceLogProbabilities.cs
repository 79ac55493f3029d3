using System.Runtime.InteropServices;
using Annotator.Model.LanguageModels;
using TorchSharp;
using static TorchSharp.torch;

namespace Annotator.Model.Training;

/// <summary>log πref(y|x), computed once before the training, and once for each response: the reference never changes during a round.</summary>
public static class ReferenceLogProbabilities
{
    /// <summary>
    /// The comparisons with every reference log-probability known; those given stay as they are, and serve every other
    /// comparison of the same response too.
    /// </summary>
    /// <param name="reference">πref.</param>
    /// <param name="comparisons">Any number.</param>
    /// <param name="batchSize">Prompts per forward pass, at most; 0: as many as their tokens allow.</param>
    /// <param name="cancellation">Looked at before each pass.</param>
    public static IReadOnlyList<TokenComparison> Fill(LanguageModel reference, IReadOnlyList<TokenComparison> comparisons, int batchSize, CancellationToken cancellation)
    {
        var known = Known(comparisons);
        foreach (var pass in ComparisonLogps.Passes(Unknown(comparisons, known), batchSize))
        {
            cancellation.ThrowIfCancellationRequested();
            using var scope = NewDisposeScope();
            var logps = TrainingMemory.Pass(pass, () => ComparisonLogps.Of(reference, pass)).cpu().to(ScalarType.Float64).data<double>().ToArray();
            var responses = pass.SelectMany(prompt => prompt.Completions.Select(completion => (prompt.Prompt, completion)));
            foreach (var (response, logp) in responses.Zip(logps))
                known[response] = logp;
        }

        return [.. comparisons.Select(comparison => comparison with
        {
            ReferenceLogps = [.. comparison.Completions.Select((completion, i) => comparison.ReferenceLogps[i] ?? known[(comparison.Prompt, completion)])],
        })];
    }

    /// <summary>How many responses' log-probabilities are not known yet.</summary>
    public static int CountUnknown(IReadOnlyList<TokenComparison> comparisons) =>
        Unknown(comparisons, Known(comparisons)).Sum(prompt => prompt.Completions.Count);

    private static Dictionary<(int[] Prompt, int[] Completion), double> Known(IReadOnlyList<TokenComparison> comparisons)
    {
        var known = new Dictionary<(int[], int[]), double>(SameTokens.Instance);
        foreach (var comparison in comparisons)
        {
            foreach (var (completion, logp) in comparison.Completions.Zip(comparison.ReferenceLogps))
            {
                if (logp is { } given)
                    known[(comparison.Prompt, completion)] = given;
            }
        }

        return known;
    }

    /// <summary>The unknown responses of each prompt, in the order in which they first come, each once; a few at a time, as a comparison would hold.</summary>
    private static IEnumerable<TokenComparison> Unknown(IReadOnlyList<TokenComparison> comparisons, Dictionary<(int[] Prompt, int[] Completion), double> known) =>
        comparisons
            .SelectMany(comparison => comparison.Completions.Select(completion => (comparison.Prompt, Completion: completion)))
            .Where(response => !known.ContainsKey(response))
            .Distinct(SameTokens.Instance)
            .GroupBy(response => (response.Prompt, Array.Empty<int>()), SameTokens.Instance)
            .SelectMany(prompt => prompt.Select(response => response.Completion).Chunk(ResponsesTogether).Select(some => new TokenComparison
            {
                Id = "",
                Prompt = prompt.Key.Prompt,
                Completions = some,
                Ranking = Preferences.Ranking.Tie(some.Length),
                ReferenceLogps = [.. some.Select(_ => (double?)null)],
            }));

    /// <summary>Of one prompt: attention over them all grows with their number squared.</summary>
    private const int ResponsesTogether = 4;

    private sealed class SameTokens : IEqualityComparer<(int[] Prompt, int[] Completion)>
    {
        public static SameTokens Instance { get; } = new();

        public bool Equals((int[] Prompt, int[] Completion) x, (int[] Prompt, int[] Completion) y) =>
            x.Prompt.AsSpan().SequenceEqual(y.Prompt) && x.Completion.AsSpan().SequenceEqual(y.Completion);

        public int GetHashCode((int[] Prompt, int[] Completion) response)
        {
            var hash = new HashCode();
            hash.AddBytes(MemoryMarshal.AsBytes(response.Prompt.AsSpan()));
            hash.AddBytes(MemoryMarshal.AsBytes(response.Completion.AsSpan()));
            return hash.ToHashCode();
        }
    }
}

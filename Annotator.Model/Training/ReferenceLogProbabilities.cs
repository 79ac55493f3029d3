using Annotator.Model.LanguageModels;
using TorchSharp;
using static TorchSharp.torch;

namespace Annotator.Model.Training;

/// <summary>log πref(y|x), computed once before the training: the reference never changes during a round.</summary>
public static class ReferenceLogProbabilities
{
    /// <summary>The comparisons with every reference log-probability known; those given stay as they are.</summary>
    /// <param name="reference">πref.</param>
    /// <param name="comparisons">Any number.</param>
    /// <param name="batchSize">Comparisons per forward pass.</param>
    /// <param name="cancellation">Looked at before each pass.</param>
    public static IReadOnlyList<TokenComparison> Fill(LanguageModel reference, IReadOnlyList<TokenComparison> comparisons, int batchSize, CancellationToken cancellation)
    {
        var filled = new List<TokenComparison>(comparisons.Count);
        foreach (var batch in comparisons.Chunk(batchSize))
        {
            cancellation.ThrowIfCancellationRequested();
            if (batch.All(IsKnown))
                filled.AddRange(batch);
            else
                filled.AddRange(Fill(reference, batch));
        }
        return filled;
    }

    /// <summary>True when every completion has its reference log-probability.</summary>
    public static bool IsKnown(TokenComparison comparison) => comparison.ReferenceLogps.All(logp => logp is not null);

    private static IEnumerable<TokenComparison> Fill(LanguageModel reference, TokenComparison[] batch)
    {
        using var scope = NewDisposeScope();
        using var noGradients = no_grad();
        var logps = ComparisonLogps.Of(reference, batch).cpu().to(ScalarType.Float64).data<double>().ToArray();
        var next = 0;
        return [.. batch.Select(comparison => comparison with
        {
            ReferenceLogps = [.. comparison.ReferenceLogps.Zip(logps.Skip((next += comparison.Completions.Count) - comparison.Completions.Count), (given, computed) => given ?? computed)],
        })];
    }
}

using Annotator.Model.LanguageModels;
using TorchSharp;
using static TorchSharp.torch;

namespace Annotator.Model.Training;

/// <summary>log π(y|x) of every completion of some comparisons.</summary>
public static class ComparisonLogps
{
    /// <summary>Sequences in one forward pass. Few of like length waste little on padding; enough keep the cores busy.</summary>
    private const int SequencesTogether = 8;

    /// <summary>Scores the sequences in order of their length, so that the padding, which changes nothing, also costs little.</summary>
    /// <param name="model">The policy or the reference.</param>
    /// <param name="comparisons">With N completions in all.</param>
    /// <returns>Sums over completion tokens in nats, (N) in the comparisons' order, with gradients where they are on.</returns>
    public static Tensor Of(LanguageModel model, IEnumerable<TokenComparison> comparisons)
    {
        using var scope = NewDisposeScope();
        var byLength = comparisons.SelectMany(comparison => comparison.Sequences).Index().OrderBy(sequence => sequence.Item.Length).ToList();
        var logps = cat([.. byLength.Select(sequence => sequence.Item).Chunk(SequencesTogether).Select(batch => SequenceLogProbability.Of(model, batch).Sums())]);

        var places = new long[byLength.Count];
        foreach (var (place, (sequence, _)) in byLength.Index())
            places[sequence] = place;
        return logps.index_select(0, tensor(places).to(model.Device)).MoveToOuterDisposeScope();  // (N)
    }
}

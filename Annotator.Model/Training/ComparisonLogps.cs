using Annotator.Model.LanguageModels;
using TorchSharp;
using static TorchSharp.torch;

namespace Annotator.Model.Training;

/// <summary>log π(y|x) of comparisons, prompts read and completions scored in one forward pass.</summary>
public static class ComparisonLogps
{
    /// <summary>
    /// Sums over completion tokens, each scored given the prompt and the completion before it. Rows are padded on the
    /// right, where causal attention never looks, and the head runs at completion positions only.
    /// </summary>
    /// <returns>(N): of each completion of each comparison, in order; nats.</returns>
    public static Tensor Of(LanguageModel model, IReadOnlyList<TokenComparison> comparisons)
    {
        var sequences = comparisons.SelectMany(comparison => comparison.Completions.Select(completion => (comparison.Prompt, Completion: completion))).ToList();
        var width = sequences.Max(sequence => sequence.Prompt.Length + sequence.Completion.Length) - 1;
        var ids = new long[sequences.Count * width];
        List<long> rows = [], targets = [], owners = [];
        foreach (var (n, (prompt, completion)) in sequences.Index())
        {
            var all = prompt.Concat(completion).ToArray();
            for (var t = 0; t < all.Length - 1; t++)
                ids[n * width + t] = all[t];
            for (var t = prompt.Length - 1; t < all.Length - 1; t++)
            {
                rows.Add(n * width + t);
                targets.Add(all[t + 1]);
                owners.Add(n);
            }
        }
        using var scope = NewDisposeScope();
        var device = model.Device;
        var hidden = model.Hidden(tensor(ids, [sequences.Count, width], ScalarType.Int64, device));
        var logits = model.Logits(hidden.reshape(-1, model.Width).index_select(0, tensor(rows, ScalarType.Int64, device)));
        var logps = -nn.functional.cross_entropy(logits, tensor(targets, ScalarType.Int64, device), reduction: nn.Reduction.None);
        return zeros(sequences.Count, logps.dtype, device).index_add(0, tensor(owners, ScalarType.Int64, device), logps, 1).MoveToOuterDisposeScope();
    }
}

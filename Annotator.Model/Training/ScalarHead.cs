using Annotator.Model.LanguageModels;
using TorchSharp;
using static TorchSharp.torch;

namespace Annotator.Model.Training;

/// <summary>
/// A scalar read off hidden states by a linear head: off the last token it is a reward (eq. 2), off the places before
/// the completion's tokens it is the value of what has been written so far. With gradients where they are on.
/// </summary>
public static class ScalarHead
{
    /// <summary>Sequences in one forward pass, of like length.</summary>
    private const int SequencesTogether = 16;

    /// <summary>One scalar a sequence, of its last token.</summary>
    /// <param name="model">From <see cref="Architecture.WithScore"/>.</param>
    /// <param name="sequences">Without a <see cref="TokenSequence.Problem"/>; N of them.</param>
    /// <returns>(N).</returns>
    public static Tensor OfLastTokens(LanguageModel model, IReadOnlyList<TokenSequence> sequences) =>
        Of(model, sequences, sequence => [sequence.Length - 1]);

    /// <summary>One scalar a completion token, of the place that predicts it.</summary>
    /// <param name="model">From <see cref="Architecture.WithScore"/>.</param>
    /// <param name="sequences">Without a <see cref="TokenSequence.Problem"/>.</param>
    /// <returns>(N), sequence after sequence, N completion tokens in all.</returns>
    public static Tensor BeforeCompletionTokens(LanguageModel model, IReadOnlyList<TokenSequence> sequences) =>
        Of(model, sequences, sequence => Enumerable.Range(sequence.PromptIds.Count - 1, sequence.CompletionIds.Count));

    private static Tensor Of(LanguageModel model, IReadOnlyList<TokenSequence> sequences, Func<TokenSequence, IEnumerable<int>> places)
    {
        using var scope = NewDisposeScope();
        var byLength = sequences.Index().OrderBy(sequence => sequence.Item.Length).ToList();
        var scalars = cat([.. byLength.Chunk(SequencesTogether).Select(batch => OfBatch(model, [.. batch.Select(sequence => sequence.Item)], places))]);

        // Back into the order that was asked for.
        var starts = new long[sequences.Count];
        long start = 0;
        foreach (var (index, sequence) in byLength)
        {
            starts[index] = start;
            start += places(sequence).Count();
        }

        var order = sequences.Index().SelectMany(sequence => places(sequence.Item).Select((_, i) => starts[sequence.Index] + i)).ToArray();
        return scalars.index_select(0, tensor(order).to(model.Device)).MoveToOuterDisposeScope();
    }

    /// <summary>Short sequences are padded on the right, where causal attention never looks back from.</summary>
    private static Tensor OfBatch(LanguageModel model, TokenSequence[] sequences, Func<TokenSequence, IEnumerable<int>> places)
    {
        var width = sequences.Max(sequence => sequence.Length);
        var ids = new long[sequences.Length * width];
        List<long> rows = [];
        foreach (var (b, sequence) in sequences.Index())
        {
            if (sequence.Problem(model) is { } problem)
                throw new ArgumentException(problem, nameof(sequences));
            foreach (var (t, id) in sequence.PromptIds.Concat(sequence.CompletionIds).Index())
                ids[b * width + t] = id;
            rows.AddRange(places(sequence).Select(place => (long)b * width + place));
        }

        var hidden = model.Hidden(tensor(ids).view(sequences.Length, width).to(model.Device))     // (B, T, C)
            .view(-1, model.Width)
            .index_select(0, tensor(rows.ToArray()).to(model.Device));                            // (n, C)
        return hidden.matmul(model.Parameters[Architecture.Score].view(-1));                      // (n)
    }
}

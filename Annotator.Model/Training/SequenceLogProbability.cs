using Annotator.Model.LanguageModels;
using TorchSharp;
using static TorchSharp.torch;

namespace Annotator.Model.Training;

/// <summary>A prompt and its completion in tokens. The end token, where it was sampled, is the completion's last.</summary>
public sealed record TokenSequence(IReadOnlyList<int> PromptIds, IReadOnlyList<int> CompletionIds)
{
    /// <summary>Tokens of both.</summary>
    public int Length => PromptIds.Count + CompletionIds.Count;

    /// <summary>Why this model can't score it, in a sentence; null if it can.</summary>
    public string? Problem(LanguageModel model) =>
        PromptIds.Count == 0 ? "The prompt has no tokens, so nothing precedes the completion's first one."
        : CompletionIds.Count == 0 ? "The completion has no tokens."
        : Length > model.ContextLength ? $"Prompt and completion have {Length} tokens, more than the model's context of {model.ContextLength}."
        : PromptIds.Concat(CompletionIds).Any(id => id < 0 || id >= model.VocabularySize) ? $"A token id is outside the vocabulary (0 to {model.VocabularySize - 1})."
        : null;
}

/// <summary>Log-probabilities of completions, in nats.</summary>
/// <param name="Tokens">log p of each completion token given all before it, sequence after sequence, (N) where N is the sum of <paramref name="Lengths"/>.</param>
/// <param name="Lengths">Completion tokens of each sequence, B of them.</param>
public sealed record CompletionLogProbabilities(Tensor Tokens, IReadOnlyList<int> Lengths)
{
    /// <summary>log π(y|x): the sum over the completion's tokens, (B).</summary>
    public Tensor Sums()
    {
        var row = tensor(Lengths.SelectMany((length, row) => Enumerable.Repeat((long)row, length)).ToArray()).to(Tokens.device);
        return zeros([Lengths.Count], Tokens.dtype, Tokens.device).index_add(0, row, Tokens, 1);
    }

    /// <summary>The mean over the completion's tokens, (B).</summary>
    public Tensor Averages() =>
        Sums() / tensor(Lengths.Select(length => (float)length).ToArray()).to(Tokens.dtype).to(Tokens.device);
}

/// <summary>
/// log π(y|x). The head and the softmax run on completion positions only, in chunks: full logits of prompt and
/// padding are most of the memory otherwise.
/// </summary>
public static class SequenceLogProbability
{
    private const int LogitsTogether = 1 << 24;                                                   // 64 MB in Float32

    /// <summary>Scores a batch in one pass, with gradients where they are on.</summary>
    /// <param name="model">The policy.</param>
    /// <param name="sequences">Each without a <see cref="TokenSequence.Problem"/>; short ones are padded on the right, where causal attention never looks back from.</param>
    /// <exception cref="ArgumentException">A sequence can't be scored.</exception>
    public static CompletionLogProbabilities Of(LanguageModel model, IReadOnlyList<TokenSequence> sequences)
    {
        using var scope = NewDisposeScope();
        if (sequences.Select(sequence => sequence.Problem(model)).FirstOrDefault(problem => problem is not null) is { } fault)
        {
            throw new ArgumentException(fault, nameof(sequences));
        }

        // The last token is only ever predicted.
        var width = sequences.Max(sequence => sequence.Length) - 1;
        var ids = new long[sequences.Count * width];
        List<long> rows = [], targets = [];
        for (var b = 0; b < sequences.Count; b++)
        {
            var (prompt, completion) = (sequences[b].PromptIds, sequences[b].CompletionIds);
            var at = b * width;
            foreach (var id in prompt.Concat(completion).Take(sequences[b].Length - 1))
            {
                ids[at++] = id;
            }

            rows.AddRange(Enumerable.Range(b * width + prompt.Count - 1, completion.Count).Select(row => (long)row));
            targets.AddRange(completion.Select(id => (long)id));
        }

        var hidden = model.Hidden(tensor(ids).view(sequences.Count, width).to(model.Device))      // (B, T, C)
            .view(-1, model.Width)
            .index_select(0, tensor(rows.ToArray()).to(model.Device));                            // (N, C)
        var tokens = OfTargets(model, hidden, tensor(targets.ToArray()).to(model.Device));
        return new(tokens.MoveToOuterDisposeScope(), [.. sequences.Select(sequence => sequence.CompletionIds.Count)]);
    }

    /// <summary>Scores every response of some prompts, in order, with gradients where they are on.</summary>
    public static CompletionLogProbabilities Of(LanguageModel model, SharedPrompts prompts)
    {
        using var scope = NewDisposeScope();
        var hidden = model.Hidden(prompts).view(-1, model.Width).index_select(0, prompts.Predictors);   // (N, C)
        return new(OfTargets(model, hidden, prompts.Targets).MoveToOuterDisposeScope(), prompts.ResponseLengths);
    }

    /// <summary>Rows whose logits are made together.</summary>
    public static int RowsTogether(LanguageModel model) => Math.Max(1, LogitsTogether / model.VocabularySize);

    /// <summary>log p of given tokens from the hidden states before them.</summary>
    /// <param name="model">Whose head is used.</param>
    /// <param name="hidden">(N, C).</param>
    /// <param name="targets">(N) int64.</param>
    /// <returns>(N), at least Float32.</returns>
    public static Tensor OfTargets(LanguageModel model, Tensor hidden, Tensor targets)
    {
        using var scope = NewDisposeScope();
        var size = RowsTogether(model);
        List<Tensor> chunks = [];
        for (long start = 0; start < hidden.shape[0]; start += size)
        {
            var length = Math.Min(size, hidden.shape[0] - start);
            var logits = model.Logits(hidden.narrow(0, start, length));                           // (n, V)
            if (logits.dtype is ScalarType.BFloat16 or ScalarType.Float16)
            {
                logits = logits.to(ScalarType.Float32);
            }

            chunks.Add(-nn.functional.cross_entropy(logits, targets.narrow(0, start, length), reduction: nn.Reduction.None));
        }

        return cat([.. chunks]).MoveToOuterDisposeScope();
    }
}

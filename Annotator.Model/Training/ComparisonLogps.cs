using Annotator.Model.LanguageModels;
using TorchSharp;
using static TorchSharp.torch;

namespace Annotator.Model.Training;

/// <summary>log π(y|x) of every completion of some comparisons, in passes that compute each prompt once.</summary>
public static class ComparisonLogps
{
    /// <summary>Tokens of a pass: enough to keep the cores busy, and the most memory that a batch of any size needs.</summary>
    private const int TokensTogether = 2048;

    /// <summary>Neighbouring comparisons that go through the model together.</summary>
    /// <param name="comparisons">Any number.</param>
    /// <param name="count">Comparisons of a pass; 0: as many as have some 2,048 tokens together.</param>
    public static IEnumerable<IReadOnlyList<TokenComparison>> Passes(IEnumerable<TokenComparison> comparisons, int count = 0) =>
        count > 0 ? comparisons.Chunk(count) : Together(comparisons, comparison => comparison.Tokens, TokensTogether);

    /// <summary>The log-probabilities without gradients.</summary>
    /// <param name="model">The policy or the reference.</param>
    /// <param name="pass">With N completions in all.</param>
    /// <returns>Sums over completion tokens in nats, (N) in the comparisons' order.</returns>
    public static Tensor Of(LanguageModel model, IReadOnlyList<TokenComparison> pass)
    {
        using var scope = NewDisposeScope();
        using var noGradients = no_grad();
        return SequenceLogProbability.Of(model, Shared(model, pass)).Sums().MoveToOuterDisposeScope();
    }

    /// <summary>
    /// The log-probabilities, and the gradient of a loss of them, added to the parameters'. As the loss of one comparison asks
    /// for no other, its part of the head goes forward and straight back again: logits of a few comparisons are all
    /// that is ever kept, and nothing is computed twice (but for comparisons whose logits alone are too many).
    /// </summary>
    /// <param name="model">Its parameters require gradients.</param>
    /// <param name="pass">With N completions in all.</param>
    /// <param name="loss">A scalar from some of the comparisons and their log-probabilities; the total loss is the sum over all.</param>
    /// <param name="checkpointing">Keep each block's input alone, and compute the rest anew for the gradient.</param>
    /// <param name="rows">Completion tokens whose logits are made together; 0: as many as fit in 64 MB.</param>
    /// <returns>Sums over completion tokens in nats, (N) in the comparisons' order, without gradients.</returns>
    public static Tensor Learn(LanguageModel model, IReadOnlyList<TokenComparison> pass, Func<IReadOnlyList<TokenComparison>, Tensor, Tensor> loss, bool checkpointing = false, int rows = 0)
    {
        rows = rows > 0 ? rows : SequenceLogProbability.RowsTogether(model);
        using var scope = NewDisposeScope();
        var prompts = Shared(model, pass);
        var (hidden, backward) = model.HiddenToLearn(prompts, checkpointing);                     // (1, T, C)
        var seen = hidden.view(-1, model.Width).index_select(0, prompts.Predictors).requires_grad_();   // (N tokens, C)
        List<Tensor> logps = [];
        var start = 0L;
        foreach (var some in Together(pass, CompletionTokens, rows))
        {
            var count = some.Sum(CompletionTokens);
            logps.Add(Learn(model, some, seen.narrow(0, start, count), prompts.Targets.narrow(0, start, count), loss, rows));
            start += count;
        }

        backward(zeros_like(hidden).view(-1, model.Width).index_add_(0, prompts.Predictors, seen.grad!, 1).view(hidden.shape));
        return cat([.. logps]).MoveToOuterDisposeScope();
    }

    private static Tensor Learn(LanguageModel model, IReadOnlyList<TokenComparison> some, Tensor hidden, Tensor targets, Func<IReadOnlyList<TokenComparison>, Tensor, Tensor> loss, int rows)
    {
        using var scope = NewDisposeScope();
        int[] lengths = [.. some.SelectMany(comparison => comparison.Completions).Select(completion => completion.Length)];
        if (targets.shape[0] <= rows)
        {
            var logps = Sums(SequenceLogProbability.OfTargets(model, hidden, targets));
            loss(some, logps).backward();
            return logps.detach().MoveToOuterDisposeScope();
        }

        // Too many logits to keep: once for the loss, and once more, a part at a time, for the gradient.
        Tensor whole;
        using (no_grad())
            whole = Sums(SequenceLogProbability.OfTargets(model, hidden, targets));
        whole.requires_grad_();
        loss(some, whole).backward();
        var factors = whole.grad!.repeat_interleave(tensor(lengths, ScalarType.Int64, whole.device));
        for (var start = 0L; start < targets.shape[0]; start += rows)
        {
            using var part = NewDisposeScope();
            var count = Math.Min(rows, targets.shape[0] - start);
            var tokens = SequenceLogProbability.OfTargets(model, hidden.narrow(0, start, count), targets.narrow(0, start, count));
            (tokens * factors.narrow(0, start, count)).sum().backward();
        }

        return whole.detach().MoveToOuterDisposeScope();

        Tensor Sums(Tensor tokens) => new CompletionLogProbabilities(tokens, lengths).Sums();
    }

    private static SharedPrompts Shared(LanguageModel model, IReadOnlyList<TokenComparison> pass) =>
        new(model, [.. pass.Select(comparison => ((IReadOnlyList<int>)comparison.Prompt, comparison.Completions))]);

    private static int CompletionTokens(TokenComparison comparison) => comparison.Completions.Sum(completion => completion.Length);

    /// <summary>Neighbours whose sizes add up to no more than a limit, or one alone.</summary>
    private static IEnumerable<IReadOnlyList<TokenComparison>> Together(IEnumerable<TokenComparison> comparisons, Func<TokenComparison, int> sizeOf, int limit)
    {
        List<TokenComparison> together = [];
        var size = 0;
        foreach (var comparison in comparisons)
        {
            if (together.Count > 0 && size + sizeOf(comparison) > limit)
            {
                yield return together;
                (together, size) = ([], 0);
            }

            together.Add(comparison);
            size += sizeOf(comparison);
        }

        if (together.Count > 0)
            yield return together;
    }
}

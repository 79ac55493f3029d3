using Annotator.Model.Checkpoints;
using Annotator.Model.Evaluation;
using Annotator.Model.Preferences;
using Annotator.Model.Sampling;
using Annotator.Model.Training;

namespace Annotator.Model.Experiments;

/// <summary>A prompt of an experiment: the opening of a review.</summary>
public sealed record Opening(string Text, IReadOnlyList<int> TokenIds);

/// <summary>Openings to learn from and others to measure on.</summary>
public sealed record Openings(IReadOnlyList<Opening> Train, IReadOnlyList<Opening> HeldOut)
{
    private sealed record PromptLine(string Text);

    /// <summary>The first 2–8 words of reviews that neither the policy nor the scorer was trained on.</summary>
    /// <param name="corpus">Null for the embedded starter prompts, of which there are two hundred.</param>
    /// <param name="policy">Its tokenizer reads them.</param>
    /// <param name="train">How many to learn from; fewer where there are not enough.</param>
    /// <param name="heldOut">How many to measure on, taken first.</param>
    /// <param name="seed">Which of them.</param>
    public static Openings Read(Corpus? corpus, Policy policy, int train, int heldOut, int seed)
    {
        var tokenizer = policy.RequireTokenizer();
        var sources = corpus is null
            ? [.. JsonLines.Read<PromptLine>(EmbeddedData.Prompts).Select(line => line.Text)]
            : corpus.Test.Select(review => review.Text).ToList();
        var chosen = DataOrder.Batch(sources.Count, sources.Count, seed, step: 0)
            .Select(index => corpus is null ? sources[index] : ShortTake.From(sources[index], index, completion => tokenizer.Encode(completion).Count)?.Prompt)
            .OfType<string>().Distinct(StringComparer.Ordinal).Take(train + heldOut)
            .Select(text => new Opening(text, tokenizer.EncodePrompt(text))).ToList();

        // Where there are too few, both get their share.
        var measured = Math.Max(1, Math.Min(heldOut, (int)((long)chosen.Count * heldOut / (train + heldOut))));
        return new(chosen[measured..], chosen[..measured]);
    }
}

using TorchSharp;
using static TorchSharp.torch;

namespace Annotator.Model.LanguageModels;

/// <summary>
/// Prompts, each with several responses, as one row of tokens without padding: x₁ y₁₁ y₁₂ x₂ y₂₁ …. A prompt stands there,
/// and is computed, once for all its responses: each response counts its positions on from the prompt and attends to
/// the prompt and to itself alone. The last token of a response is left out, as it is only ever predicted.
/// </summary>
public sealed class SharedPrompts
{
    private readonly long[] _lengths;                                                             // of each prompt with its responses
    private readonly Tensor[] _masks;                                                             // (1, 1, T, T) each

    /// <param name="model">Gives device, type and limits.</param>
    /// <param name="groups">Prompts of at least one token with responses of at least one token each.</param>
    /// <exception cref="ArgumentException">A prompt or response is empty, too long for the context, or holds a token id beyond the vocabulary.</exception>
    public SharedPrompts(LanguageModel model, IReadOnlyList<(IReadOnlyList<int> Prompt, IReadOnlyList<int[]> Responses)> groups)
    {
        List<long> ids = [], positions = [], predictors = [], targets = [];
        foreach (var (prompt, responses) in groups)
        {
            Check(model, prompt, responses);
            var promptEnd = ids.Count + prompt.Count - 1L;
            Stand(prompt, from: 0);
            foreach (var response in responses)
            {
                predictors.Add(promptEnd);
                predictors.AddRange(Enumerable.Range(ids.Count, response.Length - 1).Select(row => (long)row));
                targets.AddRange(response.Select(id => (long)id));
                Stand(response.AsSpan()[..^1].ToArray(), from: prompt.Count);
            }
        }

        ResponseLengths = [.. groups.SelectMany(group => group.Responses).Select(response => response.Length)];
        _lengths = [.. groups.Select(group => LengthOf(group.Prompt.Count, group.Responses))];
        _masks = [.. groups.Select(group => Mask(model, group.Prompt.Count, group.Responses))];
        Ids = tensor(ids, ScalarType.Int64, model.Device).unsqueeze(0);
        Positions = tensor(positions, ScalarType.Int64, model.Device).unsqueeze(0);
        Predictors = tensor(predictors, ScalarType.Int64, model.Device);
        Targets = tensor(targets, ScalarType.Int64, model.Device);

        void Stand(IReadOnlyCollection<int> tokens, int from)
        {
            ids.AddRange(tokens.Select(id => (long)id));
            positions.AddRange(Enumerable.Range(from, tokens.Count).Select(position => (long)position));
        }
    }

    /// <summary>Tokens of a prompt with its responses, as they stand in the row.</summary>
    public static int LengthOf(int prompt, IEnumerable<int[]> responses) => prompt + responses.Sum(response => response.Length - 1);

    /// <summary>(1, T) int64.</summary>
    public Tensor Ids { get; }

    /// <summary>Of each token in its own text, (1, T) int64.</summary>
    public Tensor Positions { get; }

    /// <summary>For each token of each response, in order, where the token before it stands in the row: (N) int64.</summary>
    public Tensor Predictors { get; }

    /// <summary>The tokens of each response, in order: (N) int64.</summary>
    public Tensor Targets { get; }

    /// <summary>Tokens of each response, in order; they add up to N.</summary>
    public IReadOnlyList<int> ResponseLengths { get; }

    /// <summary>Attention of one layer, prompt by prompt. Parameters and result as of <see cref="Attention.Attend"/>, with one row.</summary>
    internal Tensor Attend(Tensor query, Tensor key, Tensor value, double dropout)
    {
        // Splitting has a cheap gradient (a concatenation), a slice of a slice has not (zeros for the whole row, every time).
        var (queries, keys, values) = (query.split(_lengths, 2), key.split(_lengths, 2), value.split(_lengths, 2));
        var attended = Enumerable.Range(0, _masks.Length).Select(i =>
            nn.functional.scaled_dot_product_attention(queries[i], keys[i], values[i], _masks[i], dropout)
                .transpose(1, 2));                                                                // (1, Tᵢ, heads, d)
        return cat([.. attended], 1).flatten(2);                                                  // (1, T, heads · d)
    }

    /// <summary>Added to the scores: 0 for a token's own text up to itself, −∞ for the rest.</summary>
    private static Tensor Mask(LanguageModel model, int prompt, IReadOnlyList<int[]> responses)
    {
        var length = LengthOf(prompt, responses);
        var seen = ones(length, length, ScalarType.Bool, model.Device).tril();
        var start = (long)prompt;
        foreach (var response in responses)
        {
            if (start > prompt && response.Length > 1)
                seen.narrow(0, start, response.Length - 1).narrow(1, prompt, start - prompt).fill_(false);
            start += response.Length - 1;
        }

        return zeros([length, length], model.Dtype, model.Device).masked_fill_(seen.logical_not(), double.NegativeInfinity).view(1, 1, length, length);
    }

    private static void Check(LanguageModel model, IReadOnlyList<int> prompt, IReadOnlyList<int[]> responses)
    {
        if (prompt.Count == 0)
            throw new ArgumentException("The prompt has no tokens, so nothing precedes the completion's first one.", nameof(prompt));
        if (responses.Any(response => response.Length == 0))
            throw new ArgumentException("The completion has no tokens.", nameof(responses));
        if (responses.Max(response => response.Length) is var longest && prompt.Count + longest > model.ContextLength)
            throw new ArgumentException($"Prompt and completion have {prompt.Count + longest} tokens, more than the model's context of {model.ContextLength}.", nameof(responses));
        if (responses.Append(prompt).Any(tokens => tokens.Any(id => id < 0 || id >= model.VocabularySize)))
            throw new ArgumentException($"A token id is outside the vocabulary (0 to {model.VocabularySize - 1}).", nameof(prompt));
    }
}

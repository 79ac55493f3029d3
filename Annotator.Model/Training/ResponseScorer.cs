using Annotator.Model.Checkpoints;
using Annotator.Model.Sampling;

namespace Annotator.Model.Training;

/// <summary>A prompt with a response to it, as a scorer sees it. Texts are empty where the policy has no tokenizer.</summary>
public sealed record PromptedResponse(IReadOnlyList<int> PromptIds, string Prompt, IReadOnlyList<int> ResponseIds, string Response)
{
    /// <summary>Both in tokens.</summary>
    public TokenSequence Sequence => new(PromptIds, ResponseIds);

    /// <summary>Both in text, one after the other.</summary>
    public string Text => Prompt + Response;

    /// <summary>A response just sampled.</summary>
    /// <param name="policy">Whose tokenizer reads the prompt.</param>
    /// <param name="promptIds">What was continued.</param>
    /// <param name="response">The response.</param>
    public static PromptedResponse Of(Policy policy, IReadOnlyList<int> promptIds, SampledResponse response) =>
        new(promptIds, policy.Tokenizer?.Decode(promptIds) ?? "", response.TokenIds, response.Text);
}

/// <summary>r(x, y) of some responses, in their order: a reward model, or a rule that is known to be the truth.</summary>
public delegate IReadOnlyList<double> ResponseScorer(IReadOnlyList<PromptedResponse> responses);

/// <summary>A scorer with the reward model that it asks, if there is one: disposed with it.</summary>
/// <param name="Score">r(x, y).</param>
/// <param name="Model">Null where a rule scores.</param>
public sealed record OpenScorer(ResponseScorer Score, RewardModel? Model) : IDisposable
{
    /// <summary>Takes a reward model over.</summary>
    /// <exception cref="PolicyException">It has another number of tokens than the policy; it is disposed then.</exception>
    public static OpenScorer ByRewardModel(RewardModel model, Policy policy, CancellationToken cancellation = default)
    {
        try
        {
            return new(ResponseScorers.ByRewardModel(model, policy, cancellation), model);
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    public void Dispose() => Model?.Dispose();
}

/// <summary>Scorers of the usual kinds.</summary>
public static class ResponseScorers
{
    /// <summary>Scores token ids by a reward model, which must share the policy's vocabulary.</summary>
    /// <exception cref="PolicyException">It has another number of tokens than the policy.</exception>
    public static ResponseScorer ByRewardModel(RewardModel reward, Policy policy, CancellationToken cancellation = default) =>
        reward.Model.VocabularySize == policy.Model.VocabularySize
            ? responses => reward.Score([.. responses.Select(response => response.Sequence)], cancellation)
            : throw new PolicyException($"The reward model {reward.Directory} has a vocabulary of {reward.Model.VocabularySize} tokens, the policy {policy.Directory} one of {policy.Model.VocabularySize}: they must be of one family.");

    /// <summary>Scores the text of prompt and response by a function.</summary>
    public static ResponseScorer ByText(Func<string, double> score) => responses => [.. responses.Select(response => score(response.Text))];
}

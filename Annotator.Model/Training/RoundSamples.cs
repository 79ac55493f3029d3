using Annotator.Model.Checkpoints;
using Annotator.Model.Evaluation;
using Annotator.Model.LanguageModels;
using Annotator.Model.Preferences;
using Annotator.Model.Sampling;
using Annotator.Model.Tokenization;

namespace Annotator.Model.Training;

/// <summary>
/// Fresh samples of a round on prompts it never trains on: those of <c>prompts.jsonl</c>, else of the comparisons it measures
/// on, else of those it trains on. Drawn before the first update and after the last, they show what has changed, and the
/// latter estimate the policy's KL to the reference.
/// </summary>
internal sealed class RoundSamples
{
    /// <summary>Responses drawn: enough for a standard error of a nat or less on a small policy, seconds of work.</summary>
    private const int Wanted = 64;

    /// <summary>Prompts whose responses are kept to be read.</summary>
    private const int Kept = 8;

    private const int MostTokens = 64;
    private const int FewestTokens = 8;
    private const long Seed = 1;

    private readonly Policy _policy;
    private readonly IReadOnlyList<IReadOnlyList<int>> _prompts;
    private readonly int _tokens;
    private IReadOnlyList<SampledResponse> _before = [];

    private RoundSamples(Policy policy, IReadOnlyList<IReadOnlyList<int>> prompts) =>
        (_policy, _prompts, _tokens) = (policy, prompts, Math.Min(MostTokens, policy.Model.ContextLength - prompts.Max(prompt => prompt.Count)));

    /// <summary>Chooses the prompts; null where none leaves room for a response.</summary>
    public static RoundSamples? Of(Policy policy, RoundData data, RoundDirectory directory, RoundOptions options)
    {
        var prompts = (File.Exists(directory.Prompts) ? Read(directory.Prompts, policy, options) : (data.Eval.Count > 0 ? data.Eval : data.Train).Select(one => (IReadOnlyList<int>)one.Prompt))
            .Where(prompt => prompt.Count > 0 && prompt.Count + FewestTokens <= policy.Model.ContextLength)
            .DistinctBy(prompt => string.Join(' ', prompt)).Take(Wanted).ToList();
        return prompts.Count == 0 ? null : new(policy, prompts);
    }

    /// <summary>Draws from the policy as it is now, before the first update.</summary>
    public void DrawBefore(CancellationToken cancellation) =>
        _before = [.. Sampler.SampleEach(_policy, Each, new() { MaxTokens = _tokens, Seed = Seed }, cancellation)];

    /// <summary>Draws from the trained policy, and measures how far it has gone.</summary>
    /// <returns>The measures, and the mean length before the round, in tokens.</returns>
    public (SampleMeasures After, double LengthBefore) DrawAfter(LanguageModel reference, RoundDirectory directory, CancellationToken cancellation)
    {
        var each = Each;
        var after = PolicyEvaluation.Sample(_policy, reference, each, 1, _tokens, Seed, scorer: null, cancellation);
        if (_policy.Tokenizer is not null)
        {
            var perPrompt = each.Count / _prompts.Count;
            JsonLines.Write(directory.Samples, Enumerable.Range(0, Math.Min(Kept, _prompts.Count)).Select(i => new RoundSampleLine
            {
                Prompt = after.Responses[i * perPrompt].Prompt,
                Before = _before[i * perPrompt].Text,
                After = after.Responses[i * perPrompt].Response,
            }));
        }

        return (after, _before.Average(response => response.TokenIds.Count));
    }

    /// <summary>A few prompts are drawn from several times each.</summary>
    private List<IReadOnlyList<int>> Each =>
        [.. _prompts.SelectMany(prompt => Enumerable.Repeat(prompt, Wanted / _prompts.Count))];

    private static IEnumerable<IReadOnlyList<int>> Read(string path, Policy policy, RoundOptions options)
    {
        var chat = new Lazy<ChatTemplate>(() => ChatTemplate.Choose(options.ChatTemplate, policy.Directory));
        return JsonLines.Read<RoundPromptLine>(path).Select(line => line.Prompt.Messages is { } messages
            ? [.. chat.Value.Prompt(messages, policy.RequireTokenizer()).TokenIds]
            : (IReadOnlyList<int>)[.. policy.RequireTokenizer().EncodePrompt(line.Prompt.Text!)]);
    }
}

using Annotator.Model.Checkpoints;
using Annotator.Model.Preferences;
using Annotator.Model.Tokenization;

namespace Annotator.Model.Training;

/// <summary>The comparisons of a round, tokenised, with what was left out and why.</summary>
public sealed record RoundData(
    IReadOnlyList<TokenComparison> Train,
    IReadOnlyList<TokenComparison> Eval,
    IReadOnlyDictionary<string, int> Dropped)
{
    /// <summary>Completions to train on whose end was cut at max_length.</summary>
    public int Cut => Train.Sum(comparison => comparison.Cut);

    /// <summary>Reads preferences.jsonl, or a trl dataset, as the policy sees it.</summary>
    /// <exception cref="JsonLineException">A line is not a preference, or can't be put before this policy.</exception>
    public static RoundData Read(string preferences, Policy policy, RoundOptions options)
    {
        var limits = TokenLimits.Of(options, policy.Model.ContextLength);
        var chat = new Lazy<ChatTemplate>(() => ChatTemplate.Choose(options.ChatTemplate, policy.Directory));
        var train = new List<TokenComparison>();
        var eval = new List<TokenComparison>();
        var dropped = new SortedDictionary<string, int>(StringComparer.Ordinal);
        foreach (var (number, line) in PreferenceFile.ReadNumbered(preferences))
        {
            try
            {
                var (comparison, reason) = Tokenise(line, policy, limits, chat);
                if (comparison is null)
                    dropped[reason!] = dropped.GetValueOrDefault(reason!) + 1;
                else
                    (line.Split == PreferenceSplit.Train ? train : eval).Add(comparison);
            }
            catch (FormatException refused)
            {
                throw new JsonLineException(preferences, number, refused.Message, refused);
            }
        }
        return new RoundData(train, eval, dropped);
    }

    /// <summary>
    /// Where nothing is held out: moves a share of the prompts, each with all its comparisons, to <see cref="Eval"/>, so
    /// that what is measured on was not seen in another comparison.
    /// </summary>
    /// <param name="share">Of the prompts, rounded; 0 leaves all.</param>
    /// <param name="seed">Of the choice.</param>
    public RoundData HoldOut(double share, int seed)
    {
        if (Eval.Count > 0)
            return this;
        var prompts = Train.GroupBy(comparison => string.Join(' ', comparison.Prompt)).ToList();
        var heldOut = DataOrder.Batch(prompts.Count, prompts.Count, seed, step: 0)[..(int)Math.Round(share * prompts.Count)].SelectMany(index => prompts[index]).ToHashSet();
        return this with { Train = [.. Train.Where(one => !heldOut.Contains(one))], Eval = [.. Train.Where(heldOut.Contains)] };
    }

    /// <summary>One line's token ids, or the reason why it can't be trained on.</summary>
    /// <exception cref="FormatException">The line needs something the policy has not: an end token, a token id, a chat template.</exception>
    internal static (TokenComparison? Comparison, string? Dropped) Tokenise(PreferenceLine line, Policy policy, TokenLimits limits, Lazy<ChatTemplate> chat)
    {
        if (line.Ranking.IsAllTied)
            return (null, "tied");
        var prompt = PromptIds(line, policy, chat);
        if (prompt.Length == 0)
            return (null, "empty prompt");
        if (prompt.Length > limits.Prompt)
            return (null, $"prompt longer than {limits.Prompt} tokens");

        // Indices move up where completions stand in the file that nobody ranked.
        var ranked = line.Ranking.Tiers.SelectMany(tier => tier).Order().ToList();
        var ranking = new Ranking(line.Ranking.Tiers.Select(tier => tier.Select(index => ranked.IndexOf(index))));
        var whole = ranked.Select(index => CompletionIds(line, line.Completions[index], policy, chat)).ToList();
        if (whole.Any(completion => completion.Length == 0))
            return (null, "empty completion");
        if (AnyEqual(whole, ranking))
            return (null, "identical");
        var cut = whole.Select(completion => completion[..Math.Min(completion.Length, limits.Whole - prompt.Length)]).ToList();
        if (AnyEqual(cut, ranking))
            return (null, "identical after truncation");

        return (new TokenComparison
        {
            Id = line.Id,
            Prompt = prompt,
            Completions = cut,
            Ranking = ranking,
            Weight = line.Weight,
            Cut = cut.Zip(whole).Count(pair => pair.First.Length < pair.Second.Length),
            Given = [.. line.Completions.Select((completion, index) => line.PromptTokenIds is not null && completion.TokenIds is not null
                && ranked.IndexOf(index) is >= 0 and var place && cut[place].Length == whole[place].Length ? place : (int?)null)],
            // A given log-probability is that of the given ids, whole.
            ReferenceLogps = [.. ranked.Select((index, i) => line.Completions[index] is { TokenIds: not null } given && cut[i].Length == whole[i].Length ? given.ReferenceLogp : null)],
        }, null);
    }

    private static int[] PromptIds(PreferenceLine line, Policy policy, Lazy<ChatTemplate> chat)
    {
        if (line.PromptTokenIds is { } ids)
            return Checked(ids, line, policy);
        if (line.Prompt.Text is { } text)
            return [.. policy.RequireTokenizer().EncodePrompt(text)];
        return [.. TemplateOf(line, chat).Prompt(line.Prompt.Messages!, policy.RequireTokenizer()).TokenIds];
    }

    /// <summary>Sampled ids as they are; text apart from its prompt (together, tokens would merge across the boundary) and ended.</summary>
    private static int[] CompletionIds(PreferenceLine line, PreferenceCompletion completion, Policy policy, Lazy<ChatTemplate> chat)
    {
        if (completion.TokenIds is { } ids)
            return Checked(ids, line, policy);
        if (completion.Text.Length == 0)
            return [];
        if (line.Prompt.Messages is not null)
            return [.. TemplateOf(line, chat).Answer(completion.Text, policy.RequireTokenizer())];
        var end = policy.EndOfTextId ?? throw new FormatException($"{line.Id} has a completion without token_ids, and the policy has no end token to put after its text.");
        return [.. policy.RequireTokenizer().EncodeContinuation(completion.Text), end];
    }

    private static ChatTemplate TemplateOf(PreferenceLine line, Lazy<ChatTemplate> chat)
    {
        try
        {
            return chat.Value;
        }
        catch (FormatException e)
        {
            throw new FormatException($"the prompt of {line.Id} is a chat without token ids, and {e.Message}, as chat_template of options.json.", e);
        }
    }

    private static int[] Checked(IReadOnlyList<int> ids, PreferenceLine line, Policy policy)
    {
        foreach (var id in ids)
        {
            if (id < 0 || id >= policy.Model.VocabularySize)
                throw new FormatException($"{line.Id} holds token id {id}, but the policy's vocabulary has {policy.Model.VocabularySize} tokens. Were its responses sampled from another policy?");
        }
        return [.. ids];
    }

    private static bool AnyEqual(List<int[]> completions, Ranking ranking) =>
        ranking.Pairs().Any(pair => completions[pair.Better].AsSpan().SequenceEqual(completions[pair.Worse]));
}

/// <summary>How many tokens a prompt, and a prompt with its completion, may have.</summary>
public readonly record struct TokenLimits(int Prompt, int Whole)
{
    /// <summary>The options', else the model's context and half of it.</summary>
    /// <exception cref="FormatException">max_length is more than the model can attend to, or the prompt leaves no room.</exception>
    public static TokenLimits Of(RoundOptions options, int contextLength)
    {
        var whole = options.MaxLength ?? contextLength;
        if (whole > contextLength)
            throw new FormatException($"max_length is {whole}, but the policy's context has {contextLength} tokens. Set it to {contextLength} or leave it out.");
        var prompt = options.MaxPromptLength ?? whole / 2;
        return prompt < whole
            ? new TokenLimits(prompt, whole)
            : throw new FormatException($"max_prompt_length is {prompt}: it must be below max_length, {whole}.");
    }
}

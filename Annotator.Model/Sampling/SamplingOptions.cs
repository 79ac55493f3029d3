namespace Annotator.Model.Sampling;

/// <summary>
/// How a response is drawn from a policy. The order is that of transformers (<c>_get_logits_processor</c> of
/// generation/utils.py): repetition penalty, temperature, top-k, top-p on what top-k left, min-p.
/// </summary>
/// <remarks>
/// vLLM's sampler cuts with min-p before top-k and top-p. Each cut keeps a beginning of the same ranking, so the two
/// orders differ only where top-p and min-p meet: vLLM's top-p then takes its share of what min-p left.
/// </remarks>
public sealed record SamplingOptions
{
    /// <summary>More stop strings than this in one request are refused.</summary>
    public const int MaxStopStrings = 16;

    /// <summary>Longer stop strings (in UTF-16 units) are refused.</summary>
    public const int MaxStopLength = 200;

    /// <summary>The logits are divided by this; 0 takes the most probable token each time (greedy). In [0, 2].</summary>
    public double Temperature { get; init; } = 1;

    /// <summary>The smallest set of most probable tokens whose mass reaches this is kept; 1 keeps all. In (0, 1].</summary>
    public double TopP { get; init; } = 1;

    /// <summary>Only this many most probable tokens are kept (of equals the lower ids); 0 keeps all.</summary>
    public int TopK { get; init; }

    /// <summary>Tokens at least this many times as probable as the most probable one are kept; 0 keeps all. In [0, 1].</summary>
    public double MinP { get; init; }

    /// <summary>
    /// Logits of the tokens that prompt and response hold already are divided by this where positive and multiplied where
    /// negative (Keskar et al. 2019, section 4.1, as in transformers and vLLM); 1 is none. Bears on greedy too. In [0.1, 10].
    /// </summary>
    public double RepetitionPenalty { get; init; } = 1;

    /// <summary>The response ends here with <c>length</c> unless it ended before. In tokens, the end token counted.</summary>
    public int MaxTokens { get; init; } = 64;

    /// <summary>Together with the response's index among the n of its prompt it fixes the stream of random numbers.</summary>
    public long Seed { get; init; }

    /// <summary>The response ends before the first of these in its text; its token ids keep what was sampled.</summary>
    public IReadOnlyList<string> Stop { get; init; } = [];

    /// <summary>The first thing wrong with these options, by the name that the API and the command line share; null if nothing is.</summary>
    public OptionFault? Fault() => this switch
    {
        { Temperature: not (>= 0 and <= 2) } => new("temperature", $"temperature must be in [0, 2]; it is {Temperature}."),
        { TopP: not (> 0 and <= 1) } => new("top_p", $"top_p must be in (0, 1]; it is {TopP}."),
        { TopK: < 0 } => new("top_k", $"top_k must be 0 (off) or more; it is {TopK}."),
        { MinP: not (>= 0 and <= 1) } => new("min_p", $"min_p must be in [0, 1]; it is {MinP}."),
        { RepetitionPenalty: not (>= 0.1 and <= 10) } => new("repetition_penalty", $"repetition_penalty must be in [0.1, 10]; it is {RepetitionPenalty}."),
        { MaxTokens: < 1 } => new("max_tokens", $"max_tokens must be at least 1; it is {MaxTokens}."),
        { Stop.Count: > MaxStopStrings } => new("stop", $"stop may hold at most {MaxStopStrings} strings; it holds {Stop.Count}."),
        _ when Stop.Any(string.IsNullOrEmpty) => new("stop", "stop may not hold an empty string."),
        _ when Stop.Any(text => text.Length > MaxStopLength) => new("stop", $"A stop string may have at most {MaxStopLength} characters."),
        _ => null,
    };
}

/// <summary>An option that can't be used: its name and one sentence that says why.</summary>
public sealed record OptionFault(string Name, string Message);

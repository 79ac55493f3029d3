using System.Runtime.InteropServices;
using Annotator.Model.Tokenization;

namespace Annotator.Model.Sampling;

/// <summary>Why a response ended, as OpenAI's API spells it.</summary>
public static class FinishReasons
{
    /// <summary>A token that ends texts or turns was sampled, or a stop string came.</summary>
    public const string Stop = "stop";

    /// <summary>max_tokens were sampled.</summary>
    public const string Length = "length";
}

/// <summary>One sampled token and what it adds to its response.</summary>
/// <param name="Id">The token.</param>
/// <param name="LogProbability">log p under temperature 1 without truncation or penalty, in nats.</param>
/// <param name="Text">What is now certain to belong to the response's text; lags behind within a character or a possible stop string.</param>
/// <param name="TextOffset">Where the token's own text begins, in UTF-16 units of the response's text.</param>
/// <param name="MostProbable">The most probable tokens at this place, best first; empty unless asked for.</param>
/// <param name="FinishReason">Set on the last token of a response.</param>
public sealed record SampledToken(
    int Id, double LogProbability, string Text, int TextOffset, IReadOnlyList<ChosenToken> MostProbable, string? FinishReason);

/// <summary>A response as it is being sampled: one row of a batch. Plain data; knows no tensor.</summary>
public sealed class ResponseInProgress
{
    private readonly SamplingOptions _options;
    private readonly RandomNumbers _random;
    private readonly TextTokenizer? _tokenizer;
    private readonly StreamingDecoder? _decoder;
    private readonly StopStrings _stop;
    private readonly IReadOnlyList<int> _endIds;
    private readonly int _mostProbable;
    private readonly List<int> _seen;
    private int _decoded;
    private ChosenToken _drawn;
    private IReadOnlyList<ChosenToken> _best = [];

    /// <param name="promptTokenIds">At least one. Rows that hold the same list share one prefill.</param>
    /// <param name="index">Among the n responses of this prompt.</param>
    /// <param name="options">Without fault.</param>
    /// <param name="tokenizer">Null leaves the text empty.</param>
    /// <param name="endIds">The tokens that end a response.</param>
    /// <param name="mostProbable">How many of the most probable tokens to report at each place.</param>
    /// <param name="cancelled">Takes the row out of its batch.</param>
    public ResponseInProgress(
        IReadOnlyList<int> promptTokenIds,
        int index,
        SamplingOptions options,
        TextTokenizer? tokenizer,
        IReadOnlyList<int> endIds,
        int mostProbable = 0,
        CancellationToken cancelled = default)
    {
        PromptTokenIds = promptTokenIds;
        Cancelled = cancelled;
        _options = options;
        _random = new RandomNumbers(options.Seed, index);
        _tokenizer = tokenizer;
        _decoder = tokenizer is null ? null : new StreamingDecoder(tokenizer);
        _stop = new StopStrings(options.Stop);
        _endIds = endIds;
        _mostProbable = mostProbable;
        _seen = options.RepetitionPenalty == 1 ? [] : [.. promptTokenIds];
    }

    /// <summary>What is continued.</summary>
    public IReadOnlyList<int> PromptTokenIds { get; }

    /// <summary>Takes the row out of its batch.</summary>
    public CancellationToken Cancelled { get; }

    /// <summary>Tokens sampled so far.</summary>
    public int Length { get; private set; }

    /// <summary>The token that was sampled last.</summary>
    public int LastTokenId { get; private set; }

    /// <summary>Nothing is to be sampled any more.</summary>
    public bool IsOver { get; private set; }

    /// <summary>Draws the next token, which <see cref="Continue"/> then adds. Of a batch, any thread may draw for any row.</summary>
    /// <param name="logits">(V), of the place after the last token.</param>
    /// <exception cref="NotFiniteNumberException">A logit is NaN or +∞, or all are −∞.</exception>
    public void Draw(ReadOnlySpan<float> logits)
    {
        _drawn = NextToken.Choose(logits, _options, _random.NextUniform(), CollectionsMarshal.AsSpan(_seen));
        _best = _mostProbable == 0 ? [] : NextToken.MostProbable(logits, _mostProbable);
    }

    /// <summary>Adds the token that was drawn.</summary>
    public SampledToken Continue()
    {
        var chosen = _drawn;
        Length++;
        LastTokenId = chosen.Id;
        if (_options.RepetitionPenalty != 1)
            _seen.Add(chosen.Id);

        var offset = _decoded;
        var ended = _endIds.Contains(chosen.Id);
        var text = ended ? "" : Decode(chosen.Id);
        var finish = ended || _stop.Reached ? FinishReasons.Stop : Length == _options.MaxTokens ? FinishReasons.Length : null;
        IsOver = finish is not null;
        if (IsOver && _decoder is not null)
            text += _stop.Push(_decoder.Flush()) + _stop.Flush();
        return new(chosen.Id, chosen.LogProbability, text, offset, _best, finish);
    }

    /// <summary>Ends the response without a finish reason: whoever asked for it has gone.</summary>
    public void Abandon() => IsOver = true;

    private string Decode(int id)
    {
        // Some models pad their vocabulary beyond the tokenizer's: such an id has no text.
        if (_decoder is null || id >= _tokenizer!.VocabularySize)
            return "";
        var text = _decoder.Append(id);
        _decoded += text.Length;
        return _stop.Push(text);
    }
}

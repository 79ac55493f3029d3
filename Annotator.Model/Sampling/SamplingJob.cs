using System.Diagnostics;
using System.Threading.Channels;
using Annotator.Model.Checkpoints;
using Annotator.Model.Preferences;
using Annotator.Model.Tokenization;

namespace Annotator.Model.Sampling;

/// <summary>A token for the response at <paramref name="Choice"/> (prompt · n + index) of a job.</summary>
internal readonly record struct JobToken(int Choice, SampledToken Token);

/// <summary>A chat to be continued by the assistant.</summary>
/// <param name="Messages">At least one.</param>
/// <param name="Template">How it becomes a prompt; null leaves that to the policy's files.</param>
/// <param name="FallbackTemplate">Taken where the policy's files name none that is known; null asks the caller for one.</param>
internal sealed record ChatPrompt(IReadOnlyList<ChatMessage> Messages, ChatTemplate? Template, ChatTemplate? FallbackTemplate);

/// <summary>
/// A completion request on its way: checked by the HTTP side, sampled on the torch thread, read back as its tokens come.
/// </summary>
internal sealed class SamplingJob
{
    private readonly long _arrived = Stopwatch.GetTimestamp();
    private readonly Dictionary<int, long> _lastToken = [];  // when each choice got its last one
    private int _begun;  // responses
    private readonly Channel<JobToken> _tokens = Channel.CreateUnbounded<JobToken>(new() { SingleReader = true, SingleWriter = true });

    /// <summary>The policy's directory name.</summary>
    public required string Policy { get; init; }

    /// <summary>What is to be continued; none if it is a chat.</summary>
    public IReadOnlyList<CompletionPrompt> Prompts { get; init; } = [];

    /// <summary>The chat to be continued, or null.</summary>
    public ChatPrompt? Chat { get; init; }

    /// <summary>Responses for each prompt.</summary>
    public required int N { get; init; }

    /// <summary>Without fault.</summary>
    public required SamplingOptions Options { get; init; }

    /// <summary>Responses may take all that the policy's context leaves; <see cref="SamplingOptions.MaxTokens"/> says nothing then.</summary>
    public bool FillsContext { get; init; }

    /// <summary>How many of the most probable tokens to report at each place.</summary>
    public int MostProbable { get; init; }

    /// <summary>The client has gone.</summary>
    public CancellationToken Cancelled { get; init; }

    /// <summary>Told of what is computed for the job; null for nobody.</summary>
    public ServingMetrics? Metrics { get; set; }

    /// <summary>Rows that it takes in a batch.</summary>
    public int Rows => (Chat is null ? Prompts.Count : 1) * N;

    /// <summary>Set before the first token comes.</summary>
    public IReadOnlyList<IReadOnlyList<int>> PromptTokenIds { get; private set; } = [];

    /// <summary>The policy's, for the texts of single tokens; set before the first token comes, null if it has none.</summary>
    public TextTokenizer? Tokenizer { get; private set; }

    /// <summary>What is sampled, in the order in which it comes; throws what the job failed with.</summary>
    public IAsyncEnumerable<JobToken> Tokens(CancellationToken cancellationToken) => _tokens.Reader.ReadAllAsync(cancellationToken);

    /// <summary>How a token reads; what is not UTF-8 by itself shows as U+FFFD.</summary>
    public string Spelling(int id) => Tokenizer is { } tokenizer && id < tokenizer.VocabularySize
        ? tokenizer.SpellingOf(id)
        : $"token_id:{id}";

    /// <summary>What a token adds to a text's bytes; nothing for a special token.</summary>
    public ReadOnlySpan<byte> Bytes(int id) => Tokenizer is { } tokenizer && id < tokenizer.VocabularySize ? tokenizer.BytesOf(id) : [];

    /// <summary>Encodes the prompts and makes the rows, in the order of the choices.</summary>
    /// <exception cref="CompletionException">The policy can't continue a prompt.</exception>
    public IReadOnlyList<ResponseInProgress> Begin(Policy policy)
    {
        if (policy.Tokenizer is null && Options.Stop.Count > 0)
            throw CompletionException.BadRequest($"The policy \"{Policy}\" has no tokenizer files, so its responses have no text in which a stop string could come.", "stop");

        Tokenizer = policy.Tokenizer;
        var responses = Chat is null ? BeginPrompts(policy) : BeginChat(Chat, policy);
        _begun = responses.Count;
        Metrics?.Begun(PromptTokenIds.Sum(prompt => prompt.Count), _begun);
        return responses;
    }

    /// <summary>Hands a token to the reader.</summary>
    public void Add(int choice, SampledToken token)
    {
        var now = Stopwatch.GetTimestamp();
        var isFirst = !_lastToken.TryGetValue(choice, out var last);
        Metrics?.Generated(isFirst, Stopwatch.GetElapsedTime(isFirst ? _arrived : last, now));
        _lastToken[choice] = now;
        _tokens.Writer.TryWrite(new(choice, token));
    }

    /// <summary>Ends the job, with what it failed with if it did.</summary>
    public void End(Exception? failure = null)
    {
        Metrics?.Ended(_begun);
        _begun = 0;
        _tokens.Writer.TryComplete(failure);
    }

    private IReadOnlyList<ResponseInProgress> BeginPrompts(Policy policy)
    {
        PromptTokenIds = [.. Prompts.Select(prompt => Encode(policy, prompt))];
        return [.. PromptTokenIds.SelectMany(prompt => Begin(policy, prompt, Options, policy.EndIds))];
    }

    private IReadOnlyList<ResponseInProgress> BeginChat(ChatPrompt chat, Policy policy)
    {
        var tokenizer = policy.Tokenizer
            ?? throw CompletionException.BadRequest($"The policy \"{Policy}\" has no tokenizer files, so it can't read a chat.", "messages");
        var template = chat.Template ?? policy.ChatTemplate ?? chat.FallbackTemplate
            ?? throw CompletionException.BadRequest(
                $"The policy \"{Policy}\" says in no known way how a chat becomes its prompt: name one of {string.Join(", ", ChatTemplate.Names)} as chat_template.", "chat_template", "chat_template_unknown");
        RefuseHopeless(policy, chat.Messages.Sum(message => message.Content.Length), "messages");
        var prompt = Render(chat.Messages, template, tokenizer);
        PromptTokenIds = [prompt];

        var options = Options with
        {
            MaxTokens = FillsContext ? Math.Max(1, policy.Model.ContextLength - prompt.Count) : Options.MaxTokens,
            Stop = [.. Options.Stop, .. template.StopStrings],
        };
        Check(policy, prompt, options.MaxTokens, "messages");
        return [.. Begin(policy, prompt, options, [.. template.EndIds(tokenizer).Union(policy.EndIds)])];
    }

    private static IReadOnlyList<int> Render(IReadOnlyList<ChatMessage> messages, ChatTemplate template, TextTokenizer tokenizer)
    {
        try
        {
            return template.Prompt(messages, tokenizer).TokenIds;
        }
        catch (PolicyException e)
        {
            throw CompletionException.BadRequest(e.Message, "chat_template", "chat_template_unknown");
        }
        catch (FormatException e)
        {
            throw CompletionException.BadRequest(e.Message, "messages");
        }
    }

    private IEnumerable<ResponseInProgress> Begin(Policy policy, IReadOnlyList<int> prompt, SamplingOptions options, IReadOnlyList<int> endIds) =>
        Enumerable.Range(0, N).Select(index => new ResponseInProgress(prompt, index, options, policy.Tokenizer, endIds, MostProbable, Cancelled));

    private IReadOnlyList<int> Encode(Policy policy, CompletionPrompt prompt)
    {
        if (prompt.TokenIds is null && policy.Tokenizer is null)
            throw CompletionException.BadRequest($"The policy \"{Policy}\" has no tokenizer files: send the prompt as token ids.", "prompt");
        var ids = prompt.TokenIds ?? EncodeText(policy, prompt.Text!);
        Check(policy, ids, Options.MaxTokens, "prompt");
        return ids;
    }

    private static List<int> EncodeText(Policy policy, string text)
    {
        RefuseHopeless(policy, text.Length, "prompt");
        return policy.Tokenizer!.EncodePrompt(text);
    }

    /// <summary>
    /// A text that can't fit, however it is split, is not encoded: all others would wait for it. Normalising may shorten a
    /// text before it is split, hence the slack.
    /// </summary>
    private static void RefuseHopeless(Policy policy, int characters, string field)
    {
        const int Slack = 4;
        var context = policy.Model.ContextLength;
        if (characters > Slack * context && characters > Slack * context * Enumerable.Range(0, policy.Tokenizer!.VocabularySize).Max(id => (long)policy.Tokenizer.BytesOf(id).Length))
            throw CompletionException.BadRequest($"This policy's context is {context} tokens; a prompt of {characters} characters can't fit. Shorten it.", field, "context_length_exceeded");
    }

    private static void Check(Policy policy, IReadOnlyList<int> prompt, int maxTokens, string field)
    {
        if (Sampler.FaultOf(prompt, policy, maxTokens) is { } fault)
            throw CompletionException.BadRequest(fault.Message, field, fault.Code);
    }
}

using System.Threading.Channels;
using Annotator.Model.Checkpoints;
using Annotator.Model.Tokenization;

namespace Annotator.Model.Sampling;

/// <summary>A token for the response at <paramref name="Choice"/> (prompt · n + index) of a job.</summary>
internal readonly record struct JobToken(int Choice, SampledToken Token);

/// <summary>
/// A completion request on its way: checked by the HTTP side, sampled on the torch thread, read back as its tokens come.
/// </summary>
internal sealed class SamplingJob
{
    private readonly Channel<JobToken> _tokens = Channel.CreateUnbounded<JobToken>(new() { SingleReader = true, SingleWriter = true });

    /// <summary>The policy's directory name.</summary>
    public required string Policy { get; init; }

    /// <summary>At least one.</summary>
    public required IReadOnlyList<CompletionPrompt> Prompts { get; init; }

    /// <summary>Responses for each prompt.</summary>
    public required int N { get; init; }

    /// <summary>Without fault.</summary>
    public required SamplingOptions Options { get; init; }

    /// <summary>How many of the most probable tokens to report at each place.</summary>
    public int MostProbable { get; init; }

    /// <summary>The client has gone.</summary>
    public CancellationToken Cancelled { get; init; }

    /// <summary>Rows that it takes in a batch.</summary>
    public int Rows => Prompts.Count * N;

    /// <summary>Set before the first token comes.</summary>
    public IReadOnlyList<IReadOnlyList<int>> PromptTokenIds { get; private set; } = [];

    /// <summary>The policy's, for the texts of single tokens; set before the first token comes, null if it has none.</summary>
    public TextTokenizer? Tokenizer { get; private set; }

    /// <summary>What is sampled, in the order in which it comes; throws what the job failed with.</summary>
    public IAsyncEnumerable<JobToken> Tokens(CancellationToken cancellationToken) => _tokens.Reader.ReadAllAsync(cancellationToken);

    /// <summary>Encodes the prompts and makes the rows, in the order of the choices.</summary>
    /// <exception cref="CompletionException">The policy can't continue a prompt.</exception>
    public IReadOnlyList<ResponseInProgress> Begin(Policy policy)
    {
        if (policy.Tokenizer is null && Options.Stop.Count > 0)
            throw CompletionException.BadRequest($"The policy \"{Policy}\" has no tokenizer files, so its responses have no text in which a stop string could come.", "stop");

        Tokenizer = policy.Tokenizer;
        PromptTokenIds = [.. Prompts.Select(prompt => Encode(policy, prompt))];
        return
        [
            .. from prompt in PromptTokenIds
               from index in Enumerable.Range(0, N)
               select new ResponseInProgress(prompt, index, Options, policy.Tokenizer, policy.EndOfTextId, MostProbable, Cancelled),
        ];
    }

    /// <summary>Hands a token to the reader.</summary>
    public void Add(int choice, SampledToken token) => _tokens.Writer.TryWrite(new(choice, token));

    /// <summary>Ends the job, with what it failed with if it did.</summary>
    public void End(Exception? failure = null) => _tokens.Writer.TryComplete(failure);

    private IReadOnlyList<int> Encode(Policy policy, CompletionPrompt prompt)
    {
        if (prompt.TokenIds is null && policy.Tokenizer is null)
            throw CompletionException.BadRequest($"The policy \"{Policy}\" has no tokenizer files: send the prompt as token ids.", "prompt");
        var ids = prompt.TokenIds ?? policy.Tokenizer!.Encode(prompt.Text);
        return Sampler.FaultOf(ids, policy, Options.MaxTokens) is { } fault
            ? throw CompletionException.BadRequest(fault.Message, "prompt", fault.Code)
            : ids;
    }
}

using System.Globalization;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Threading.Channels;
using Annotator.Model.Preferences;
using Annotator.Web.Data;
using Annotator.Web.Engine;
using Annotator.Web.Languages;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Localization;

namespace Annotator.Web.Policies;

/// <summary>What several policies are asked for at once.</summary>
public sealed record ExplorerRequest
{
    public required long StudyId { get; init; }

    /// <summary>Numbers in the study's line.</summary>
    public required IReadOnlyList<int> Policies { get; init; }

    public required TextOrMessages Prompt { get; init; }
    public required StudySampling Sampling { get; init; }

    /// <summary>Responses of each policy.</summary>
    public int Samples { get; init; } = 1;

    /// <summary>Null = drawn anew.</summary>
    public long? Seed { get; init; }
}

/// <summary>What is new of one response, or why a policy writes none.</summary>
/// <param name="Policy">Its number.</param>
/// <param name="Sample">Which of its responses, from 0.</param>
/// <param name="FinishReason"><c>stop</c> or <c>length</c> with the last piece; else null.</param>
/// <param name="Fault">A sentence for people: the policy writes no more. Else null.</param>
public sealed record ExplorerPiece(int Policy, int Sample, string Text, string? FinishReason = null, string? Fault = null);

/// <summary>Lets any policies of a study continue one prompt, side by side, as they write. Nothing is stored.</summary>
public sealed class PolicyExplorer(IDbContextFactory<AnnotatorDbContext> contexts, CompletionsClient completions, IStringLocalizer<Words> words)
{
    public const int MostPolicies = 6;
    public const int MostSamples = 4;
    public const int MostTokens = 2048;
    public const int LongestPrompt = 50_000;
    private const int PiecesAhead = 64;

    /// <summary>The pieces of all responses as they come. One policy's failure is a piece of its own and does not end the others.</summary>
    /// <exception cref="NotAllowedException">Not an admin.</exception>
    /// <exception cref="RefusedException">The request can't be asked; the message says why.</exception>
    public async IAsyncEnumerable<ExplorerPiece> WriteAsync(CurrentPerson who, ExplorerRequest request, [EnumeratorCancellation] CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(who);
        ArgumentNullException.ThrowIfNull(request);
        who.RequireAdmin();
        if (Fault(request, words) is { } fault)
        {
            throw new RefusedException(fault);
        }

        List<Policy> policies;
        await using (var db = await contexts.CreateDbContextAsync(cancellation))
        {
            policies = await db.Policies.AsNoTracking().Where(p => p.StudyId == request.StudyId && request.Policies.Contains(p.Number)).OrderBy(p => p.Number).ToListAsync(cancellation);
        }

        if (request.Policies.Except(policies.Select(p => p.Number)).ToList() is { Count: > 0 } missing)
        {
            throw new RefusedException(words["There is no policy {0} in this study's line.", missing[0]]);
        }

        var seed = request.Seed ?? RandomNumberGenerator.GetInt32(int.MaxValue);
        var pieces = WrittenAside.ReadAsync<ExplorerPiece>(
            PiecesAhead, (writer, left) => Task.WhenAll(policies.Select(policy => AskAsync(policy, request, seed, writer, left))), cancellation);
        await foreach (var piece in pieces)
        {
            yield return piece;
        }
    }

    /// <summary>What is wrong with a request, in a sentence for people; null if nothing is.</summary>
    public static string? Fault(ExplorerRequest request, IStringLocalizer<Words> words)
    {
        ArgumentNullException.ThrowIfNull(words);
        ArgumentNullException.ThrowIfNull(request);
        var sampling = request.Sampling;
        return true switch
        {
            _ when request.Policies.Count == 0 => words["Choose at least one policy."],
            _ when request.Policies.Count > MostPolicies => words["At most {0} policies can write at once.", MostPolicies],
            _ when request.Prompt is { Messages: null, Text: var text } && string.IsNullOrWhiteSpace(text) => words["Write a prompt first."],
            _ when request.Prompt.Messages is { } turns && (turns.Count == 0 || turns.Any(turn => string.IsNullOrWhiteSpace(turn.Content))) => words["Write a message first."],
            _ when (request.Prompt.Text?.Length ?? request.Prompt.Messages!.Sum(turn => turn.Content.Length)) > LongestPrompt => words["The prompt may have {0:N0} characters at most.", LongestPrompt],
            _ when request.Samples is not (>= 1 and <= MostSamples) => words["Each policy may write 1 to {0} responses; it is set to {1}.", MostSamples, request.Samples],
            _ when sampling.Temperature is not (>= 0 and <= 2) => words["The temperature must be from 0 (always the likeliest token) to 2; it is {0}.", sampling.Temperature.ToString(CultureInfo.InvariantCulture)],
            _ when sampling.TopP is not (> 0 and <= 1) => words["Top-p must be above 0 and at most 1; it is {0}.", sampling.TopP.ToString(CultureInfo.InvariantCulture)],
            _ when sampling.TopK is not (>= 0 and <= 100_000) => words["Top-k must be from 0 (all tokens) to 100,000; it is {0}.", sampling.TopK],
            _ when sampling.MaxTokens is not (>= 1 and <= MostTokens) => words["The longest response must be from 1 to {0:N0} tokens; it is {1}.", MostTokens, sampling.MaxTokens],
            _ when request.Seed < 0 => words["The seed must be 0 or above."],
            _ => (string?)null,
        };
    }

    private async Task AskAsync(Policy policy, ExplorerRequest request, long seed, ChannelWriter<ExplorerPiece> pieces, CancellationToken cancellation)
    {
        try
        {
            await foreach (var piece in completions.StreamAsync(policy.Hash, request.Prompt, request.Samples, request.Sampling, seed, cancellation))
            {
                await pieces.WriteAsync(new(policy.Number, piece.Choice, piece.Text, piece.FinishReason), cancellation);
            }
        }
        catch (Exception e) when (e is SamplerUnavailableException or SamplerRefusedException)
        {
            await pieces.WriteAsync(new(policy.Number, 0, "", Fault: e.Message), cancellation);
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            // Nobody listens any more.
        }
    }
}

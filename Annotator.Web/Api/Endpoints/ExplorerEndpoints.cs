using System.Security.Claims;
using Annotator.Model.Preferences;
using Annotator.Web.Data;
using Annotator.Web.Policies;
using Annotator.Web.Studies;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Annotator.Web.Api.Endpoints;

/// <summary>One prompt for several policies of a study: a text, or a chat that ends with the user's turn. Nothing is stored.</summary>
/// <param name="Policies">Numbers in the study's line, six at most.</param>
/// <param name="Sampling">Null = the study's.</param>
/// <param name="Samples">Responses of each policy, four at most.</param>
/// <param name="Seed">The same for all policies; null = drawn anew.</param>
public sealed record PromptToExplore(
    IReadOnlyList<int> Policies, string? Text = null, IReadOnlyList<ChatMessage>? Messages = null, StudySampling? Sampling = null, int Samples = 1, long? Seed = null);

/// <summary>What the policies wrote.</summary>
public sealed record ExploredResponses(IReadOnlyList<ExploredResponse> Items);

/// <summary>A response of a policy.</summary>
/// <param name="FinishReason"><c>stop</c> or <c>length</c>; null if it broke off.</param>
/// <param name="Fault">Why this policy wrote no more; null if nothing was amiss.</param>
public sealed record ExploredResponse(int Policy, int Sample, string Text, string? FinishReason, string? Fault);

internal static class ExplorerEndpoints
{
    public static void MapExplorer(this IEndpointRouteBuilder api) =>
        api.MapPost("/studies/{study:long}/policies/explore", ExploreAsync).WithTags("Policies").Needs(ApiScopes.Write)
            .WithSummary("Let policies continue one prompt, side by side; answered once all of them have ended");

    private static async Task<Ok<ExploredResponses>> ExploreAsync(
        ClaimsPrincipal user, long study, Body<PromptToExplore> body, StudyOperations studies, PolicyExplorer explorer, CancellationToken cancellation)
    {
        var (who, asked) = (CurrentPerson.From(user), body.Value);
        await studies.RequireAsync(user, study, cancellation);
        if (asked.Text is null == asked.Messages is null)
        {
            throw ProblemException.BadRequest("A prompt is either text or messages.");
        }

        var request = new ExplorerRequest
        {
            StudyId = study, Policies = asked.Policies, Prompt = asked.Messages is { } messages ? TextOrMessages.FromMessages(messages) : asked.Text!,
            Sampling = asked.Sampling ?? (await studies.FindAsync(who, study, cancellation))!.Settings.Sampling, Samples = asked.Samples, Seed = asked.Seed,
        };
        var pieces = new List<ExplorerPiece>();
        await foreach (var piece in explorer.WriteAsync(who, request, cancellation))
        {
            pieces.Add(piece);
        }

        return TypedResults.Ok(new ExploredResponses(
        [
            .. pieces.GroupBy(piece => (piece.Policy, piece.Sample)).OrderBy(one => one.Key).Select(one => new ExploredResponse(
                one.Key.Policy, one.Key.Sample, string.Concat(one.Select(piece => piece.Text)), one.Select(piece => piece.FinishReason).LastOrDefault(reason => reason is not null),
                one.Select(piece => piece.Fault).LastOrDefault(fault => fault is not null))),
        ]));
    }
}

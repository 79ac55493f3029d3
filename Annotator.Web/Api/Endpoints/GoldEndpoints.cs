using System.Security.Claims;
using Annotator.Model.Preferences;
using Annotator.Web.Data;
using Annotator.Web.Studies;
using Annotator.Web.Studies.Gold;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;

namespace Annotator.Web.Api.Endpoints;

/// <summary>A comparison whose right answer is known, or might be made known.</summary>
/// <param name="Responses">By position.</param>
/// <param name="Gold">The right answer: tiers of positions, best first; null while it is not gold.</param>
/// <param name="Given">The orders that people gave, the most frequent first.</param>
/// <param name="Others">Standing answers that give no order.</param>
/// <param name="Right">Of the first answers to a gold comparison that can agree with the right one, how many do; null while it is not gold.</param>
/// <param name="Answered">Out of so many.</param>
public sealed record GoldItem(
    long Comparison, string Prompt, IReadOnlyList<string> Responses, int[][]? Gold, IReadOnlyList<GivenOrder> Given, int Others, int? Right, int? Answered);

/// <summary>An order that people gave.</summary>
public sealed record GivenOrder(int[][] Ranking, int Count);

/// <summary>The right answer to a comparison.</summary>
/// <param name="Ranking">Tiers of all its positions, best first; one tier = none is better.</param>
public sealed record RightAnswer(Ranking Ranking);

internal static class GoldEndpoints
{
    // As on the page: for admins alone.
    public static void MapGold(this IEndpointRouteBuilder api)
    {
        var gold = api.MapGroup("/studies/{study:long}/gold").WithTags("Gold").Needs(ApiScopes.Write);
        gold.MapGet("", ListAsync).WithSummary("The study's gold comparisons, the newest first; with ?judged=true what could be made gold, the latest judged first");
        gold.MapGet("/{comparison:long}", GetAsync).WithSummary("One comparison that is gold, or could be");
        gold.MapPut("/{comparison:long}", MarkAsync).WithSummary("Make a comparison gold, or give a gold one another answer");
        gold.MapDelete("/{comparison:long}", UnmarkAsync).WithSummary("Make a gold comparison one like all others again");
    }

    private static async Task<Ok<Page<GoldItem>>> ListAsync(
        ClaimsPrincipal user, long study, [AsParameters] PageOf page, [FromQuery(Name = "judged")] bool? judged, StudyOperations studies, GoldOperations gold, CancellationToken cancellation)
    {
        await studies.RequireAsync(user, study, cancellation);
        var (who, before, size) = (CurrentPerson.From(user), page.After(), page.Size());
        var found = judged == true ? await gold.JudgedAsync(who, study, before, size, cancellation) : await gold.GoldAsync(who, study, before, size, cancellation);
        return TypedResults.Ok(PageOf.UpTo([.. found.Views.Select(Of)], found.Next));
    }

    private static async Task<Ok<GoldItem>> GetAsync(ClaimsPrincipal user, long study, long comparison, StudyOperations studies, GoldOperations gold, CancellationToken cancellation) =>
        TypedResults.Ok(Of(await FindAsync(user, study, comparison, studies, gold, cancellation)));

    private static async Task<Ok<GoldItem>> MarkAsync(
        ClaimsPrincipal user, long study, long comparison, Body<RightAnswer> body, StudyOperations studies, GoldOperations gold, CancellationToken cancellation)
    {
        await FindAsync(user, study, comparison, studies, gold, cancellation);
        await gold.MarkAsync(CurrentPerson.From(user), comparison, body.Value.Ranking.ToArrays(), cancellation);
        return await GetAsync(user, study, comparison, studies, gold, cancellation);
    }

    private static async Task<NoContent> UnmarkAsync(ClaimsPrincipal user, long study, long comparison, StudyOperations studies, GoldOperations gold, CancellationToken cancellation)
    {
        await FindAsync(user, study, comparison, studies, gold, cancellation);
        await gold.UnmarkAsync(CurrentPerson.From(user), comparison, cancellation);
        return TypedResults.NoContent();
    }

    private static async Task<GoldView> FindAsync(ClaimsPrincipal user, long study, long comparison, StudyOperations studies, GoldOperations gold, CancellationToken cancellation)
    {
        await studies.RequireAsync(user, study, cancellation);
        return await gold.FindAsync(CurrentPerson.From(user), study, comparison, cancellation)
            ?? throw ProblemException.NotFound($"There is no comparison {comparison} in study {study} that is gold or could be.");
    }

    private static GoldItem Of(GoldView view) => new(
        view.ComparisonId, view.Prompt, view.Responses, view.Gold, [.. view.Given.Select(one => new GivenOrder(one.Order, one.Count))], view.Others, view.Agreed?.Right, view.Agreed?.All);
}

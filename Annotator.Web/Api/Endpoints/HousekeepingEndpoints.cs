using System.Security.Claims;
using Annotator.Web.Data;
using Annotator.Web.Housekeeping;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Annotator.Web.Api.Endpoints;

/// <summary>Policies to remove from the disk, by their hashes, as the preview listed them.</summary>
public sealed record PoliciesToPrune(IReadOnlyList<string> Hashes);

internal static class HousekeepingEndpoints
{
    public static void MapHousekeeping(this IEndpointRouteBuilder api)
    {
        var house = api.MapGroup("/housekeeping").WithTags("Housekeeping").Needs(ApiScopes.Admin);
        house.MapGet("/disk", DiskAsync).WithSummary("What takes how much of the disk");
        house.MapGet("/unused-policies", UnusedAsync).WithSummary("Policies on disk that nobody points to");
        house.MapPost("/prune", PruneAsync).WithSummary("Remove unused policies; what is used by now is left");
        house.MapGet("/backup", HousekeepingSetup.Download).WithSummary("Everything in one tar, streamed while the app runs")
            .Produces(StatusCodes.Status200OK, contentType: "application/x-tar");
    }

    private static async Task<Ok<DiskUse>> DiskAsync(ClaimsPrincipal user, HousekeepingOperations house, CancellationToken cancellation) =>
        TypedResults.Ok(await house.UseAsync(CurrentPerson.From(user), cancellation));

    private static async Task<Ok<Page<UnusedPolicy>>> UnusedAsync(ClaimsPrincipal user, HousekeepingOperations house, CancellationToken cancellation) =>
        TypedResults.Ok(new Page<UnusedPolicy>(await house.UnusedAsync(CurrentPerson.From(user), cancellation), null));

    private static async Task<Ok<Page<UnusedPolicy>>> PruneAsync(ClaimsPrincipal user, Body<PoliciesToPrune> body, HousekeepingOperations house, CancellationToken cancellation) =>
        TypedResults.Ok(new Page<UnusedPolicy>(await house.PruneAsync(CurrentPerson.From(user), body.Value.Hashes, cancellation), null));
}

using System.Security.Claims;
using Annotator.Web.Data;
using Annotator.Web.Policies;
using Annotator.Web.Rounds;
using Annotator.Web.Studies;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Annotator.Web.Api.Endpoints;

/// <summary>A version of a study's model.</summary>
/// <param name="Round">The number of the round that made it; null for policy 0.</param>
/// <param name="Serves">The study samples from it.</param>
public sealed record PolicyItem(int Number, string Hash, int? Parent, int? Round, bool Serves, DateTime CreatedAt);

internal static class PolicyEndpoints
{
    public static void MapPolicies(this IEndpointRouteBuilder api)
    {
        var policies = api.MapGroup("/studies/{study:long}/policies").WithTags("Policies");
        policies.MapGet("", ListAsync).Needs(ApiScopes.Read).WithSummary("The study's line of policies, the oldest first");
        policies.MapGet("/{number:int}", GetAsync).Needs(ApiScopes.Read).WithSummary("One policy");
        policies.MapGet("/{number:int}/download", DownloadAsync).Needs(ApiScopes.Read).WithSummary("The Hugging Face directory as a zip, streamed")
            .Produces(StatusCodes.Status200OK, contentType: "application/zip");
    }

    private static async Task<Ok<Page<PolicyItem>>> ListAsync(
        ClaimsPrincipal user, long study, [AsParameters] PageOf page, StudyOperations studies, RoundReader rounds, CancellationToken cancellation)
    {
        var after = page.After() ?? -1;
        var line = await LineAsync(user, study, studies, rounds, cancellation);
        return TypedResults.Ok(page.Of([.. line.Where(p => p.Number > after).Take(page.Size() + 1)], row => row.Number));
    }

    private static async Task<Ok<PolicyItem>> GetAsync(ClaimsPrincipal user, long study, int number, StudyOperations studies, RoundReader rounds, CancellationToken cancellation) =>
        TypedResults.Ok(await FindAsync(user, study, number, studies, rounds, cancellation));

    private static async Task<IResult> DownloadAsync(
        HttpContext http, long study, int number, StudyOperations studies, RoundReader rounds, PolicyRegistry registry, CancellationToken cancellation)
    {
        CurrentPerson.From(http.User).RequireAdmin();
        var policy = await FindAsync(http.User, study, number, studies, rounds, cancellation);
        if (!registry.Contains(policy.Hash))
        {
            throw ProblemException.NotFound($"The files of policy {number} of study {study} are not in the data folder any more.");
        }

        // The end of each compressed file in a zip is written synchronously, whatever one does; it is a few bytes.
        http.Features.GetRequiredFeature<IHttpBodyControlFeature>().AllowSynchronousIO = true;
        return TypedResults.Stream(output => registry.WriteZipAsync(policy.Hash, output, http.RequestAborted), "application/zip", $"policy-{policy.Hash[..12]}.zip");
    }

    private static async Task<PolicyItem> FindAsync(ClaimsPrincipal user, long study, int number, StudyOperations studies, RoundReader rounds, CancellationToken cancellation) =>
        (await LineAsync(user, study, studies, rounds, cancellation)).FirstOrDefault(p => p.Number == number)
            ?? throw ProblemException.NotFound($"There is no policy {number} in study {study}.");

    private static async Task<IReadOnlyList<PolicyItem>> LineAsync(ClaimsPrincipal user, long study, StudyOperations studies, RoundReader rounds, CancellationToken cancellation)
    {
        await studies.RequireAsync(user, study, cancellation);
        var overview = await rounds.OverviewAsync(CurrentPerson.From(user), study, cancellation);
        var numbers = overview.Policies.ToDictionary(p => p.Id, p => p.Number);
        var made = overview.Rounds.ToDictionary(r => r.Round.Id, r => r.Round.Number);
        return
        [
            .. overview.Policies.Select(p => new PolicyItem(
                p.Number, p.Hash, p.ParentId is { } parent ? numbers[parent] : null, p.RoundId is { } round && made.TryGetValue(round, out var number) ? number : null,
                p.Id == overview.Study.CurrentPolicyId, p.CreatedAt)),
        ];
    }
}

using System.Security.Claims;
using Annotator.Web.Data;
using Annotator.Web.Policies;
using Annotator.Web.Policies.Pages;
using Annotator.Web.Rounds;
using Annotator.Web.Studies;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;

namespace Annotator.Web.Api.Endpoints;

/// <summary>A version of a study's model.</summary>
/// <param name="Round">The number of the round that made it; null for policy 0.</param>
/// <param name="Serves">The study samples from it.</param>
/// <param name="ServesBeside">Half of each comparison's responses are its own.</param>
/// <param name="AwaitsGate">It serves once the gate opens for it, or somebody promotes it.</param>
public sealed record PolicyItem(int Number, string Hash, int? Parent, int? Round, bool Serves, bool ServesBeside, bool AwaitsGate, DateTime CreatedAt);

/// <summary>What is known of a policy.</summary>
/// <param name="Files">Of its directory; empty if that was removed.</param>
/// <param name="Architecture">What its <c>config.json</c> says: model_type, layers and the like.</param>
/// <param name="ModelCard">Its README.md; null if it has none.</param>
/// <param name="Rating">Among all that were compared blind; null without an estimate.</param>
/// <param name="Pairs">What blind judgments say of it, against each that it was compared with.</param>
public sealed record PolicyCardItem(
    PolicyItem Policy, IReadOnlyList<PolicyFile> Files, IReadOnlyDictionary<string, string> Architecture, string? ModelCard, RatingItem? Rating, IReadOnlyList<PairItem> Pairs);

/// <summary>Which policy serves beside the serving one; null = none.</summary>
public sealed record ServeBeside(int? Number);

internal static class PolicyEndpoints
{
    public static void MapPolicies(this IEndpointRouteBuilder api)
    {
        var policies = api.MapGroup("/studies/{study:long}/policies").WithTags("Policies");
        policies.MapGet("", ListAsync).Needs(ApiScopes.Read).WithSummary("The study's line of policies, the oldest first");
        policies.MapGet("/{number:int}", GetAsync).Needs(ApiScopes.Read).WithSummary("One policy");
        policies.MapGet("/{number:int}/card", CardAsync).Needs(ApiScopes.Read).WithSummary("What is known of one: files, architecture, model card, rating");
        policies.MapGet("/{number:int}/download", DownloadAsync).Needs(ApiScopes.Read).WithSummary("The Hugging Face directory as a zip, streamed")
            .Produces(StatusCodes.Status200OK, contentType: "application/zip");
        policies.MapPost("", ImportAsync).Needs(ApiScopes.Write).WithMetadata(new RequestSizeLimitAttribute(PolicyUpload.LargestMegabytes * 1024 * 1024), new TakesAFile())
            .WithSummary("Import a Hugging Face directory: its zip is the body. It serves once it is promoted");
        policies.MapPost("/from-directory", ImportDirectoryAsync).Needs(ApiScopes.Write).WithMetadata(new Creates())
            .WithSummary("Import a Hugging Face directory of the machine on which the app runs");
        policies.MapPost("/{number:int}/serve", ServeAsync).Needs(ApiScopes.Write).WithSummary("Promote a policy, or roll back to it");
        policies.MapPut("/beside", BesideAsync).Needs(ApiScopes.Write).WithSummary("Let a second policy serve beside the serving one, or none");
    }

    private static async Task<Created<PolicyItem>> ImportAsync(
        HttpContext http, long study, string name, StudyOperations studies, RoundReader rounds, PolicyOperations operations, CancellationToken cancellation)
    {
        await studies.RequireAsync(http.User, study, cancellation);
        http.Request.RequireZipSize();
        var policy = await operations.ImportAsync(CurrentPerson.From(http.User), study, name, http.Request.Body, cancellation);
        return TypedResults.Created($"{ApiSetup.Root}/studies/{study}/policies/{policy.Number}", await FindAsync(http.User, study, policy.Number, studies, rounds, cancellation));
    }

    private static async Task<Created<PolicyItem>> ImportDirectoryAsync(
        ClaimsPrincipal user, long study, Body<DirectoryOfPolicy> body, StudyOperations studies, RoundReader rounds, PolicyOperations operations, CancellationToken cancellation)
    {
        await studies.RequireAsync(user, study, cancellation);
        var policy = await operations.ImportDirectoryAsync(CurrentPerson.From(user), study, body.Value.Directory, cancellation);
        return TypedResults.Created($"{ApiSetup.Root}/studies/{study}/policies/{policy.Number}", await FindAsync(user, study, policy.Number, studies, rounds, cancellation));
    }

    private static async Task<Ok<PolicyItem>> ServeAsync(
        ClaimsPrincipal user, long study, int number, StudyOperations studies, RoundReader rounds, PolicyOperations operations, CancellationToken cancellation)
    {
        await operations.ServeAsync(CurrentPerson.From(user), await IdAsync(user, study, number, studies, rounds, cancellation), cancellation);
        return TypedResults.Ok(await FindAsync(user, study, number, studies, rounds, cancellation));
    }

    private static async Task<Ok<ServeBeside>> BesideAsync(
        ClaimsPrincipal user, long study, Body<ServeBeside> body, StudyOperations studies, RoundReader rounds, PolicyOperations operations, CancellationToken cancellation)
    {
        await studies.RequireAsync(user, study, cancellation);
        long? beside = body.Value.Number is { } number ? await IdAsync(user, study, number, studies, rounds, cancellation) : null;
        await operations.ServeBesideAsync(CurrentPerson.From(user), study, beside, cancellation);
        return TypedResults.Ok(body.Value);
    }

    private static async Task<long> IdAsync(ClaimsPrincipal user, long study, int number, StudyOperations studies, RoundReader rounds, CancellationToken cancellation)
    {
        await studies.RequireAsync(user, study, cancellation);
        var overview = await rounds.OverviewAsync(CurrentPerson.From(user), study, cancellation);
        return overview.Policies.FirstOrDefault(p => p.Number == number)?.Id ?? throw ProblemException.NotFound($"There is no policy {number} in study {study}.");
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

    private static async Task<Ok<PolicyCardItem>> CardAsync(
        ClaimsPrincipal user, long study, int number, StudyOperations studies, RoundReader rounds, PolicyReader reader, CancellationToken cancellation)
    {
        var policy = await FindAsync(user, study, number, studies, rounds, cancellation);
        var card = (await reader.FindAsync(CurrentPerson.From(user), study, number, cancellation))!;
        return TypedResults.Ok(new PolicyCardItem(
            policy, card.Files, card.Architecture.ToDictionary(), card.ModelCard, card.Rating is { } rating ? RatingItem.Of(rating) : null, [.. card.Pairs.Select(PairItem.Of)]));
    }

    private static async Task<IResult> DownloadAsync(
        HttpContext http, long study, int number, StudyOperations studies, RoundReader rounds, PolicyRegistry registry, CancellationToken cancellation)
    {
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
                p.Id == overview.Study.CurrentPolicyId, p.Id == overview.Study.SecondPolicyId, overview.Study.Evaluation.HasGate && p.AwaitsGate, p.CreatedAt)),
        ];
    }
}

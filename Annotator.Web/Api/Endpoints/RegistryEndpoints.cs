using System.Security.Claims;
using Annotator.Web.Data;
using Annotator.Web.Policies;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;

namespace Annotator.Web.Api.Endpoints;

/// <summary>A policy of the registry, by the hash of its files.</summary>
public sealed record RegisteredPolicy(string Hash);

/// <summary>A Hugging Face directory on the machine on which the app runs, by its full path.</summary>
public sealed record DirectoryOfPolicy(string Directory);

internal static class RegistryEndpoints
{
    // The same files have the same hash: sent twice, it is there once.
    public static void MapRegistry(this IEndpointRouteBuilder api)
    {
        var registry = api.MapGroup("/policies").WithTags("Policies").Needs(ApiScopes.Write);
        registry.MapPost("", TakeAsync).WithMetadata(new RequestSizeLimitAttribute(PolicyUpload.LargestMegabytes * 1024 * 1024), new TakesAFile())
            .WithSummary("Look whether a Hugging Face directory, whose zip is the body, can be sampled from and trained, and keep it for a new study");
        registry.MapPost("/from-directory", TakeDirectoryAsync).WithSummary("The same for a directory on the machine on which the app runs");
    }

    private static async Task<Ok<RegisteredPolicy>> TakeAsync(HttpContext http, string name, PolicyUpload upload, CancellationToken cancellation)
    {
        http.Request.RequireZipSize();
        return TypedResults.Ok(new RegisteredPolicy(await upload.TakeAsync(CurrentPerson.From(http.User), name, http.Request.Body, null, cancellation)));
    }

    private static async Task<Ok<RegisteredPolicy>> TakeDirectoryAsync(ClaimsPrincipal user, Body<DirectoryOfPolicy> body, PolicyUpload upload, CancellationToken cancellation) =>
        TypedResults.Ok(new RegisteredPolicy(await upload.TakeDirectoryAsync(CurrentPerson.From(user), body.Value.Directory, cancellation)));

    /// <summary>Refuses what says of itself that it is too large, unread.</summary>
    /// <exception cref="ProblemException">It does.</exception>
    internal static void RequireZipSize(this HttpRequest request)
    {
        if (request.ContentLength > PolicyUpload.LargestMegabytes * 1024 * 1024)
        {
            throw new ProblemException(StatusCodes.Status413PayloadTooLarge, $"A policy may have {PolicyUpload.LargestMegabytes} MB at most.");
        }
    }
}

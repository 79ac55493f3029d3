using System.Security.Claims;
using Annotator.Web.Api.Keys;
using Annotator.Web.Data;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Annotator.Web.Api.Endpoints;

/// <summary>A key as lists show it.</summary>
/// <param name="Start">Its first characters.</param>
/// <param name="Person">As whom it acts.</param>
public sealed record KeyItem(
    long Id, string Name, string Start, string Person, IReadOnlyList<string> Scopes, DateTime CreatedAt, DateTime? ExpiresAt, DateTime? RevokedAt, DateTime? LastUsedAt);

internal static class KeyEndpoints
{
    // Keys are made on the page alone: one that leaks must not be able to make itself heirs.
    public static void MapKeys(this IEndpointRouteBuilder api)
    {
        var keys = api.MapGroup("/keys").WithTags("Keys").Needs(ApiScopes.Admin);
        keys.MapGet("", ListAsync).WithSummary("Every key, the newest first");
        keys.MapDelete("/{key:long}", RevokeAsync).WithSummary("End a key at once and for good");
    }

    private static async Task<Ok<Page<KeyItem>>> ListAsync(ClaimsPrincipal user, ApiKeyOperations keys, CancellationToken cancellation) =>
        TypedResults.Ok(new Page<KeyItem>(
            [.. (await keys.ListAsync(CurrentPerson.From(user), cancellation)).Select(k => new KeyItem(
                k.Id, k.Name, k.Start, k.Person, [.. Scope.Of(k.Scopes).Select(Scope.Name)], k.CreatedAt, k.ExpiresAt, k.RevokedAt, k.LastUsedAt))], null));

    private static async Task<NoContent> RevokeAsync(ClaimsPrincipal user, long key, ApiKeyOperations keys, CancellationToken cancellation)
    {
        var who = CurrentPerson.From(user);
        if (!(await keys.ListAsync(who, cancellation)).Any(k => k.Id == key && k.RevokedAt is null))
        {
            throw ProblemException.NotFound($"There is no key {key} that could be revoked.");
        }

        await keys.RevokeAsync(who, key, cancellation);
        return TypedResults.NoContent();
    }
}

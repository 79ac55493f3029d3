using Annotator.Web.Api.Keys;
using Annotator.Web.Data;
using Microsoft.AspNetCore.Authorization;

namespace Annotator.Web.Api;

/// <summary>What an endpoint asks of a key; the OpenAPI document and the tests read it.</summary>
public sealed record NeedsScope(ApiScopes Scope);

/// <summary>Scopes on endpoints.</summary>
public static class Scope
{
    /// <summary>
    /// Lets in only keys with the scope, of people who may do such things at all; what exactly they may is checked by
    /// the operation.
    /// </summary>
    public static TBuilder Needs<TBuilder>(this TBuilder endpoints, ApiScopes scope)
        where TBuilder : IEndpointConventionBuilder
    {
        string[] roles = scope switch { ApiScopes.Judge => [Roles.Annotator], ApiScopes.Read => [Roles.Admin, Roles.Viewer], _ => [Roles.Admin] };
        return endpoints
            .WithMetadata(new NeedsScope(scope))
            .RequireAuthorization(new AuthorizationPolicyBuilder(ApiKeyAuthentication.Scheme)
                .RequireAuthenticatedUser().RequireClaim(ApiKeyAuthentication.ScopeClaim, Name(scope)).RequireRole(roles).Build());
    }

    /// <summary>Lets in keys with the scope beside whoever is let in already, such as people with a cookie.</summary>
    public static TBuilder OpenToKeys<TBuilder>(this TBuilder endpoints, ApiScopes scope)
        where TBuilder : IEndpointConventionBuilder =>
        endpoints.RequireAuthorization(policy => policy.RequireAssertion(context =>
            context.User.FindFirst(ApiKeyAuthentication.KeyClaim) is null || context.User.HasClaim(ApiKeyAuthentication.ScopeClaim, Name(scope))));

    /// <summary>As it is called in the API.</summary>
    public static string Name(ApiScopes scope) => scope switch
    {
        ApiScopes.Read => "read",
        ApiScopes.Judge => "judge",
        ApiScopes.Write => "write",
        ApiScopes.Admin => "admin",
        _ => throw new ArgumentOutOfRangeException(nameof(scope), scope, "One scope at a time."),
    };

    public static IReadOnlyList<ApiScopes> All { get; } = [ApiScopes.Read, ApiScopes.Judge, ApiScopes.Write, ApiScopes.Admin];

    /// <summary>The single scopes of a set.</summary>
    public static IEnumerable<ApiScopes> Of(ApiScopes scopes) => All.Where(scope => scopes.HasFlag(scope));

    /// <summary>The set of names.</summary>
    /// <exception cref="RefusedException">One of them is none.</exception>
    public static ApiScopes Parse(IEnumerable<string> names)
    {
        ArgumentNullException.ThrowIfNull(names);
        return names.Aggregate(ApiScopes.None, (all, name) =>
            all | (All.FirstOrDefault(scope => Name(scope) == name) is var known and not ApiScopes.None
                ? known
                : throw new RefusedException($"There is no scope {name}: scopes are {string.Join(", ", All.Select(Name))}.")));
    }
}

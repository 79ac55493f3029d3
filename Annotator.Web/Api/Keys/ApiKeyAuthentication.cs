using System.Globalization;
using System.Security.Claims;
using System.Text.Encodings.Web;
using Annotator.Web.Data;
using Annotator.Web.Live;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authorization;
using Microsoft.Extensions.Options;

namespace Annotator.Web.Api.Keys;

/// <summary>
/// <c>Authorization: Bearer KEY</c>; on the hub also <c>?access_token=KEY</c>, as a browser's WebSocket has no headers.
/// The principal is the person who made the key, with their roles of this moment, and the key's scopes as claims.
/// </summary>
public sealed class ApiKeyAuthentication(
    IOptionsMonitor<AuthenticationSchemeOptions> options, ILoggerFactory loggers, UrlEncoder encoder, ApiKeyOperations keys)
    : AuthenticationHandler<AuthenticationSchemeOptions>(options, loggers, encoder)
{
    public new const string Scheme = "api-key";
    public const string ScopeClaim = "scope";
    public const string KeyClaim = "api_key";
    private const string Bearer = "Bearer ";

    /// <summary>Whether a request goes by a key: the API always, the hub if it brings one.</summary>
    public static bool IsFor(HttpRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        return request.Path.StartsWithSegments(ApiSetup.Root) || (request.Path.StartsWithSegments(LiveHub.Path) && KeyOf(request) is not null);
    }

    /// <summary>The value of <see cref="KeyClaim"/>.</summary>
    public static string ClaimOf(long keyId) => string.Create(CultureInfo.InvariantCulture, $"key {keyId}");

    protected override async Task<AuthenticateResult> HandleAuthenticateAsync()
    {
        if (KeyOf(Request) is not { } key)
        {
            return AuthenticateResult.NoResult();
        }

        if (await keys.FindAsync(key, Context.RequestAborted) is not { } found)
        {
            return AuthenticateResult.Fail("The key is not known, expired or revoked, or its person is locked out.");
        }

        var identity = new ClaimsIdentity(Scheme);
        identity.AddClaim(new(ClaimTypes.NameIdentifier, found.PersonId));
        identity.AddClaim(new(ClaimTypes.Name, found.UserName));
        identity.AddClaim(new(KeyClaim, ClaimOf(found.Id)));
        identity.AddClaims(found.Roles.Select(role => new Claim(ClaimTypes.Role, role)));
        identity.AddClaims(Scope.Of(found.Scopes).Select(scope => new Claim(ScopeClaim, Scope.Name(scope))));
        Context.Features.Set(new UsedKey(found.Id));
        return AuthenticateResult.Success(new(new(identity), Scheme));
    }

    protected override Task HandleChallengeAsync(AuthenticationProperties properties)
    {
        Response.Headers.WWWAuthenticate = "Bearer";
        Response.StatusCode = StatusCodes.Status401Unauthorized;
        return Task.CompletedTask;
    }

    private static string? KeyOf(HttpRequest request) =>
        request.Headers.Authorization.ToString() is { } header && header.StartsWith(Bearer, StringComparison.OrdinalIgnoreCase) ? header[Bearer.Length..].Trim()
        : request.Path.StartsWithSegments(LiveHub.Path) && request.Query["access_token"].ToString() is { Length: > 0 } token ? token
        : null;
}

/// <summary>The key that a request came with.</summary>
public sealed record UsedKey(long Id);

using System.Security.Claims;
using Annotator.Web.Api.Keys;
using Annotator.Web.Data;
using Annotator.Web.Live;
using Microsoft.AspNetCore.Identity;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;

namespace Annotator.Web.Api;

/// <summary>A connection to the hub may stay open for days: every minute it is asked whether its key, or its person, may still be there.</summary>
public sealed partial class LiveStillValid(
    IDbContextFactory<AnnotatorDbContext> contexts, LiveConnections connections, IOptions<IdentityOptions> identity, TimeProvider clock, ILogger<LiveStillValid> logger) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMinutes(1), clock);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            try
            {
                await LookAsync(stoppingToken);
            }
            catch (SqliteException e)
            {
                NotAsked(logger, e);
            }
        }
    }

    /// <summary>Ends the connections of keys that ended, and of people who were locked out, changed or deleted since they connected.</summary>
    public async Task LookAsync(CancellationToken cancellation = default)
    {
        var principals = connections.Principals.ToList();
        if (principals.Count == 0)
        {
            return;
        }

        var people = principals.Select(IdOf).ToHashSet();
        var now = clock.GetUtcNow();
        await using var db = await contexts.CreateDbContextAsync(cancellation);
        var stamps = await db.Users.Where(p => people.Contains(p.Id)).Select(p => new { p.Id, p.SecurityStamp, p.LockoutEnd }).ToDictionaryAsync(p => p.Id, cancellation);
        var keys = await db.ApiKeys.Where(k => k.RevokedAt == null && (k.ExpiresAt == null || k.ExpiresAt > now.UtcDateTime) && people.Contains(k.PersonId))
            .Select(k => k.Id).ToListAsync(cancellation);
        var valid = keys.Select(ApiKeyAuthentication.ClaimOf).ToHashSet(StringComparer.Ordinal);
        connections.End(user => !stamps.TryGetValue(IdOf(user), out var person) || person.LockoutEnd > now
            || (user.FindFirst(ApiKeyAuthentication.KeyClaim)?.Value is { } key
                ? !valid.Contains(key)
                : user.FindFirst(identity.Value.ClaimsIdentity.SecurityStampClaimType)?.Value != person.SecurityStamp));
    }

    private static string IdOf(ClaimsPrincipal user) => user.FindFirstValue(ClaimTypes.NameIdentifier) ?? "";

    [LoggerMessage(LogLevel.Warning, "Whether those connected to the hub may still be there could not be asked; it is tried again")]
    private static partial void NotAsked(ILogger logger, Exception e);
}

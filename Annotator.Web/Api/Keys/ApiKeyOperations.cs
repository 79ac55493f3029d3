using System.Buffers.Text;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Annotator.Web.Data;
using Annotator.Web.Languages;
using Annotator.Web.Live;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Localization;

namespace Annotator.Web.Api.Keys;

/// <summary>A key as lists show it.</summary>
public sealed record ApiKeyRow(
    long Id, string Name, string Start, string Person, ApiScopes Scopes, DateTime CreatedAt, DateTime? ExpiresAt, DateTime? RevokedAt, DateTime? LastUsedAt);

/// <summary>A key that was just made: the only time that it is to be seen.</summary>
public sealed record NewApiKey(long Id, string Key);

/// <summary>What a key stands for when it is used.</summary>
public sealed record FoundApiKey(long Id, string PersonId, string UserName, ApiScopes Scopes, IReadOnlyList<string> Roles);

/// <summary>Making, revoking and recognising keys.</summary>
public sealed class ApiKeyOperations(IDbContextFactory<AnnotatorDbContext> contexts, WriteGate gate, LiveConnections connections, TimeProvider clock, IStringLocalizer<Words> words)
{
    public const int MaxNameLength = 80;
    private const string Prefix = "ann_";
    private static readonly TimeSpan UsedEvery = TimeSpan.FromMinutes(1);

    private DateTime Now => clock.GetUtcNow().UtcDateTime;

    /// <summary>Every key, the newest first.</summary>
    /// <exception cref="NotAllowedException">Not an admin.</exception>
    public async Task<IReadOnlyList<ApiKeyRow>> ListAsync(CurrentPerson by, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(by);
        by.RequireAdmin();
        await using var db = await contexts.CreateDbContextAsync(cancellation);
        return await db.ApiKeys.OrderByDescending(k => k.Id)
            .Select(k => new ApiKeyRow(k.Id, k.Name, k.Start, k.Person!.UserName!, k.Scopes, k.CreatedAt, k.ExpiresAt, k.RevokedAt, k.LastUsedAt))
            .ToListAsync(cancellation);
    }

    /// <summary>Makes a key that acts as <paramref name="by"/>.</summary>
    /// <param name="expiresAt">UTC; null = never.</param>
    /// <exception cref="NotAllowedException">Not an admin.</exception>
    /// <exception cref="RefusedException">It has no name or no scope, or would expire at once.</exception>
    public async Task<NewApiKey> CreateAsync(CurrentPerson by, string name, ApiScopes scopes, DateTime? expiresAt, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(by);
        ArgumentNullException.ThrowIfNull(name);
        by.RequireAdmin();
        name = name.Trim();
        if (name is { Length: 0 or > MaxNameLength })
        {
            throw new RefusedException(words["A key needs a name of 1 to {0} characters: what is it for?", MaxNameLength]);
        }

        if (scopes == ApiScopes.None)
        {
            throw new RefusedException(words["A key without a scope opens nothing: choose at least one."]);
        }

        if (expiresAt <= Now)
        {
            throw new RefusedException(words["The key would have expired already: choose a later time."]);
        }

        var key = Prefix + Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32));
        var row = new ApiKey
        {
            PersonId = by.Id, Name = name, Start = key[..(Prefix.Length + 4)], Hash = Hash(key), Scopes = scopes, CreatedAt = Now, ExpiresAt = expiresAt,
        };
        using var turn = await gate.EnterAsync(cancellation);
        await using var db = await contexts.CreateDbContextAsync(cancellation);
        db.ApiKeys.Add(row);
        db.AuditEntries.Add(new()
        {
            PersonId = by.Id, Action = "key.create", At = Now,
            Detail = $"{by.Name} made the API key {name} ({row.Start}…) for {string.Join(", ", Scope.Of(scopes).Select(Scope.Name))}, {Until(expiresAt)}.",
        });
        await db.SaveChangesAsync(cancellation);
        return new(row.Id, key);
    }

    /// <summary>Ends a key at once and for good.</summary>
    /// <exception cref="NotAllowedException">Not an admin.</exception>
    /// <exception cref="RefusedException">There is no such key, or it is revoked already.</exception>
    public async Task RevokeAsync(CurrentPerson by, long id, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(by);
        by.RequireAdmin();
        using var turn = await gate.EnterAsync(cancellation);
        await using var db = await contexts.CreateDbContextAsync(cancellation);
        var key = await db.ApiKeys.SingleOrDefaultAsync(k => k.Id == id && k.RevokedAt == null, cancellation)
            ?? throw new RefusedException(words["There is no such key any more: reload the page."]);
        key.RevokedAt = Now;
        db.AuditEntries.Add(new() { PersonId = by.Id, Action = "key.revoke", Detail = $"{by.Name} revoked the API key {key.Name} ({key.Start}…).", At = Now });
        await db.SaveChangesAsync(cancellation);
        connections.End(user => user.HasClaim(ApiKeyAuthentication.KeyClaim, ApiKeyAuthentication.ClaimOf(id)));
    }

    /// <summary>What the key stands for; null if it is unknown, expired or revoked, or its person is locked out.</summary>
    public async Task<FoundApiKey?> FindAsync(string key, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(key);
        var (hash, now) = (Hash(key), Now);
        await using var db = await contexts.CreateDbContextAsync(cancellation);
        var found = await db.ApiKeys.Where(k => k.Hash == hash && k.RevokedAt == null)
            .Select(k => new
            {
                k.Id, k.PersonId, k.Person!.UserName, k.Scopes, k.ExpiresAt, k.LastUsedAt, k.Person.LockoutEnd,
                Roles = db.UserRoles.Where(link => link.UserId == k.PersonId).Join(db.Roles, link => link.RoleId, role => role.Id, (_, role) => role.Name!).ToList(),
            })
            .SingleOrDefaultAsync(cancellation);
        if (found is null || found.ExpiresAt <= now || found.LockoutEnd > clock.GetUtcNow())
        {
            return null;
        }

        if (found.LastUsedAt is not { } used || now - used >= UsedEvery)
        {
            using var turn = await gate.EnterAsync(cancellation);
            await db.ApiKeys.Where(k => k.Id == found.Id).ExecuteUpdateAsync(set => set.SetProperty(k => k.LastUsedAt, now), cancellation);
        }

        return new(found.Id, found.PersonId, found.UserName!, found.Scopes, found.Roles);
    }

    private static byte[] Hash(string key) => SHA256.HashData(Encoding.UTF8.GetBytes(key));

    private static string Until(DateTime? end) => end is { } at ? string.Create(CultureInfo.InvariantCulture, $"until {at:yyyy-MM-dd}") : "without an end";
}

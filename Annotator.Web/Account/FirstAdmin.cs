using System.Security.Cryptography;
using System.Text;
using Annotator.Web.Data;
using Annotator.Web.Languages;
using Annotator.Web.People;
using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Localization;

namespace Annotator.Web.Account;

/// <summary>
/// The first run: while there is no admin, whoever holds the token of the printed link may create one, once.
/// Only the token's hash is kept, in memory: a restart prints a new link.
/// </summary>
public sealed class FirstAdmin(IServiceScopeFactory scopes, IDbContextFactory<AnnotatorDbContext> contexts, TimeProvider time, IStringLocalizer<Words> words)
{
    private byte[]? tokenHash;

    /// <summary>A fresh token; the earlier one is void.</summary>
    public string IssueToken()
    {
        var token = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16));
        tokenHash = Hash(token);
        return token;
    }

    /// <summary>True if the token is the one that was printed.</summary>
    public bool Accepts(string? token) =>
        token is not null && tokenHash is { } hash && CryptographicOperations.FixedTimeEquals(Hash(token), hash);

    public async Task<bool> IsNeededAsync(CancellationToken cancellation = default)
    {
        await using var db = await contexts.CreateDbContextAsync(cancellation);
        return !await HasAdminAsync(db, cancellation);
    }

    /// <summary>Creates the admin, who is an annotator too, and voids the token.</summary>
    /// <exception cref="RefusedException">The token is wrong, there is an admin already, or the name or password won't do.</exception>
    public async Task<Person> CreateAsync(string? token, string userName, string password, CancellationToken cancellation = default)
    {
        if (!Accepts(token))
        {
            throw new RefusedException(words["This link is not the one that the app printed last: use the newest, or restart the app for another."]);
        }

        await using var scope = scopes.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<AnnotatorDbContext>();
        var people = scope.ServiceProvider.GetRequiredService<UserManager<Person>>();
        // The transaction holds SQLite's one write lock, so of two at once the second finds the first one's admin.
        await using var transaction = await db.Database.BeginTransactionAsync(cancellation);
        if (await HasAdminAsync(db, cancellation))
        {
            throw new RefusedException(words["There is an admin already: sign in."]);
        }

        var person = NewPerson.Create(userName, time);
        (await people.CreateAsync(person, password)).OrRefuse();
        (await people.AddToRolesAsync(person, [Roles.Admin, Roles.Annotator])).OrRefuse();
        db.AuditEntries.Add(new() { PersonId = person.Id, Action = "person.create", Detail = $"{person.UserName} set up the first admin account.", At = time.GetUtcNow().UtcDateTime });
        await db.SaveChangesAsync(cancellation);
        await transaction.CommitAsync(cancellation);
        tokenHash = null;
        return person;
    }

    private static Task<bool> HasAdminAsync(AnnotatorDbContext db, CancellationToken cancellation) =>
        db.UserRoles.AnyAsync(link => db.Roles.Any(role => role.Id == link.RoleId && role.Name == Roles.Admin), cancellation);

    private static byte[] Hash(string token) => SHA256.HashData(Encoding.UTF8.GetBytes(token));
}

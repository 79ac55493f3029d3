using System.Security.Cryptography;
using System.Text;
using Annotator.Web.Data;
using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Web.People;

/// <summary>A link that was just made; its token is shown this once.</summary>
/// <param name="Path">Where it leads in this app, token included.</param>
/// <param name="UserName">Whose password it renews; null if it makes an account.</param>
public sealed record IssuedLink(long Id, string Path, DateTime ExpiresAt, string? Role, string? UserName);

/// <summary>A link that nobody has used yet.</summary>
/// <param name="Role">Of the account that it makes; null if it renews the password of <paramref name="UserName"/>.</param>
public sealed record OpenLink(long Id, string? Role, string? UserName, string CreatedBy, DateTime CreatedAt, DateTime ExpiresAt);

/// <content>Links by which people join, or choose a new password, without an admin knowing it.</content>
public sealed partial class PeopleOperations
{
    public static readonly TimeSpan LongestLink = TimeSpan.FromDays(90);

    /// <summary>Makes a link by which one person makes their account.</summary>
    /// <param name="role">One of <see cref="Roles.All"/>.</param>
    /// <param name="lasts">Up to <see cref="LongestLink"/>.</param>
    /// <exception cref="NotAllowedException">Not an admin.</exception>
    /// <exception cref="RefusedException">There is no such role, or the time is not one.</exception>
    public Task<IssuedLink> InviteAsync(CurrentPerson by, string role, TimeSpan lasts, CancellationToken cancellation = default) =>
        IssueAsync(by, Known(role), null, lasts, cancellation);

    /// <summary>Makes a link by which somebody chooses a new password; an earlier one is void. Until it is used the old password works.</summary>
    /// <exception cref="NotAllowedException">Not an admin.</exception>
    /// <exception cref="RefusedException">There is no such account, or the time is not one.</exception>
    public Task<IssuedLink> LinkToResetPasswordAsync(CurrentPerson by, string personId, TimeSpan lasts, CancellationToken cancellation = default) =>
        IssueAsync(by, null, personId, lasts, cancellation);

    /// <summary>The links that still work, newest first.</summary>
    /// <exception cref="NotAllowedException">Not an admin.</exception>
    public async Task<IReadOnlyList<OpenLink>> LinksAsync(CurrentPerson by, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(by);
        by.RequireAdmin();
        await using var db = await contexts.CreateDbContextAsync(cancellation);
        return await db.AccountLinks.Where(l => l.ExpiresAt > Now && (l.PersonId == null || l.Person!.SecurityStamp == l.SecurityStamp)).OrderByDescending(l => l.Id)
            .Select(l => new OpenLink(l.Id, l.Role, l.Person!.UserName, l.CreatedBy!.UserName!, l.CreatedAt, l.ExpiresAt)).ToListAsync(cancellation);
    }

    /// <summary>Makes a link void.</summary>
    /// <exception cref="NotAllowedException">Not an admin.</exception>
    /// <exception cref="RefusedException">It was used or withdrawn already.</exception>
    public Task WithdrawLinkAsync(CurrentPerson by, long linkId, CancellationToken cancellation = default) =>
        ChangeAsync(by, (_, audit) =>
        {
            audit("person.withdraw-link", $"{by.Name} withdrew link {linkId}.");
            return Task.FromResult(true);
        }, cancellation, afterwards: async db =>
        {
            if (await db.AccountLinks.Where(l => l.Id == linkId).ExecuteDeleteAsync(cancellation) == 0)
            {
                throw new RefusedException(words["That link was used or withdrawn already: reload the page."]);
            }
        });

    /// <summary>What a token opens; null if it opens nothing (any more).</summary>
    public async Task<OpenLink?> FindLinkAsync(string? token, CancellationToken cancellation = default)
    {
        await using var db = await contexts.CreateDbContextAsync(cancellation);
        return await FindAsync(db, token, cancellation) is { } link
            ? new(link.Id, link.Role, link.Person?.UserName, link.CreatedBy!.UserName!, link.CreatedAt, link.ExpiresAt)
            : null;
    }

    /// <summary>Whoever holds the link makes their account with it; it works once.</summary>
    /// <exception cref="RefusedException">The link is void, or the name or password won't do: then the link still works.</exception>
    public Task<Person> JoinAsync(string? token, string userName, string password, CancellationToken cancellation = default) =>
        UseAsync(token, async (people, link, audit) =>
        {
            if (link.Role is not { } role)
            {
                throw Void();
            }

            var person = NewPerson.Create(userName, time);
            (await people.CreateAsync(person, password)).OrRefuse();
            (await people.AddToRolesAsync(person, Roles.Of(role))).OrRefuse();
            audit(person, "person.join", $"{person.UserName} joined with the role {role}, by a link of {link.CreatedBy!.UserName}.");
            return person;
        }, cancellation);

    /// <summary>Whoever holds the link chooses the password; it works once, and who holds the old password is signed out within a minute.</summary>
    /// <exception cref="RefusedException">The link is void, or the password won't do: then the link still works.</exception>
    public Task<Person> ChoosePasswordAsync(string? token, string password, CancellationToken cancellation = default) =>
        UseAsync(token, async (people, link, audit) =>
        {
            var person = link.Person ?? throw Void();
            person.MustChangePassword = false;
            (await people.RemovePasswordAsync(person)).OrRefuse();
            (await people.AddPasswordAsync(person, password)).OrRefuse();
            await ForgetFailuresAsync(people, person);
            audit(person, "person.choose-password", $"{person.UserName} chose a new password, by a link of {link.CreatedBy!.UserName}.");
            return person;
        }, cancellation);

    private DateTime Now => time.GetUtcNow().UtcDateTime;

    private async Task<IssuedLink> IssueAsync(CurrentPerson by, string? role, string? personId, TimeSpan lasts, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(by);
        if (lasts <= TimeSpan.Zero || lasts > LongestLink)
        {
            throw new RefusedException(words["A link may work for {0} days at most.", LongestLink.Days]);
        }

        var token = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16));
        var link = new AccountLink { TokenHash = Hash(token), Role = role, PersonId = personId, CreatedById = by.Id, CreatedAt = Now, ExpiresAt = Now + lasts };
        string? userName = null;
        await ChangeAsync(by, async (people, audit) =>
        {
            if (personId is not null)
            {
                var person = await FindAsync(people, personId);
                (userName, link.SecurityStamp) = (person.UserName, person.SecurityStamp);
            }

            audit(role is null ? "person.reset-link" : "person.invite", role is null ? $"{by.Name} made a link to renew the password of {userName}." : $"{by.Name} made a link to join with the role {role}.");
            return true;
        }, cancellation, afterwards: async db =>
        {
            // What is void is of no use to anybody; and of somebody's links to a new password only the newest opens.
            await db.AccountLinks.Where(l => l.ExpiresAt <= Now || (personId != null && l.PersonId == personId)).ExecuteDeleteAsync(cancellation);
            db.AccountLinks.Add(link);
            await db.SaveChangesAsync(cancellation);
        });
        return new(link.Id, $"{(role is null ? "/new-password" : "/join")}?token={token}", link.ExpiresAt, role, userName);
    }

    private async Task<Person> UseAsync(
        string? token, Func<UserManager<Person>, AccountLink, Action<Person, string, string>, Task<Person>> use, CancellationToken cancellation)
    {
        await using var scope = scopes.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<AnnotatorDbContext>();
        // The transaction holds SQLite's one write lock, so of two at once the second finds the link gone.
        await using var transaction = await db.Database.BeginTransactionAsync(cancellation);
        var link = await FindAsync(db, token, cancellation) ?? throw Void();
        var person = await use(
            scope.ServiceProvider.GetRequiredService<UserManager<Person>>(), link,
            (who, action, detail) => db.AuditEntries.Add(new() { PersonId = who.Id, Action = action, Detail = detail, At = Now }));
        db.AccountLinks.Remove(link);
        await db.SaveChangesAsync(cancellation);
        await transaction.CommitAsync(cancellation);
        return person;
    }

    private async Task<AccountLink?> FindAsync(AnnotatorDbContext db, string? token, CancellationToken cancellation)
    {
        if (token is null)
        {
            return null;
        }

        var hash = Hash(token);
        return await db.AccountLinks.Include(l => l.Person).Include(l => l.CreatedBy)
            .Where(l => l.TokenHash == hash && l.ExpiresAt > Now && (l.PersonId == null || l.Person!.SecurityStamp == l.SecurityStamp))
            .SingleOrDefaultAsync(cancellation);
    }

    private RefusedException Void() => new(words["This link was used, has expired or was withdrawn: ask an admin for another."]);

    private static string Hash(string token) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(token)));
}

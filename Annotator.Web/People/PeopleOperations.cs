using Annotator.Web.Data;
using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Web.People;

/// <summary>What the People page shows of somebody.</summary>
public sealed record PersonRow(
    string Id, string UserName, bool IsAdmin, bool IsLocked, bool HasOneTimePassword, DateTime CreatedAt, DateTime? LastAnnotatingAt, int Judgments);

/// <summary>A new account, with the password that is shown this once.</summary>
public sealed record OneTimePassword(string UserName, string Password);

/// <summary>The accounts. Each operation checks who asks, and leaves its audit row in its own transaction.</summary>
public sealed class PeopleOperations(IServiceScopeFactory scopes, IDbContextFactory<AnnotatorDbContext> contexts, TimeProvider time)
{
    /// <summary>Everybody with an account, by name.</summary>
    /// <exception cref="NotAllowedException">Not an admin.</exception>
    public async Task<IReadOnlyList<PersonRow>> ListAsync(CurrentPerson by, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(by);
        by.RequireAdmin();
        await using var db = await contexts.CreateDbContextAsync(cancellation);
        var admins = db.UserRoles.Where(link => db.Roles.Any(role => role.Id == link.RoleId && role.Name == Roles.Admin)).Select(link => link.UserId);
        var rows = await db.Users.Where(p => !p.IsImported).OrderBy(p => p.NormalizedUserName).Select(p => new
        {
            Person = p,
            IsAdmin = admins.Contains(p.Id),
            Judgments = db.Judgments.Count(j => j.AnnotatorId == p.Id && !j.IsSuperseded && j.Verdict != Verdict.Withdrawn),
        }).AsNoTracking().ToListAsync(cancellation);
        return [.. rows.Select(row => new PersonRow(
            row.Person.Id, row.Person.UserName!, row.IsAdmin, IsLocked(row.Person), row.Person.MustChangePassword,
            row.Person.CreatedAt, row.Person.LastAnnotatingAt, row.Judgments))];
    }

    /// <summary>Creates an annotator, who may be an admin too.</summary>
    /// <exception cref="NotAllowedException">Not an admin.</exception>
    /// <exception cref="RefusedException">The name is taken or has characters that a name can't have.</exception>
    public Task<OneTimePassword> CreateAsync(CurrentPerson by, string userName, bool isAdmin, CancellationToken cancellation = default) =>
        ChangeAsync(by, async (people, audit) =>
        {
            var person = NewPerson.Create(userName, time);
            person.MustChangePassword = true;
            var password = NewPerson.OneTimePassword();
            (await people.CreateAsync(person, password)).OrRefuse();
            (await people.AddToRolesAsync(person, isAdmin ? [Roles.Admin, Roles.Annotator] : [Roles.Annotator])).OrRefuse();
            audit("person.create", $"{by.Name} created {person.UserName}{(isAdmin ? ", an admin" : "")}.");
            return new OneTimePassword(person.UserName!, password);
        }, cancellation);

    /// <summary>Gives somebody a new one-time password; who holds the old one is signed out within a minute.</summary>
    /// <exception cref="NotAllowedException">Not an admin.</exception>
    public Task<OneTimePassword> ResetPasswordAsync(CurrentPerson by, string personId, CancellationToken cancellation = default) =>
        ChangeAsync(by, async (people, audit) =>
        {
            var person = await FindAsync(people, personId);
            var reset = await ResetAsync(people, person);
            audit("person.reset-password", $"{by.Name} reset the password of {person.UserName}.");
            return reset;
        }, cancellation);

    /// <summary>Keeps somebody out, or lets them in again. Their judgments stay.</summary>
    /// <exception cref="NotAllowedException">Not an admin.</exception>
    /// <exception cref="RefusedException">It is oneself: so at least one admin can always sign in.</exception>
    public Task SetLockedAsync(CurrentPerson by, string personId, bool locked, CancellationToken cancellation = default) =>
        ChangeAsync(by, async (people, audit) =>
        {
            if (locked && personId == by.Id)
            {
                throw new RefusedException("You can't lock your own account: another admin can.");
            }

            var person = await FindAsync(people, personId);
            (await people.SetLockoutEndDateAsync(person, locked ? DateTimeOffset.MaxValue : null)).OrRefuse();
            (await people.ResetAccessFailedCountAsync(person)).OrRefuse();
            (await people.UpdateSecurityStampAsync(person)).OrRefuse();
            audit(locked ? "person.lock" : "person.unlock", $"{by.Name} {(locked ? "locked" : "unlocked")} {person.UserName}.");
            return true;
        }, cancellation);

    /// <summary>The command line's way for an admin who lost the password: whoever can write the data folder may.</summary>
    /// <returns>Null if nobody has that name.</returns>
    public async Task<OneTimePassword?> ResetPasswordFromConsoleAsync(string userName, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(userName);
        return await ChangeAsync(null, async (people, audit) =>
        {
            if (await people.FindByNameAsync(userName) is not { } person)
            {
                return null;
            }

            var reset = await ResetAsync(people, person);
            audit("person.reset-password", $"The password of {person.UserName} was reset on the command line.");
            return reset;
        }, cancellation);
    }

    private async Task<T> ChangeAsync<T>(
        CurrentPerson? by, Func<UserManager<Person>, Action<string, string>, Task<T>> change, CancellationToken cancellation)
    {
        by?.RequireAdmin();
        // A scope of its own: Identity's store writes through the scope's context, so all of it is one transaction.
        await using var scope = scopes.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<AnnotatorDbContext>();
        await using var transaction = await db.Database.BeginTransactionAsync(cancellation);
        var result = await change(
            scope.ServiceProvider.GetRequiredService<UserManager<Person>>(),
            (action, detail) => db.AuditEntries.Add(new() { PersonId = by?.Id, Action = action, Detail = detail, At = time.GetUtcNow().UtcDateTime }));
        await db.SaveChangesAsync(cancellation);
        await transaction.CommitAsync(cancellation);
        return result;
    }

    private static async Task<OneTimePassword> ResetAsync(UserManager<Person> people, Person person)
    {
        var password = NewPerson.OneTimePassword();
        person.MustChangePassword = true;
        (await people.RemovePasswordAsync(person)).OrRefuse();
        (await people.AddPasswordAsync(person, password)).OrRefuse();
        // After five failed attempts of the wrong person, the right one need not wait.
        if (!IsLocked(person))
        {
            (await people.SetLockoutEndDateAsync(person, null)).OrRefuse();
            (await people.ResetAccessFailedCountAsync(person)).OrRefuse();
        }

        return new(person.UserName!, password);
    }

    // An admin's lock has no end; the five minutes after failed attempts are not one.
    private static bool IsLocked(Person person) => person.LockoutEnd == DateTimeOffset.MaxValue;

    private static async Task<Person> FindAsync(UserManager<Person> people, string id) =>
        await people.FindByIdAsync(id) ?? throw new RefusedException("That account no longer exists: reload the page.");
}

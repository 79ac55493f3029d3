using Annotator.Web.Data;
using Annotator.Web.Languages;
using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Localization;

namespace Annotator.Web.People;

/// <summary>What the People page shows of somebody.</summary>
/// <param name="Role">One of <see cref="Roles.All"/>.</param>
/// <param name="Judgments">Current ones, in all studies.</param>
public sealed record PersonRow(
    string Id, string UserName, string Pseudonym, string Role, bool IsLocked, bool HasOneTimePassword, DateTime CreatedAt, DateTime? LastAnnotatingAt, int Judgments)
{
    public bool IsAdmin => Role == Roles.Admin;
}

/// <summary>A new account, with the password that is shown this once.</summary>
public sealed record OneTimePassword(string UserName, string Password);

/// <summary>The accounts. Each operation checks who asks, and leaves its audit row in its own transaction.</summary>
public sealed partial class PeopleOperations(IServiceScopeFactory scopes, IDbContextFactory<AnnotatorDbContext> contexts, TimeProvider time, IStringLocalizer<Words> words)
{
    /// <summary>Everybody with an account, by name.</summary>
    /// <exception cref="NotAllowedException">Not an admin.</exception>
    public async Task<IReadOnlyList<PersonRow>> ListAsync(CurrentPerson by, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(by);
        by.RequireAdmin();
        await using var db = await contexts.CreateDbContextAsync(cancellation);
        var rows = await db.Users.Where(p => !p.IsImported && !p.IsSimulated && p.DeletedAt == null).OrderBy(p => p.NormalizedUserName).Select(p => new
        {
            Person = p,
            Roles = db.UserRoles.Where(link => link.UserId == p.Id).Join(db.Roles, link => link.RoleId, role => role.Id, (link, role) => role.Name).ToList(),
        }).AsNoTracking().ToListAsync(cancellation);
        // In one walk along an index that has all it asks for; person by person SQLite would take another, and look each row up.
        var judgments = await db.Judgments.Where(j => !j.IsSuperseded && j.Verdict != Verdict.Withdrawn)
            .GroupBy(j => j.AnnotatorId).Select(own => new { own.Key, Count = own.Count() }).ToDictionaryAsync(own => own.Key, own => own.Count, cancellation);
        return [.. rows.Select(row => new PersonRow(
            row.Person.Id, row.Person.UserName!, row.Person.Pseudonym, RoleOf(row.Roles), IsLocked(row.Person), row.Person.MustChangePassword,
            row.Person.CreatedAt, row.Person.LastAnnotatingAt, judgments.GetValueOrDefault(row.Person.Id)))];
    }

    /// <summary>Creates an account.</summary>
    /// <param name="role">One of <see cref="Roles.All"/>.</param>
    /// <exception cref="NotAllowedException">Not an admin.</exception>
    /// <exception cref="RefusedException">The name is taken or has characters that a name can't have, or there is no such role.</exception>
    public Task<OneTimePassword> CreateAsync(CurrentPerson by, string userName, string role, CancellationToken cancellation = default) =>
        ChangeAsync(by, async (people, audit) =>
        {
            var person = NewPerson.Create(userName, time);
            person.MustChangePassword = true;
            var password = NewPerson.OneTimePassword();
            (await people.CreateAsync(person, password)).OrRefuse();
            (await people.AddToRolesAsync(person, Roles.Of(Known(role)))).OrRefuse();
            audit("person.create", $"{by.Name} created {person.UserName} with the role {role}.");
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
                throw new RefusedException(words["You can't lock your own account: another admin can."]);
            }

            var person = await FindAsync(people, personId);
            (await people.SetLockoutEndDateAsync(person, locked ? DateTimeOffset.MaxValue : null)).OrRefuse();
            (await people.ResetAccessFailedCountAsync(person)).OrRefuse();
            (await people.UpdateSecurityStampAsync(person)).OrRefuse();
            audit(locked ? "person.lock" : "person.unlock", $"{by.Name} {(locked ? "locked" : "unlocked")} {person.UserName}.");
            return true;
        }, cancellation);

    /// <summary>Gives somebody another role; open pages that it no longer opens close within a minute.</summary>
    /// <param name="role">One of <see cref="Roles.All"/>.</param>
    /// <exception cref="NotAllowedException">Not an admin.</exception>
    /// <exception cref="RefusedException">It is oneself: so there is always an admin.</exception>
    public Task SetRoleAsync(CurrentPerson by, string personId, string role, CancellationToken cancellation = default) =>
        ChangeAsync(by, async (people, audit) =>
        {
            if (personId == by.Id)
            {
                throw new RefusedException(words["You can't change your own role: another admin can."]);
            }

            var person = await FindAsync(people, personId);
            (await people.RemoveFromRolesAsync(person, await people.GetRolesAsync(person))).OrRefuse();
            (await people.AddToRolesAsync(person, Roles.Of(Known(role)))).OrRefuse();
            (await people.UpdateSecurityStampAsync(person)).OrRefuse();
            audit("person.role", $"{by.Name} gave {person.UserName} the role {role}.");
            return true;
        }, cancellation);

    /// <summary>
    /// Deletes an account: its name, password, roles, drafts and links are gone, and nobody signs in with it again. What the
    /// person judged and wrote stays under the pseudonym. Audit entries keep the name they were written with.
    /// </summary>
    /// <exception cref="NotAllowedException">Not an admin.</exception>
    /// <exception cref="RefusedException">It is oneself: so there is always an admin.</exception>
    public Task DeleteAsync(CurrentPerson by, string personId, CancellationToken cancellation = default) =>
        ChangeAsync(by, async (people, audit) =>
        {
            if (personId == by.Id)
            {
                throw new RefusedException(words["You can't delete your own account: another admin can."]);
            }

            var person = await FindAsync(people, personId);
            var name = person.UserName;
            (await people.RemoveFromRolesAsync(person, await people.GetRolesAsync(person))).OrRefuse();
            (person.UserName, person.Email, person.PasswordHash, person.MustChangePassword) = (person.Pseudonym, null, null, false);
            (person.LastAnnotatingAt, person.TourSeenAt) = (null, null);
            (person.DeletedAt, person.LockoutEnd) = (time.GetUtcNow().UtcDateTime, DateTimeOffset.MaxValue);
            (await people.UpdateSecurityStampAsync(person)).OrRefuse();
            audit("person.delete", $"{by.Name} deleted the account of {name}.");
            return true;
        }, cancellation, afterwards: async db =>
        {
            await db.AccountLinks.Where(l => l.PersonId == personId).ExecuteDeleteAsync(cancellation);
            await db.Drafts.Where(d => d.AnnotatorId == personId).ExecuteDeleteAsync(cancellation);
            await db.SeenStretches.Where(s => s.AnnotatorId == personId).ExecuteDeleteAsync(cancellation);
            // The next operation at a desk gives their places back.
            await db.Leases.Where(l => l.AnnotatorId == personId).ExecuteUpdateAsync(set => set.SetProperty(l => l.ExpiresAt, DateTime.UnixEpoch), cancellation);
        });

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
        CurrentPerson? by, Func<UserManager<Person>, Action<string, string>, Task<T>> change, CancellationToken cancellation, Func<AnnotatorDbContext, Task>? afterwards = null)
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
        await (afterwards?.Invoke(db) ?? Task.CompletedTask);
        await transaction.CommitAsync(cancellation);
        return result;
    }

    private static async Task<OneTimePassword> ResetAsync(UserManager<Person> people, Person person)
    {
        var password = NewPerson.OneTimePassword();
        person.MustChangePassword = true;
        (await people.RemovePasswordAsync(person)).OrRefuse();
        (await people.AddPasswordAsync(person, password)).OrRefuse();
        await ForgetFailuresAsync(people, person);
        return new(person.UserName!, password);
    }

    /// <summary>After five failed attempts of the wrong person, the right one need not wait. An admin's lock stays.</summary>
    private static async Task ForgetFailuresAsync(UserManager<Person> people, Person person)
    {
        if (!IsLocked(person))
        {
            (await people.SetLockoutEndDateAsync(person, null)).OrRefuse();
            (await people.ResetAccessFailedCountAsync(person)).OrRefuse();
        }
    }

    private string Known(string role) => Roles.All.Contains(role)
        ? role
        : throw new RefusedException(words["There is no role {0}: choose {1} or {2}.", role, string.Join(", ", Roles.All.SkipLast(1)), Roles.All[^1]]);

    private static string RoleOf(List<string?> roles) =>
        roles.Contains(Roles.Admin) ? Roles.Admin : roles.Contains(Roles.Viewer) ? Roles.Viewer : Roles.Annotator;

    // An admin's lock has no end; the five minutes after failed attempts are not one.
    private static bool IsLocked(Person person) => person.LockoutEnd == DateTimeOffset.MaxValue;

    private async Task<Person> FindAsync(UserManager<Person> people, string id) =>
        await people.FindByIdAsync(id) is { IsImported: false, DeletedAt: null } person
            ? person
            : throw new RefusedException(words["That account no longer exists: reload the page."]);
}

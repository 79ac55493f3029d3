using System.Security.Claims;
using Annotator.Web.Data;
using Annotator.Web.People;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Annotator.Web.Api.Endpoints;

/// <summary>An account to make.</summary>
/// <param name="Role"><c>annotator</c>, <c>viewer</c> or <c>admin</c>.</param>
public sealed record NewAccount(string UserName, string Role = Roles.Annotator);

/// <summary>Another role for somebody.</summary>
public sealed record NewRole(string Role);

/// <summary>A link by which somebody joins.</summary>
public sealed record NewInvitation(string Role = Roles.Annotator, double Hours = 72);

/// <summary>A link by which somebody chooses a new password.</summary>
public sealed record NewPasswordLink(double Hours = 24);

internal static class PeopleEndpoints
{
    public static void MapPeople(this IEndpointRouteBuilder api)
    {
        var people = api.MapGroup("/people").WithTags("People").Needs(ApiScopes.Admin);
        people.MapGet("", ListAsync).WithSummary("Everybody with an account, by name");
        people.MapPost("", CreateAsync).WithMetadata(new Creates()).WithSummary("Make an account; its one-time password is in the answer, this once");
        people.MapPost("/{person}/lock", (ClaimsPrincipal user, string person, PeopleOperations people, CancellationToken cancellation) => LockAsync(user, person, true, people, cancellation))
            .WithSummary("Keep somebody out; their judgments stay");
        people.MapPost("/{person}/unlock", (ClaimsPrincipal user, string person, PeopleOperations people, CancellationToken cancellation) => LockAsync(user, person, false, people, cancellation))
            .WithSummary("Let somebody in again");
        people.MapPut("/{person}/role", RoleAsync).WithSummary("Give somebody another role");
        people.MapDelete("/{person}", DeleteAsync).WithSummary("Delete an account; what it judged stays under the pseudonym");
        people.MapGet("/links", LinksAsync).WithSummary("The links that nobody has used yet");
        people.MapPost("/links", InviteAsync).WithMetadata(new Creates()).WithSummary("A link by which somebody joins; it is in the answer, this once");
        people.MapDelete("/links/{link:long}", WithdrawAsync).WithSummary("Make a link void");
        people.MapPost("/{person}/password-link", PasswordLinkAsync).WithMetadata(new Creates()).WithSummary("A link by which somebody chooses a new password; it is in the answer, this once");
        people.MapPost("/{person}/reset-password", ResetAsync).WithSummary("A new one-time password, in the answer this once");
    }

    private static async Task<Ok<Page<PersonRow>>> ListAsync(ClaimsPrincipal user, PeopleOperations people, CancellationToken cancellation) =>
        TypedResults.Ok(new Page<PersonRow>(await people.ListAsync(CurrentPerson.From(user), cancellation), null));

    private static async Task<Created<OneTimePassword>> CreateAsync(ClaimsPrincipal user, Body<NewAccount> account, PeopleOperations people, CancellationToken cancellation) =>
        TypedResults.Created((string?)null, await people.CreateAsync(CurrentPerson.From(user), account.Value.UserName, account.Value.Role, cancellation));

    private static async Task<NoContent> LockAsync(ClaimsPrincipal user, string person, bool locked, PeopleOperations people, CancellationToken cancellation)
    {
        await people.GetAsync(user, person, cancellation);
        await people.SetLockedAsync(CurrentPerson.From(user), person, locked, cancellation);
        return TypedResults.NoContent();
    }

    private static async Task<Ok<OneTimePassword>> ResetAsync(ClaimsPrincipal user, string person, PeopleOperations people, CancellationToken cancellation)
    {
        await people.GetAsync(user, person, cancellation);
        return TypedResults.Ok(await people.ResetPasswordAsync(CurrentPerson.From(user), person, cancellation));
    }

    private static async Task<NoContent> RoleAsync(ClaimsPrincipal user, string person, Body<NewRole> body, PeopleOperations people, CancellationToken cancellation)
    {
        await people.GetAsync(user, person, cancellation);
        await people.SetRoleAsync(CurrentPerson.From(user), person, body.Value.Role, cancellation);
        return TypedResults.NoContent();
    }

    private static async Task<NoContent> DeleteAsync(ClaimsPrincipal user, string person, PeopleOperations people, CancellationToken cancellation)
    {
        await people.GetAsync(user, person, cancellation);
        await people.DeleteAsync(CurrentPerson.From(user), person, cancellation);
        return TypedResults.NoContent();
    }

    private static async Task<Ok<Page<OpenLink>>> LinksAsync(ClaimsPrincipal user, PeopleOperations people, CancellationToken cancellation) =>
        TypedResults.Ok(new Page<OpenLink>(await people.LinksAsync(CurrentPerson.From(user), cancellation), null));

    private static async Task<Created<IssuedLink>> InviteAsync(ClaimsPrincipal user, Body<NewInvitation> body, PeopleOperations people, CancellationToken cancellation) =>
        TypedResults.Created((string?)null, await people.InviteAsync(CurrentPerson.From(user), body.Value.Role, Lasting(body.Value.Hours), cancellation));

    private static async Task<NoContent> WithdrawAsync(ClaimsPrincipal user, long link, PeopleOperations people, CancellationToken cancellation)
    {
        await people.WithdrawLinkAsync(CurrentPerson.From(user), link, cancellation);
        return TypedResults.NoContent();
    }

    private static async Task<Created<IssuedLink>> PasswordLinkAsync(ClaimsPrincipal user, string person, Body<NewPasswordLink> body, PeopleOperations people, CancellationToken cancellation)
    {
        await people.GetAsync(user, person, cancellation);
        return TypedResults.Created((string?)null, await people.LinkToResetPasswordAsync(CurrentPerson.From(user), person, Lasting(body.Value.Hours), cancellation));
    }

    private static TimeSpan Lasting(double hours) =>
        hours is > 0 and <= 24 * 366 ? TimeSpan.FromHours(hours) : throw ProblemException.BadRequest("hours must be above 0, and a year at most.");

    private static async Task<PersonRow> GetAsync(this PeopleOperations people, ClaimsPrincipal user, string person, CancellationToken cancellation) =>
        (await people.ListAsync(CurrentPerson.From(user), cancellation)).FirstOrDefault(row => row.Id == person) ?? throw ProblemException.NotFound($"There is no account {person}.");
}

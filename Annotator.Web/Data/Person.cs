using Microsoft.AspNetCore.Identity;

namespace Annotator.Web.Data;

/// <summary>Somebody with an account: an annotator, a viewer, or an admin, who is an annotator too.</summary>
public sealed class Person : IdentityUser
{
    /// <summary>The name that stands for this person in exports; random, never derived from the user name.</summary>
    public required string Pseudonym { get; set; }

    public required DateTime CreatedAt { get; set; }

    /// <summary>When this person was last seen at the desk (UTC); decides how many comparisons are kept in stock.</summary>
    public DateTime? LastAnnotatingAt { get; set; }

    /// <summary>True while the password is a one-time password from an admin: the next page is then the one that changes it.</summary>
    public bool MustChangePassword { get; set; }

    /// <summary>Stands for somebody who judged in an imported file: no account, so no sign-in.</summary>
    public bool IsImported { get; set; }

    /// <summary>
    /// When the account was deleted (UTC): the name is then the pseudonym, nobody can sign in, and the judgments stay under it.
    /// </summary>
    public DateTime? DeletedAt { get; set; }

    /// <summary>A program that judges demo studies (<see cref="Study.IsDemo"/>), and nothing else: no account, so no sign-in.</summary>
    public bool IsSimulated { get; set; }

    /// <summary>When this person first saw the tour (UTC); null = the desk begins with it.</summary>
    public DateTime? TourSeenAt { get; set; }
}

/// <summary>The roles of Identity, by name.</summary>
public static class Roles
{
    public const string Admin = "admin";
    public const string Annotator = "annotator";

    /// <summary>Sees rounds, the dataset and people's work under pseudonyms; changes nothing.</summary>
    public const string Viewer = "viewer";

    /// <summary>Whoever may look at the studio, for <c>[Authorize(Roles = …)]</c>: <see cref="CurrentPerson.RequireViewer"/>.</summary>
    public const string Viewers = $"{Admin},{Viewer}";

    /// <summary>What an account may be made as.</summary>
    public static IReadOnlyList<string> All { get; } = [Annotator, Viewer, Admin];

    /// <summary>The roles that an account made as <paramref name="role"/> has: an admin annotates too.</summary>
    public static IReadOnlyList<string> Of(string role) => role == Admin ? [Admin, Annotator] : [role];
}

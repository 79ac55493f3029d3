using Microsoft.AspNetCore.Identity;

namespace Annotator.Web.Data;

/// <summary>Somebody with an account: an annotator, an admin, or both.</summary>
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

    /// <summary>When this person first saw the tour (UTC); null = the desk begins with it.</summary>
    public DateTime? TourSeenAt { get; set; }
}

/// <summary>The roles of Identity, by name.</summary>
public static class Roles
{
    public const string Admin = "admin";
    public const string Annotator = "annotator";
}

namespace Annotator.Web.Data;

/// <summary>
/// A link that works once and for some time: whoever opens it makes an account with a role, or chooses a new password for
/// an account that is there. Only its token's hash is kept; a link that was used or withdrawn is a row no more.
/// </summary>
public sealed class AccountLink
{
    public long Id { get; set; }

    /// <summary>SHA-256 of the token, hexadecimal.</summary>
    public required string TokenHash { get; set; }

    /// <summary>The role of the account that it makes (<see cref="Roles.All"/>); null if it gives a new password to <see cref="Person"/>.</summary>
    public string? Role { get; set; }

    /// <summary>Whose password it renews; null if it makes an account.</summary>
    public string? PersonId { get; set; }
    public Person? Person { get; set; }

    /// <summary>The person's security stamp when the link was made: a password that was changed since makes it void.</summary>
    public string? SecurityStamp { get; set; }

    public required string CreatedById { get; set; }
    public Person? CreatedBy { get; set; }
    public required DateTime CreatedAt { get; set; }
    public required DateTime ExpiresAt { get; set; }
}

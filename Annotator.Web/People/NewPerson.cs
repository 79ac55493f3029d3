using System.Security.Cryptography;
using Annotator.Web.Data;
using Microsoft.AspNetCore.Identity;

namespace Annotator.Web.People;

/// <summary>What every new account begins with.</summary>
public static class NewPerson
{
    // No letters or digits that look like another.
    private const string Alphabet = "abcdefghjkmnpqrstuvwxyz23456789";

    /// <summary>A person with a random pseudonym, not yet saved.</summary>
    public static Person Create(string userName, TimeProvider time)
    {
        ArgumentNullException.ThrowIfNull(userName);
        ArgumentNullException.ThrowIfNull(time);
        return new()
        {
            UserName = userName.Trim(),
            Pseudonym = $"annotator-{RandomNumberGenerator.GetString(Alphabet, 8)}",
            CreatedAt = time.GetUtcNow().UtcDateTime,
        };
    }

    /// <summary>Four groups of four, 79 bits: easy to read to somebody, to be changed at the first sign-in.</summary>
    public static string OneTimePassword() =>
        string.Join('-', Enumerable.Range(0, 4).Select(_ => RandomNumberGenerator.GetString(Alphabet, 4)));

    /// <exception cref="RefusedException">Identity refused; the message has its reasons.</exception>
    public static void OrRefuse(this IdentityResult result)
    {
        ArgumentNullException.ThrowIfNull(result);
        if (!result.Succeeded)
        {
            throw new RefusedException(string.Join(' ', result.Errors.Select(e => e.Description)));
        }
    }
}

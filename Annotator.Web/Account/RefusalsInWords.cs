using Annotator.Web.Languages;
using Microsoft.AspNetCore.Identity;
using Microsoft.Extensions.Localization;

namespace Annotator.Web.Account;

/// <summary>Why Identity refuses a name or a password, in the language of the page.</summary>
public sealed class RefusalsInWords(IStringLocalizer<Words> words) : IdentityErrorDescriber
{
    public override IdentityError DuplicateUserName(string userName) =>
        new() { Code = nameof(DuplicateUserName), Description = words["The user name {0} is taken.", userName] };

    public override IdentityError InvalidUserName(string? userName) =>
        new() { Code = nameof(InvalidUserName), Description = words["A user name has only letters without accents, digits and - . _ @ +."] };

    public override IdentityError PasswordMismatch() =>
        new() { Code = nameof(PasswordMismatch), Description = words["The current password is not right."] };

    public override IdentityError PasswordTooShort(int length) =>
        new() { Code = nameof(PasswordTooShort), Description = words["The password needs at least {0} characters.", length] };

    public override IdentityError PasswordRequiresUniqueChars(int uniqueChars) =>
        new() { Code = nameof(PasswordRequiresUniqueChars), Description = words["The password needs at least {0} different characters.", uniqueChars] };
}

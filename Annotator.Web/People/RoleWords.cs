using Annotator.Web.Data;
using Annotator.Web.Languages;
using Microsoft.Extensions.Localization;

namespace Annotator.Web.People;

/// <summary>Roles as the pages name them.</summary>
public static class RoleWords
{
    public static string OfRole(this IStringLocalizer<Words> words, string role)
    {
        ArgumentNullException.ThrowIfNull(words);
        return role switch
        {
            Roles.Admin => words["admin"],
            Roles.Viewer => words["viewer"],
            _ => words["annotator"],
        };
    }

    /// <summary>What somebody with the role may do.</summary>
    public static string MayDo(this IStringLocalizer<Words> words, string role)
    {
        ArgumentNullException.ThrowIfNull(words);
        return role switch
        {
            Roles.Admin => words["judges too, runs rounds, manages people and data"],
            Roles.Viewer => words["sees rounds, the dataset and statistics without names; changes nothing"],
            _ => words["judges what the desk hands out"],
        };
    }
}

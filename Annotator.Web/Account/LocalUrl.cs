namespace Annotator.Web.Account;

/// <summary>Keeps a return address inside this app.</summary>
public static class LocalUrl
{
    /// <summary>The address if it is a path of this app, else the other one.</summary>
    public static string Or(string? address, string otherwise) =>
        address is ['/'] or ['/', not ('/' or '\\'), ..] && !address.Any(char.IsControl) ? address : otherwise;
}

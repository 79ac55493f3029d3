namespace Annotator.Web.Data;

/// <summary>
/// Where the request came from on whose behalf code runs. It flows with the request, and with the circuit that a request
/// opened, as the language does; <see cref="AnnotatorDbContext"/> writes it into audit rows.
/// </summary>
/// <param name="Address">The remote IP address.</param>
/// <param name="ApiKeyId">The key that was used; null for a page.</param>
public sealed record RequestOrigin(string? Address, long? ApiKeyId = null)
{
    private static readonly AsyncLocal<RequestOrigin?> current = new();

    /// <summary>Null in the app's own loops and on the command line.</summary>
    public static RequestOrigin? Current
    {
        get => current.Value;
        set => current.Value = value;
    }
}

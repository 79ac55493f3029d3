namespace Annotator.Web.Account;

/// <summary>Tells scripts and hub clients, which get bare status codes, from people, who get pages and redirects.</summary>
public static class ForPrograms
{
    public static bool IsForPrograms(this HttpRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        return request.Path.StartsWithSegments("/api") || request.Path.StartsWithSegments("/hubs")
            || request.Path.StartsWithSegments("/v1") || request.Path.StartsWithSegments("/_blazor");
    }
}

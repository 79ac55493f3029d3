using Annotator.Web.Data;
using Microsoft.AspNetCore.Authorization;
using Scalar.AspNetCore;

namespace Annotator.Web.Api;

/// <summary>
/// The API's reference as a page, for admins: Scalar over the app's own document. Its script comes from its package and so from
/// the app; the page around it is ours, as Scalar's own starts it by an inline script, which no page here may have.
/// </summary>
internal static class Reference
{
    private const string Assets = "/reference/assets";

    private const string Html = $"""
        <!DOCTYPE html>
        <html lang="en">
        <head>
            <meta charset="utf-8" />
            <meta name="viewport" content="width=device-width, initial-scale=1" />
            <title>API reference · Annotator</title>
            <link rel="icon" type="image/svg+xml" href="/favicon.svg" />
            <script src="/shell.js"></script>
            <link rel="stylesheet" href="/app.css" />
        </head>
        <body>
            <nav class="reference-bar" aria-label="Annotator"><a href="/administration/api">← Administration</a></nav>
            <div id="app"></div>
            <script src="{Assets}/scalar.js"></script>
            <script src="/reference.js"></script>
        </body>
        </html>
        """;

    public static void MapReference(this IEndpointRouteBuilder app)
    {
        var admins = new AuthorizeAttribute { Roles = Roles.Admin };
        app.MapScalarApiReference(Assets).RequireAuthorization(admins);
        app.MapGet("/reference", () => Results.Content(Html, "text/html; charset=utf-8")).RequireAuthorization(admins);
    }
}

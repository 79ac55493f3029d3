using System.Globalization;
using Annotator.Web.Account;
using Microsoft.AspNetCore.Localization;
using Microsoft.AspNetCore.Mvc;

namespace Annotator.Web.Languages;

/// <summary>
/// The language of a page: the one chosen with the switch (kept in a cookie), else the browser's first that there is, else
/// English. A circuit keeps the language it was opened in, so the switch loads the page anew.
/// </summary>
public static class LanguagesSetup
{
    /// <summary>What there is, each by its own name.</summary>
    public static IReadOnlyList<(string Tag, string Name)> All { get; } = [("en", "English"), ("zh-Hans", "简体中文")];

    private const string Cookie = "language";

    public static void AddLanguages(this WebApplicationBuilder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.Services.AddLocalization();
        builder.Services.Configure<RequestLocalizationOptions>(localization =>
        {
            string[] tags = [.. All.Select(language => language.Tag)];
            localization.SetDefaultCulture(tags[0]).AddSupportedCultures(tags).AddSupportedUICultures(tags);
            localization.RequestCultureProviders =
                [new CookieRequestCultureProvider { CookieName = Cookie }, new AcceptLanguageHeaderRequestCultureProvider()];
        });
    }

    public static void UseLanguages(this WebApplication app) => app.UseRequestLocalization();

    public static void MapLanguages(this WebApplication app)
    {
        ArgumentNullException.ThrowIfNull(app);
        app.MapPost("/language", (HttpContext context, [FromForm] string language, [FromForm] string? returnUrl) =>
        {
            if (All.Any(known => known.Tag == language))
            {
                context.Response.Cookies.Append(
                    Cookie,
                    CookieRequestCultureProvider.MakeCookieValue(new RequestCulture(CultureInfo.GetCultureInfo(language))),
                    new() { MaxAge = TimeSpan.FromDays(365), IsEssential = true, HttpOnly = true, SameSite = SameSiteMode.Lax, Secure = context.Request.IsHttps });
            }

            return Results.LocalRedirect(LocalUrl.Or(returnUrl, "/"));
        }).AllowAnonymous();
    }
}

using System.Globalization;
using System.Threading.RateLimiting;
using Annotator.Web.Data;
using Microsoft.AspNetCore.Components.Authorization;
using Microsoft.AspNetCore.Identity;
using Microsoft.AspNetCore.Mvc;

namespace Annotator.Web.Account;

/// <summary>Who somebody is: Identity with the roles of <see cref="Roles"/>, the sign-in pages, the first run's link, links by which people join.</summary>
public static class AccountSetup
{
    /// <summary>The rate limit of the forms that take a password or the setup token.</summary>
    public const string RateLimit = "account";

    public static void AddAccount(this WebApplicationBuilder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        var configured = builder.Configuration["Account:AttemptsPerMinute"] ?? "30";
        if (!int.TryParse(configured, CultureInfo.InvariantCulture, out var attemptsPerMinute) || attemptsPerMinute < 1)
        {
            throw new StartupException($"Account:AttemptsPerMinute must be a whole number, at least 1; it is {configured}.");
        }

        builder.Services.AddIdentity<Person, IdentityRole>(identity =>
            {
                // Length is what counts (NIST SP 800-63B): no rules on characters.
                identity.Password = new PasswordOptions
                {
                    RequiredLength = 10, RequiredUniqueChars = 4,
                    RequireDigit = false, RequireLowercase = false, RequireUppercase = false, RequireNonAlphanumeric = false,
                };
                identity.Lockout.MaxFailedAccessAttempts = 5;
                identity.Lockout.DefaultLockoutTimeSpan = TimeSpan.FromMinutes(5);
            })
            .AddEntityFrameworkStores<AnnotatorDbContext>()
            .AddErrorDescriber<RefusalsInWords>()
            .AddDefaultTokenProviders()
            .AddClaimsPrincipalFactory<PersonClaims>();
        builder.Services.Configure<SecurityStampValidatorOptions>(stamp => stamp.ValidationInterval = TimeSpan.FromMinutes(1));
        builder.Services.ConfigureApplicationCookie(cookie =>
        {
            cookie.Cookie.Name = "annotator";
            cookie.Cookie.SameSite = SameSiteMode.Lax;
            cookie.LoginPath = "/sign-in";
            cookie.AccessDeniedPath = "/error/403";
            cookie.ReturnUrlParameter = "returnUrl";
            cookie.ExpireTimeSpan = TimeSpan.FromDays(14);
            cookie.Events.OnRedirectToLogin = context => AnswerOrRedirect(context.HttpContext, StatusCodes.Status401Unauthorized, context.RedirectUri);
            // The start page is the desk; whoever has none looks at the studio.
            cookie.Events.OnRedirectToAccessDenied = context => AnswerOrRedirect(
                context.HttpContext, StatusCodes.Status403Forbidden, context.Request.Path == "/" && context.HttpContext.User.IsInRole(Roles.Viewer) ? "/overview" : null);
        });
        builder.Services.AddAntiforgery(antiforgery => antiforgery.Cookie.SecurePolicy = CookieSecurePolicy.SameAsRequest);
        builder.Services.AddAuthorization();
        builder.Services.AddCascadingAuthenticationState();
        builder.Services.AddScoped<AuthenticationStateProvider, SignedInStillValid>();
        builder.Services.AddSingleton<FirstAdmin>();
        builder.Services.AddRateLimiter(limiter =>
        {
            limiter.RejectionStatusCode = StatusCodes.Status429TooManyRequests;
            limiter.AddPolicy(RateLimit, context => HttpMethods.IsPost(context.Request.Method)
                ? RateLimitPartition.GetFixedWindowLimiter(
                    context.Connection.RemoteIpAddress?.ToString() ?? "",
                    _ => new FixedWindowRateLimiterOptions { PermitLimit = attemptsPerMinute, Window = TimeSpan.FromMinutes(1) })
                : RateLimitPartition.GetNoLimiter(""));
        });
    }

    public static void UseAccount(this WebApplication app)
    {
        ArgumentNullException.ThrowIfNull(app);
        app.UseAuthentication();
        app.UseRateLimiter();
        app.UseMiddleware<OneTimePasswordFirst>();
        app.UseAuthorization();
        app.UseAntiforgery();
    }

    public static void MapAccount(this WebApplication app)
    {
        ArgumentNullException.ThrowIfNull(app);
        // Binding a form checks the antiforgery token.
        app.MapPost("/sign-out", async (SignInManager<Person> signIn, [FromForm] string? returnUrl) =>
        {
            await signIn.SignOutAsync();
            return Results.LocalRedirect(LocalUrl.Or(returnUrl, "/sign-in"));
        });
    }

    /// <summary>Prints where to go: to the setup page while there is no admin, else to the app.</summary>
    public static async Task AnnounceAsync(this WebApplication app)
    {
        ArgumentNullException.ThrowIfNull(app);
        var url = app.Urls.First().TrimEnd('/');
        var firstAdmin = app.Services.GetRequiredService<FirstAdmin>();
        Console.WriteLine(await firstAdmin.IsNeededAsync()
            ? string.Create(CultureInfo.InvariantCulture, $"Open {url}/setup?token={firstAdmin.IssueToken()} to create the admin account")
            : $"Annotator is at {url}");
    }

    // A program wants the bare status; a signed-in person without the right gets the page that says so.
    private static Task AnswerOrRedirect(HttpContext context, int status, string? page)
    {
        if (page is null || context.Request.IsForPrograms())
        {
            context.Response.StatusCode = status;
        }
        else
        {
            context.Response.Redirect(page);
        }

        return Task.CompletedTask;
    }
}

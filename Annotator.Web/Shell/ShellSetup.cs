using Annotator.Web.Account;
using MudBlazor;
using MudBlazor.Services;

namespace Annotator.Web.Shell;

/// <summary>What every page stands in: components, theme, security headers, the pages for errors.</summary>
public static class ShellSetup
{
    public static void AddShell(this WebApplicationBuilder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.AddServerHeader = false);
        builder.Logging.AddSimpleConsole(console =>
        {
            console.SingleLine = true;
            console.TimestampFormat = "HH:mm:ss ";
        });
        QuietStart.Add(builder);

        builder.Services.AddRazorComponents().AddInteractiveServerComponents()
            .AddHubOptions(hub =>
            {
                // An edited response of 20,000 characters is longer than the default of 32 KB.
                hub.MaximumReceiveMessageSize = 1 << 20;
                // A page that hears nothing for longer says so (shell.js).
                hub.KeepAliveInterval = TimeSpan.FromSeconds(1);
            });
        builder.Services.AddMudServices(mud =>
        {
            mud.SnackbarConfiguration.PositionClass = Defaults.Classes.Position.BottomCenter;
            mud.SnackbarConfiguration.PreventDuplicates = true;
            mud.SnackbarConfiguration.HideIcon = true;
            mud.SnackbarConfiguration.ShowCloseIcon = false;
            mud.SnackbarConfiguration.ShowTransitionDuration = 150;
            mud.SnackbarConfiguration.HideTransitionDuration = 300;
            mud.SnackbarConfiguration.MaximumOpacity = 100;
            mud.SnackbarConfiguration.VisibleStateDuration = 4000;
        });
        builder.Services.AddScoped<Theme>();
    }

    public static void UseShell(this WebApplication app)
    {
        ArgumentNullException.ThrowIfNull(app);
        QuietStart.Use(app);
        app.UseMiddleware<NobodyEntersWhileStopping>();
        app.UseMiddleware<SecurityHeaders>();
        app.UseExceptionHandler("/error");
        // Programs get bare status codes; people get a page.
        app.UseWhen(
            context => !context.Request.IsForPrograms(),
            pages => pages.UseStatusCodePagesWithReExecute("/error/{0}", createScopeForStatusCodePages: true));
        // After the two above, so that they can send a request through it a second time.
        app.UseRouting();
    }

    public static void MapShell(this WebApplication app)
    {
        ArgumentNullException.ThrowIfNull(app);
        app.MapStaticAssets().AllowAnonymous();
        app.MapRazorComponents<App>()
            .AddInteractiveServerRenderMode(server => server.ContentSecurityFrameAncestorsPolicy = null)
            .RequireAuthorization();
    }
}

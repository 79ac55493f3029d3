namespace Annotator.Web.Live;

/// <summary>The in-process feed and the hub.</summary>
public static class LiveSetup
{
    public static void AddLive(this WebApplicationBuilder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.Services.AddSingleton<LiveFeed>();
        builder.Services.AddSingleton<LiveConnections>();
        builder.Services.AddSignalR();
        builder.Services.AddHostedService<LiveForwarder>();
    }

    public static HubEndpointConventionBuilder MapLive(this WebApplication app) => app.MapHub<LiveHub>(LiveHub.Path);
}

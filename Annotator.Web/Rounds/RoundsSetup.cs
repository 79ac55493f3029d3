using Annotator.Web.Data;

namespace Annotator.Web.Rounds;

/// <summary>Registers the rounds: queue, rule, operations and what the pages read.</summary>
public static class RoundsSetup
{
    public static void AddRounds(this WebApplicationBuilder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.Services.AddSingleton<RoundSnapshot>();
        builder.Services.AddSingleton<RoundPreparation>();
        builder.Services.AddSingleton<RoundConclusion>();
        builder.Services.AddSingleton<RoundRunner>();
        builder.Services.AddSingleton<RoundOperations>();
        builder.Services.AddSingleton<RoundReader>();
        builder.Services.AddSingleton<RoundPreviewReader>();
        builder.Services.AddSingleton<RoundArchive>();
        builder.Services.AddHostedService(services => services.GetRequiredService<RoundRunner>());
        builder.Services.AddHostedService<AutomaticRounds>();
    }

    /// <summary>A round's directory as a download.</summary>
    public static void MapRounds(this WebApplication app)
    {
        ArgumentNullException.ThrowIfNull(app);
        app.MapGet("/api/rounds/{id:long}.zip", RoundArchive.DownloadAsync).RequireAuthorization(policy => policy.RequireRole(Roles.Admin, Roles.Viewer));
    }
}

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
        builder.Services.AddHostedService(services => services.GetRequiredService<RoundRunner>());
        builder.Services.AddHostedService<AutomaticRounds>();
    }
}

namespace Annotator.Web.Engine;

/// <summary>Registers what starts, watches and asks Annotator.Model.</summary>
public static class EngineSetup
{
    public static void AddEngine(this WebApplicationBuilder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        var services = builder.Services;
        services.AddSingleton(EngineOptions.Read(builder.Configuration));
        services.AddSingleton<ModelExecutable>();
        services.AddSingleton<ModelProcess>();
        services.AddHostedService(provider => provider.GetRequiredService<ModelProcess>());
        services.AddSingleton<ITrainer, TrainerProcess>();
        services.AddHttpClient(ModelProcess.HealthClient, client => client.Timeout = TimeSpan.FromSeconds(5)).RemoveAllLoggers();
        services.AddHttpClient<CompletionsClient>(client => client.Timeout = Timeout.InfiniteTimeSpan).RemoveAllLoggers();
    }
}

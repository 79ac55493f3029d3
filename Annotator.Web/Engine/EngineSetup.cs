using System.Net.Http.Headers;

namespace Annotator.Web.Engine;

/// <summary>Registers what starts, watches and asks Annotator.Model.</summary>
public static class EngineSetup
{
    public static void AddEngine(this WebApplicationBuilder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        var services = builder.Services;
        var options = EngineOptions.Read(builder.Configuration);
        services.AddSingleton(options);
        services.AddSingleton<ModelExecutable>();
        services.AddSingleton<ModelProcess>();
        services.AddHostedService(provider => provider.GetRequiredService<ModelProcess>());
        services.AddSingleton<ITrainer, TrainerProcess>();
        services.AddHttpClient(ModelProcess.HealthClient, client => Prepare(client, TimeSpan.FromSeconds(5))).RemoveAllLoggers();
        services.AddHttpClient<CompletionsClient>(client => Prepare(client, Timeout.InfiniteTimeSpan)).RemoveAllLoggers();

        void Prepare(HttpClient client, TimeSpan timeout)
        {
            client.Timeout = timeout;
            // Our own sampler listens on loopback and wants no key.
            if (options is { CompletionsUrl: not null, CompletionsKey: { } key })
            {
                client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", key);
            }
        }
    }
}

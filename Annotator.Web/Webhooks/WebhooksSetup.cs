namespace Annotator.Web.Webhooks;

/// <summary>Telling others what happens.</summary>
public static class WebhooksSetup
{
    public static void AddWebhooks(this WebApplicationBuilder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.Services.AddSingleton<WebhookWatch>();
        builder.Services.AddSingleton<WebhookOperations>();
        builder.Services.AddSingleton<WebhookSender>();
        builder.Services.AddHostedService(services => services.GetRequiredService<WebhookWatch>());
        builder.Services.AddHostedService(services => services.GetRequiredService<WebhookSender>());
    }
}

namespace Annotator.Web.Demo;

/// <summary>Registers the demo: simulated annotators in a study of their own.</summary>
public static class DemoSetup
{
    /// <summary>The start option, which has no value on the command line.</summary>
    public const string Option = "demo";

    public static void AddDemo(this WebApplicationBuilder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.Services.AddSingleton(DemoOptions.Read(builder.Configuration));
        builder.Services.AddSingleton<DemoStudy>();
        builder.Services.AddSingleton<DemoAnnotators>();
        builder.Services.AddSingleton<DemoOperations>();
        builder.Services.AddHostedService(services => services.GetRequiredService<DemoAnnotators>());
    }

    /// <summary>Starts the demo if <c>--demo</c> asks for it; once the app runs.</summary>
    public static Task StartDemoIfAskedAsync(this WebApplication app)
    {
        ArgumentNullException.ThrowIfNull(app);
        return bool.TryParse(app.Configuration[Option], out var asked) && asked
            ? app.Services.GetRequiredService<DemoOperations>().StartByOptionAsync(CancellationToken.None)
            : Task.CompletedTask;
    }
}

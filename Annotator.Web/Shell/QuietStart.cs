namespace Annotator.Web.Shell;

/// <summary>
/// The host logs a failed start with its stack trace before anybody can catch it. <c>Main</c> tells it in one sentence
/// instead, so the host is heard only once the app runs.
/// </summary>
public sealed class QuietStart
{
    private bool started;

    public static void Add(WebApplicationBuilder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        var quiet = new QuietStart();
        builder.Services.AddSingleton(quiet);
        builder.Logging.AddFilter("Microsoft.Extensions.Hosting.Internal.Host", level => quiet.started && level >= LogLevel.Warning);
    }

    public static void Use(WebApplication app)
    {
        ArgumentNullException.ThrowIfNull(app);
        app.Lifetime.ApplicationStarted.Register(() => app.Services.GetRequiredService<QuietStart>().started = true);
    }
}

namespace Annotator.Web.Shell;

/// <summary>
/// A page whose connection the stopping app has closed comes back within milliseconds, while the door is still open; the
/// app would then wait half a minute for it to leave. So it is sent away, and finds the app again once it has restarted.
/// </summary>
public sealed class NobodyEntersWhileStopping(RequestDelegate next, IHostApplicationLifetime lifetime)
{
    public Task InvokeAsync(HttpContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        if (!lifetime.ApplicationStopping.IsCancellationRequested)
        {
            return next(context);
        }

        context.Response.StatusCode = StatusCodes.Status503ServiceUnavailable;
        context.Response.Headers.Connection = "close";
        return Task.CompletedTask;
    }
}

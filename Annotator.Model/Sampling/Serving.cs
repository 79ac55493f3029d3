using System.Net;
using Annotator.Model.Checkpoints;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Json;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Console;

namespace Annotator.Model.Sampling;

/// <summary>
/// The HTTP side of <c>serve</c>: OpenAI's completions API over a directory of policies, on loopback. Requests are
/// checked here and sampled by <see cref="SamplerThread"/>.
/// </summary>
public static class Serving
{
    /// <summary>Makes the server; the caller starts it. libtorch is loaded already.</summary>
    /// <param name="options">Without fault.</param>
    public static WebApplication Build(ServingOptions options)
    {
        // Empty: no appsettings.json or environment variable of whoever starts this process has a say in it.
        var builder = WebApplication.CreateEmptyBuilder(new());
        builder.WebHost.UseKestrelCore().UseUrls([.. options.Urls]).ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = options.MaxBodyBytes;
        });
        builder.Logging.AddSimpleConsole(console => console.SingleLine = true);
        builder.Services.Configure<ConsoleLoggerOptions>(console => console.LogToStandardErrorThreshold = LogLevel.Trace);
        builder.Logging.AddFilter("Microsoft", LogLevel.Warning);
        builder.Logging.AddFilter("Microsoft.Extensions.Hosting", LogLevel.None);  // a failed start reaches the caller, who says it in one sentence
        builder.Services.AddRoutingCore();
        builder.Services.AddSingleton(options);
        builder.Services.AddSingleton<SamplerThread>();

        var app = builder.Build();
        app.Use(AnswerErrorsAsync);
        app.UseRouting();
        app.MapGet("/health", context => context.Response.WriteAsJsonAsync(new HealthReport("ok"), CompletionJson.Default.HealthReport));
        app.MapGet("/v1/models", context => context.Response.WriteAsJsonAsync(Models(options.PoliciesDirectory), CompletionJson.Default.ModelList));
        app.MapPost("/v1/completions", CompleteAsync);
        app.MapFallback(context => throw new CompletionException(404, new($"There is nothing at {context.Request.Method} {context.Request.Path}.", "invalid_request_error", null, "not_found")));
        app.Lifetime.ApplicationStopping.Register(app.Services.GetRequiredService<SamplerThread>().Stop);
        return app;
    }

    private static async Task CompleteAsync(HttpContext context)
    {
        var options = context.RequestServices.GetRequiredService<ServingOptions>();
        var request = await CompletionRequestReader.ReadAsync(context.Request, context.RequestAborted);
        var job = CompletionRequestReader.Check(request, context.RequestAborted);
        if (!IsPolicy(options.PoliciesDirectory, job.Policy))
            throw CompletionException.UnknownModel(job.Policy);

        context.RequestServices.GetRequiredService<SamplerThread>().Add(job);
        var writer = new CompletionWriter(request, job);
        await (request.Stream == true
            ? writer.WriteStreamAsync(context.Response, context.RequestAborted)
            : writer.WriteWholeAsync(context.Response, context.RequestAborted));
    }

    private static async Task AnswerErrorsAsync(HttpContext context, RequestDelegate next)
    {
        try
        {
            // A name that some other site's owner points at this machine is not this machine's name (DNS rebinding).
            if (!ServingOptions.IsLoopback(context.Request.Host.Host))
                throw CompletionException.BadRequest($"This server answers to localhost only, not to \"{context.Request.Host.Host}\".");
            await next(context);
        }
        catch (CompletionException e) when (!context.Response.HasStarted)
        {
            context.Response.StatusCode = e.Status;
            if (e.Status == StatusCodes.Status429TooManyRequests)
                context.Response.Headers.RetryAfter = "1";
            await context.Response.WriteAsJsonAsync(new ErrorResponse(e.Detail), CompletionJson.Default.ErrorResponse);
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
            // The client has gone; its rows leave the batch at the next step.
        }
    }

    private static ModelList Models(string directory) => new(
    [
        .. new DirectoryInfo(directory).EnumerateDirectories()
            .Where(d => IsPolicy(directory, d.Name))
            .OrderBy(d => d.Name, StringComparer.Ordinal)
            .Select(d => new ModelEntry(d.Name, new DateTimeOffset(d.LastWriteTimeUtc).ToUnixTimeSeconds())),
    ]);

    /// <summary>A name, not a path: nothing outside the directory can be asked for. A directory beside which one is still being written begins with a dot.</summary>
    private static bool IsPolicy(string directory, string name) =>
        !name.StartsWith('.')
        && name.IndexOfAny(['/', '\\', '\0']) < 0
        && File.Exists(Path.Combine(directory, name, PolicyDirectory.ConfigFile));
}

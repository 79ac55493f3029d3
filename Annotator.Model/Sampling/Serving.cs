using Annotator.Model.Checkpoints;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Console;
using OpenTelemetry.Metrics;

namespace Annotator.Model.Sampling;

/// <summary>
/// The HTTP side of <c>serve</c>: OpenAI's completions and chat completions over a directory of policies. Requests are
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
        builder.Services.AddOpenTelemetry().WithMetrics(metrics => metrics
            .AddMeter(ServingMetrics.MeterName)
            .AddPrometheusExporter(exporter =>
            {
                exporter.ScrapeResponseCacheDurationMilliseconds = 0;
                exporter.ScopeInfoEnabled = exporter.TargetInfoEnabled = false;  // there is one meter
            }));
        builder.Services.AddSingleton(options);
        builder.Services.AddSingleton<ServingMetrics>();
        builder.Services.AddSingleton<SamplerThread>();
        builder.Services.AddHostedService<IdleMemory>();

        var app = builder.Build();
        app.UseMiddleware<ErrorAnswers>();
        app.UseMiddleware<Doorkeeper>();
        app.UseRouting();
        app.Use((context, next) => context.GetEndpoint() is null
            ? throw CompletionException.NotFound(context.Request.Method, context.Request.Path)
            : next(context));
        app.MapGet(Doorkeeper.HealthPath, context => context.Response.WriteAsJsonAsync(new HealthReport("ok"), CompletionJson.Default.HealthReport));
        app.MapGet("/v1/models", context => context.Response.WriteAsJsonAsync(Models(options.PoliciesDirectory), CompletionJson.Default.ModelList));
        app.MapPost("/v1/completions", CompleteAsync);
        app.MapPost("/v1/chat/completions", ChatAsync);
        app.MapPrometheusScrapingEndpoint("/metrics").WithMetadata(new HttpMethodMetadata([HttpMethods.Get]));
        app.Lifetime.ApplicationStopping.Register(app.Services.GetRequiredService<SamplerThread>().Stop);
        return app;
    }

    private static async Task CompleteAsync(HttpContext context)
    {
        var request = await CompletionRequestReader.ReadAsync(context.Request, CompletionJson.Default.CompletionRequest, context.RequestAborted);
        var job = CompletionRequestReader.Check(request, context.RequestAborted);
        await AnswerAsync(context, request, job, new CompletionShape(request, job));
    }

    private static async Task ChatAsync(HttpContext context)
    {
        var options = context.RequestServices.GetRequiredService<ServingOptions>();
        var request = await CompletionRequestReader.ReadAsync(context.Request, CompletionJson.Default.ChatCompletionRequest, context.RequestAborted);
        var job = CompletionRequestReader.Check(request, options.ChatTemplate, context.RequestAborted);
        await AnswerAsync(context, request, job, new ChatShape(request, job));
    }

    private static async Task AnswerAsync(HttpContext context, SamplingRequest request, SamplingJob job, IAnswerShape shape)
    {
        var services = context.RequestServices;
        if (!IsPolicy(services.GetRequiredService<ServingOptions>().PoliciesDirectory, job.Policy))
            throw CompletionException.UnknownModel(job.Policy);

        services.GetRequiredService<SamplerThread>().Add(job);
        var writer = new AnswerWriter(job, shape, withUsage: request.StreamOptions?.IncludeUsage == true);
        await (request.Stream == true
            ? writer.WriteStreamAsync(context.Response, context.RequestAborted)
            : writer.WriteWholeAsync(context.Response, context.RequestAborted));
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

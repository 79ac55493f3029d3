using Microsoft.AspNetCore.Http;

namespace Annotator.Model.Sampling;

/// <summary>
/// Lets in who shows the key. A server without a key listens on loopback only, and there lets in whoever calls it by a
/// name of this machine: a name that some other site's owner points at it is not one (DNS rebinding).
/// </summary>
internal sealed class Doorkeeper(RequestDelegate next, ServingOptions options)
{
    /// <summary>Open to all, so that a load balancer or a service manager can look.</summary>
    public const string HealthPath = "/health";

    private readonly BearerKey? _key = options.ApiKey is null ? null : new(options.ApiKey);

    public Task InvokeAsync(HttpContext context)
    {
        if (_key is null && !ServingOptions.IsLoopback(context.Request.Host.Host))
            throw CompletionException.BadRequest($"This server answers to localhost only, not to \"{context.Request.Host.Host}\".");
        if (_key?.Opens(context.Request.Headers.Authorization) == false && context.Request.Path != HealthPath)
            throw CompletionException.WrongKey();
        return next(context);
    }
}

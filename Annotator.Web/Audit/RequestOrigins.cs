using Annotator.Web.Api.Keys;
using Annotator.Web.Data;

namespace Annotator.Web.Audit;

/// <summary>Sets <see cref="RequestOrigin.Current"/> for a request, and so for the circuit that it opens.</summary>
public sealed class RequestOrigins(RequestDelegate next)
{
    // Not async: what an async method sets is forgotten at its end, and this is for all that follows.
    public Task InvokeAsync(HttpContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        RequestOrigin.Current = new(context.Connection.RemoteIpAddress is { } address ? Plain(address) : null, context.Features.Get<UsedKey>()?.Id);
        return next(context);
    }

    /// <summary>An IPv4 address as such, also where it came over a socket of both kinds.</summary>
    private static string Plain(System.Net.IPAddress address) => (address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address).ToString();
}

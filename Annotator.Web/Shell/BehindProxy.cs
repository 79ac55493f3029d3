using System.Net;
using Annotator.Web.Data;
using Microsoft.AspNetCore.HttpOverrides;
using IPNetwork = System.Net.IPNetwork;

namespace Annotator.Web.Shell;

/// <summary>
/// A reverse proxy in front (nginx, Caddy): <c>--Network:TrustedProxies 127.0.0.1</c> says from whom the app believes what
/// <c>X-Forwarded-For</c> and <c>-Proto</c> say, and so where a request came from and whether by HTTPS. From anybody else, and
/// unless configured, these headers mean nothing: everybody could send them. The proxy hands on <c>Host</c> as it was.
/// </summary>
public static class BehindProxy
{
    public static void AddProxy(this WebApplicationBuilder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        var trusted = (builder.Configuration["Network:TrustedProxies"] ?? "").Split([',', ' '], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        builder.Services.Configure<ForwardedHeadersOptions>(forwarded =>
        {
            forwarded.ForwardedHeaders = trusted.Length > 0 ? ForwardedHeaders.XForwardedFor | ForwardedHeaders.XForwardedProto : ForwardedHeaders.None;
            forwarded.KnownProxies.Clear();
            forwarded.KnownIPNetworks.Clear();
            // As many proxies in a row as are trusted, each of which adds itself.
            forwarded.ForwardLimit = null;
        });
        foreach (var one in trusted)
        {
            var isNetwork = IPNetwork.TryParse(one, out var network);
            if (!IPAddress.TryParse(one, out var address) && !isNetwork)
            {
                throw new StartupException($"Network:TrustedProxies must be addresses or networks, such as 127.0.0.1 or 10.0.0.0/8, with commas between; {one} is neither.");
            }

            builder.Services.Configure<ForwardedHeadersOptions>(forwarded =>
            {
                if (isNetwork)
                {
                    forwarded.KnownIPNetworks.Add(network);
                }
                else
                {
                    forwarded.KnownProxies.Add(address!);
                }
            });
        }
    }

    /// <summary>Before everything that asks where a request came from.</summary>
    public static void UseProxy(this WebApplication app)
    {
        ArgumentNullException.ThrowIfNull(app);
        app.UseForwardedHeaders();
        // Says nothing over HTTP, nor on this machine itself.
        app.UseHsts();
    }
}

using System.Net.Sockets;
using Annotator.Web.Data;
using Microsoft.AspNetCore.Connections;

namespace Annotator.Web.Shell;

/// <summary>Where the app listens: on this machine alone, unless <c>--urls</c> or the environment say otherwise.</summary>
public static class Listening
{
    private const string DefaultUrl = "http://127.0.0.1:5080";

    public static void UseDefaultUrl(this WebApplicationBuilder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        var configuration = builder.Configuration;
        if (configuration["urls"] is null && configuration["http_ports"] is null && !configuration.GetSection("Kestrel:Endpoints").Exists())
        {
            builder.WebHost.UseUrls(DefaultUrl);
        }
    }

    /// <summary>The sentence for somebody at the terminal; null if the failure was not about listening.</summary>
    public static StartupException? Explain(Exception failure, string? urls) =>
        failure is IOException { InnerException: SocketException or AddressInUseException } or SocketException
            // An address that is none, a port above 65535, HTTPS without a certificate.
            or FormatException or ArgumentOutOfRangeException { ParamName: "port" } or InvalidOperationException { Source: "Microsoft.AspNetCore.Server.Kestrel.Core" }
            ? new($"{urls ?? DefaultUrl} can't be listened on ({(failure.InnerException ?? failure).Message.Split('\n')[0].TrimEnd('.', '\r')}): choose another with --urls http://127.0.0.1:5081.", failure)
            : null;
}

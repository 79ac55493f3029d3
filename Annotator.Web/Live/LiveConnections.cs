using System.Collections.Concurrent;
using System.Security.Claims;
using Microsoft.AspNetCore.SignalR;

namespace Annotator.Web.Live;

/// <summary>Who is connected to the hub right now, so that a connection can be ended when its person or key may no longer be there.</summary>
public sealed class LiveConnections
{
    private readonly ConcurrentDictionary<string, HubCallerContext> all = new();

    /// <summary>The connected principals, each once a connection.</summary>
    public IEnumerable<ClaimsPrincipal> Principals => all.Values.Select(connection => connection.User).OfType<ClaimsPrincipal>();

    /// <summary>Ends the connections of these principals.</summary>
    public void End(Func<ClaimsPrincipal, bool> whose)
    {
        ArgumentNullException.ThrowIfNull(whose);
        foreach (var connection in all.Values.Where(connection => connection.User is { } user && whose(user)))
        {
            connection.Abort();
        }
    }

    internal void Add(HubCallerContext connection) => all[connection.ConnectionId] = connection;

    internal void Remove(HubCallerContext connection) => all.TryRemove(connection.ConnectionId, out _);
}

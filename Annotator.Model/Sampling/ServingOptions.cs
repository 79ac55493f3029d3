using System.Net;

namespace Annotator.Model.Sampling;

/// <summary>What <c>serve</c> was asked to do.</summary>
public sealed record ServingOptions
{
    /// <summary>Holds the policies' directories, each with a config.json.</summary>
    public required string PoliciesDirectory { get; init; }

    /// <summary>Where to listen, e.g. <c>http://127.0.0.1:5100</c>; port 0 takes a free one.</summary>
    public required IReadOnlyList<string> Urls { get; init; }

    /// <summary>Requests that may wait while one is sampled; more are answered 429.</summary>
    public int QueueCapacity { get; init; } = 64;

    /// <summary>Policies kept in memory.</summary>
    public int KeptPolicies { get; init; } = 3;

    /// <summary>Bytes of a request's body; more are answered 413.</summary>
    public long MaxBodyBytes { get; init; } = 4 << 20;

    /// <summary>What is wrong with <see cref="PoliciesDirectory"/>, as one sentence; null if nothing is.</summary>
    public string? PoliciesFault()
    {
        if (File.Exists(PoliciesDirectory))
            return $"--policies names {PoliciesDirectory}, which is a file; it must be the directory that holds the policies' directories.";
        if (!Directory.Exists(PoliciesDirectory))
            return $"The directory {PoliciesDirectory} (--policies) does not exist.";
        try
        {
            _ = Directory.EnumerateDirectories(PoliciesDirectory).Any();
        }
        catch (Exception e) when (e is UnauthorizedAccessException or IOException)
        {
            return $"The directory {PoliciesDirectory} (--policies) can't be read: {e.Message}";
        }

        return null;
    }

    /// <summary>What is wrong with <see cref="Urls"/>, as one sentence; null if nothing is.</summary>
    public string? UrlsFault() => Urls.Count == 0
        ? "--urls is empty; it needs an address like http://127.0.0.1:5100."
        : Urls.Select(UrlFault).FirstOrDefault(fault => fault is not null);

    private static string? UrlFault(string url)
    {
        if (!Uri.TryCreate(url, UriKind.Absolute, out var uri) || uri.Scheme != Uri.UriSchemeHttp || uri.PathAndQuery != "/")
            return $"--urls needs addresses like http://127.0.0.1:5100; it holds \"{url}\".";
        if (uri is { Host: "localhost", Port: 0 })
            return "--urls can't take a free port by the name localhost, which means two addresses: use http://127.0.0.1:0.";
        return IsLoopback(uri.Host)
            ? null
            : $"--urls holds {url}, which other machines could reach. The server has no keys, so it listens on loopback only: use http://127.0.0.1:{uri.Port}.";
    }

    /// <summary>Whether a host name or address, as in a URL, can only mean this machine.</summary>
    internal static bool IsLoopback(string host) =>
        host.Equals("localhost", StringComparison.OrdinalIgnoreCase)
        || (IPAddress.TryParse(host.Trim('[', ']'), out var address) && IPAddress.IsLoopback(address));
}

using System.Net;
using Annotator.Model.Tokenization;

namespace Annotator.Model.Sampling;

/// <summary>What <c>serve</c> was asked to do.</summary>
public sealed record ServingOptions
{
    /// <summary>The environment variable that can hold the key.</summary>
    public const string KeyVariable = "ANNOTATOR_API_KEY";

    /// <summary>Holds the policies' directories, each with a config.json.</summary>
    public required string PoliciesDirectory { get; init; }

    /// <summary>Where to listen, e.g. <c>http://127.0.0.1:5100</c>; port 0 takes a free one.</summary>
    public required IReadOnlyList<string> Urls { get; init; }

    /// <summary>What every request but GET /health must show; null for none, which only loopback allows.</summary>
    public string? ApiKey { get; init; }

    /// <summary>Requests that may wait to be sampled; more are answered 429.</summary>
    public int QueueCapacity { get; init; } = 64;

    /// <summary>Bytes that the weights of all policies in memory may take together.</summary>
    public long Memory { get; init; } = DefaultMemory;

    /// <summary>How a chat becomes a prompt where the policy's own files don't say it in a known way; null leaves it to each request.</summary>
    public ChatTemplate? ChatTemplate { get; init; }

    /// <summary>Bytes of a request's body; more are answered 413.</summary>
    public long MaxBodyBytes { get; init; } = 4 << 20;

    /// <summary>Half of what this machine, or the container's limit, gives: the other half is for responses in work and a training beside.</summary>
    public static long DefaultMemory => GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 2;

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

    /// <summary>What is wrong with <see cref="Urls"/> or <see cref="ApiKey"/>, as one sentence; null if nothing is.</summary>
    public string? AccessFault()
    {
        if (Urls.Count == 0)
            return "--urls is empty; it needs an address like http://127.0.0.1:5100.";
        if (Urls.Select(UrlFault).FirstOrDefault(fault => fault is not null) is { } urlFault)
            return urlFault;
        if (ApiKey is not null)
            return BearerKey.Fault(ApiKey) is { } fault ? $"The key (--api-key-file or {KeyVariable}) {fault}." : null;
        return Urls.FirstOrDefault(url => !IsLoopback(new Uri(url).Host)) is { } open
            ? $"--urls holds {open}, which other machines can reach: give the server a key by --api-key-file or the environment variable {KeyVariable}, or listen on loopback (http://127.0.0.1:{new Uri(open).Port})."
            : null;
    }

    private static string? UrlFault(string url)
    {
        if (!Uri.TryCreate(url, UriKind.Absolute, out var uri) || uri.Scheme != Uri.UriSchemeHttp || uri.PathAndQuery != "/")
            return $"--urls needs addresses like http://127.0.0.1:5100; it holds \"{url}\".";
        return uri is { Host: "localhost", Port: 0 }
            ? "--urls can't take a free port by the name localhost, which means two addresses: use http://127.0.0.1:0."
            : null;
    }

    /// <summary>Whether a host name or address, as in a URL, can only mean this machine.</summary>
    internal static bool IsLoopback(string host) =>
        host.Equals("localhost", StringComparison.OrdinalIgnoreCase)
        || (IPAddress.TryParse(host.Trim('[', ']'), out var address) && IPAddress.IsLoopback(address));
}

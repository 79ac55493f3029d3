using Annotator.Web.Data;

namespace Annotator.Web.Engine;

/// <summary>The section <c>Engine</c> of the configuration. By default nothing needs to be said.</summary>
public sealed record EngineOptions
{
    /// <summary>False starts no model process at all: nothing is sampled, and a round fails with a sentence that says so.</summary>
    public bool Enabled { get; init; } = true;

    /// <summary>
    /// An OpenAI-compatible server that takes the sampler's place, e.g. <c>http://gpu-host:8000</c>; its models must be named by the
    /// policies' hashes. Null = the app starts and watches its own.
    /// </summary>
    public string? CompletionsUrl { get; init; }

    /// <summary>The key that the server at <see cref="CompletionsUrl"/> wants as a bearer token; null = none.</summary>
    public string? CompletionsKey { get; init; }

    /// <summary><see cref="CompletionsUrl"/> as the folder that <c>v1/completions</c> lies in; it may have been given with its <c>/v1</c>, as clients of OpenAI do.</summary>
    public Uri? CompletionsServer
    {
        get
        {
            var root = CompletionsUrl?.TrimEnd('/');
            return root is null ? null : new Uri((root.EndsWith("/v1", StringComparison.Ordinal) ? root[..^3] : root) + "/");
        }
    }

    /// <summary>How long a cancelled trainer may take to write its checkpoint before it is killed.</summary>
    public TimeSpan TrainerStopsWithin { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Reads the section.</summary>
    /// <exception cref="StartupException">A value can't be used; the message names the key, the rule and the value.</exception>
    public static EngineOptions Read(IConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        var options = configuration.GetSection("Engine").Get<EngineOptions>() ?? new EngineOptions();
        if (options.CompletionsUrl is { } text && !(Uri.TryCreate(text, UriKind.Absolute, out var url) && url.Scheme is "http" or "https"))
        {
            throw new StartupException($"Engine:CompletionsUrl must be an http or https address, such as http://127.0.0.1:8000; it is \"{text}\".");
        }

        return options.TrainerStopsWithin > TimeSpan.Zero
            ? options
            : throw new StartupException($"Engine:TrainerStopsWithin must be a time above 0, such as 00:00:30; it is {options.TrainerStopsWithin}.");
    }
}

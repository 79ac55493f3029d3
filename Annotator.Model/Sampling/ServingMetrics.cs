using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace Annotator.Model.Sampling;

/// <summary>
/// What <c>serve</c> measures of itself; GET /metrics shows it in Prometheus' text format (dots become underscores,
/// counters end in <c>_total</c>, units are spelt out: <c>annotator_time_to_first_token_seconds</c>). Safe to use from
/// several threads.
/// </summary>
internal sealed class ServingMetrics : IDisposable
{
    /// <summary>The meter's name.</summary>
    public const string MeterName = "Annotator.Serving";

    private readonly Meter _meter = new(MeterName);
    private readonly Counter<long> _requests;
    private readonly Counter<long> _promptTokens;
    private readonly Counter<long> _generatedTokens;
    private readonly Histogram<double> _timeToFirstToken;
    private readonly Histogram<double> _timePerToken;
    private readonly Counter<long> _memoryGivenBack;
    private long _tokens;
    private int _running;
    private volatile IReadOnlyDictionary<string, long> _policies = new Dictionary<string, long>();
    private volatile Func<int> _waiting = () => 0;

    public ServingMetrics()
    {
        _requests = _meter.CreateCounter<long>("annotator.requests", description: "HTTP requests that were answered, by route and status; 499: the client went away.");
        _promptTokens = _meter.CreateCounter<long>("annotator.prompt.tokens", description: "Prompt tokens that were computed; one prefill for the n responses of a prompt.");
        _generatedTokens = _meter.CreateCounter<long>("annotator.generated.tokens", description: "Tokens that were sampled.");
        _timeToFirstToken = _meter.CreateHistogram("annotator.time_to_first_token", "s", "From a request's arrival to the first token of each of its responses.",
            advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60] });
        _timePerToken = _meter.CreateHistogram("annotator.time_per_token", "s", "Between two tokens of a response.",
            advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5] });
        _memoryGivenBack = _meter.CreateCounter<long>("annotator.memory.given_back", description: "Times that unused memory was given back to the system, each after some idle seconds.");
        _meter.CreateObservableGauge("process.resident_memory", () => Environment.WorkingSet, "By", "Memory of this process, mapped weights that have been read among it.");
        _meter.CreateObservableGauge("annotator.queue.depth", () => _waiting(), description: "Requests that wait to be sampled.");
        _meter.CreateObservableGauge("annotator.responses.running", () => Volatile.Read(ref _running), description: "Responses of the requests that have begun and have not ended.");
        _meter.CreateObservableGauge("annotator.policies.loaded", () => _policies.Count, description: "Policies in memory.");
        _meter.CreateObservableGauge("annotator.policy.weights", () => _policies.Select(p => new Measurement<long>(p.Value, new KeyValuePair<string, object?>("policy", p.Key))),
            "By", "Bytes of the weights of each policy in memory.");
    }

    /// <summary>Ends the measuring.</summary>
    public void Dispose() => _meter.Dispose();

    /// <summary>Tokens that were sampled since the server started.</summary>
    public long TokensSoFar => Volatile.Read(ref _tokens);

    /// <summary>Nothing waits and nothing is sampled.</summary>
    public bool IsIdle => Volatile.Read(ref _running) == 0 && _waiting() == 0;

    /// <summary>How the number of waiting requests is asked for.</summary>
    public Func<int> Waiting { set => _waiting = value; }

    /// <summary>Bytes of the weights in memory by policy.</summary>
    public IReadOnlyDictionary<string, long> Policies { set => _policies = value; }

    /// <summary>A request was answered.</summary>
    /// <param name="route">Of the few that there are, so that no client can fill the memory with names.</param>
    /// <param name="status">As sent.</param>
    public void Answered(string route, int status) =>
        _requests.Add(1, new TagList { { "route", route }, { "status", status } });

    /// <summary>A request begins to be sampled.</summary>
    /// <param name="promptTokens">Of its prompts.</param>
    /// <param name="responses">That it asks for.</param>
    public void Begun(int promptTokens, int responses)
    {
        _promptTokens.Add(promptTokens);
        Interlocked.Add(ref _running, responses);
    }

    /// <summary>A request that had begun has ended, in whatever way.</summary>
    public void Ended(int responses) => Interlocked.Add(ref _running, -responses);

    /// <summary>A response got a token.</summary>
    /// <param name="isFirst">It is the response's first.</param>
    /// <param name="after">Since the token before it; for the first one since the request came.</param>
    public void Generated(bool isFirst, TimeSpan after)
    {
        Interlocked.Increment(ref _tokens);
        _generatedTokens.Add(1);
        (isFirst ? _timeToFirstToken : _timePerToken).Record(after.TotalSeconds);
    }

    /// <summary>Unused memory was given back to the system.</summary>
    public void GaveMemoryBack() => _memoryGivenBack.Add(1);
}

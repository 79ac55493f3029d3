using Annotator.Model.Checkpoints;
using Annotator.Model.Sampling;
using Annotator.Tests.Fixtures;
using Microsoft.Extensions.Logging.Abstractions;

namespace Annotator.Tests.Model.Sampling;

[Collection(TorchCollection.Name)]
public sealed class SamplerThreadTests : IDisposable
{
    private readonly TemporaryDirectory _policies = new();
    private readonly ServingMetrics _metrics = new();
    private readonly SamplerThread _thread;

    public SamplerThreadTests()
    {
        foreach (var name in new[] { "one", "two", "three", "four" })
            TinyPolicy.WriteEndless(_policies[name]);
        var roomForThree = 3 * PolicyDirectory.WeightBytes(_policies["one"]);
        _thread = new(new() { PoliciesDirectory = _policies.Path, Urls = [], Memory = roomForThree }, _metrics, NullLogger<SamplerThread>.Instance);
    }

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Requests_join_while_a_long_one_is_sampled_and_are_answered_before_it_is()
    {
        using var leave = new CancellationTokenSource();
        var endless = Job("one", rows: 4, tokens: 4000, leave.Token);
        _thread.Add(endless);
        await FirstTokenAsync(endless);

        foreach (var policy in new[] { "one", "two" })
        {
            var brief = Job(policy, rows: 2, tokens: 3, Cancellation);
            _thread.Add(brief);
            (await TokensAsync(brief)).Count.ShouldBe(6);
        }

        await leave.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(() => TokensAsync(endless));
    }

    [Fact]
    public async Task A_request_with_more_responses_than_rows_is_sampled_as_rows_become_free()
    {
        var job = Job("one", rows: 3 * Sampler.MaxRows + 1, tokens: 2, Cancellation);
        _thread.Add(job);
        var tokens = await TokensAsync(job);
        tokens.Select(token => token.Choice).Distinct().Count().ShouldBe(job.Rows);
        tokens.Count(token => token.Token.FinishReason is not null).ShouldBe(job.Rows);
    }

    [Fact]
    public async Task A_request_whose_client_goes_before_all_its_responses_have_begun_ends()
    {
        using var leave = new CancellationTokenSource();
        var job = Job("one", rows: 2 * Sampler.MaxRows, tokens: 4000, leave.Token);
        _thread.Add(job);
        await FirstTokenAsync(job);
        await leave.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(() => TokensAsync(job));

        var next = Job("one", rows: 1, tokens: 1, Cancellation);
        _thread.Add(next);
        (await TokensAsync(next)).Count.ShouldBe(1);
    }

    [Fact]
    public async Task All_policies_are_sampled_in_turn_though_not_all_are_kept()
    {
        var jobs = new[] { "one", "two", "three", "four", "one" }.Select(policy => Job(policy, rows: 1, tokens: 50, Cancellation)).ToList();
        jobs.ForEach(_thread.Add);
        foreach (var job in jobs)
            (await TokensAsync(job)).Count.ShouldBe(50);
    }

    [Fact]
    public async Task Stopping_ends_what_is_in_work()
    {
        var job = Job("one", rows: 1, tokens: 4000, Cancellation);
        _thread.Add(job);
        await FirstTokenAsync(job);
        _thread.Stop();
        (await Should.ThrowAsync<CompletionException>(() => TokensAsync(job))).Status.ShouldBe(503);
    }

    public void Dispose()
    {
        _thread.Dispose();
        _metrics.Dispose();
        _policies.Dispose();
    }

    private static SamplingJob Job(string policy, int rows, int tokens, CancellationToken cancelled) => new()
    {
        Policy = policy, Prompts = [CompletionPrompt.FromTokenIds([65, 66])], N = rows, Options = new() { MaxTokens = tokens }, Cancelled = cancelled,
    };

    private static async Task FirstTokenAsync(SamplingJob job)
    {
        await using var tokens = job.Tokens(Cancellation).GetAsyncEnumerator(Cancellation);
        (await tokens.MoveNextAsync()).ShouldBeTrue();
    }

    private static async Task<List<JobToken>> TokensAsync(SamplingJob job)
    {
        var tokens = new List<JobToken>();
        await foreach (var token in job.Tokens(Cancellation))
            tokens.Add(token);
        return tokens;
    }
}

using Annotator.Model.Checkpoints;
using Annotator.Model.Sampling;
using Annotator.Tests.Fixtures;

namespace Annotator.Tests.Model.Sampling;

/// <summary>What GET /metrics shows to Prometheus.</summary>
[Collection(TorchCollection.Name)]
public sealed class ServingMetricsTests : IDisposable
{
    private readonly TemporaryDirectory _policies = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Requests_tokens_times_and_policies_are_counted_in_Prometheus_text()
    {
        TinyPolicy.WriteRandom(_policies["one"]);
        TinyPolicy.WriteUnigram(_policies["letters"], id => id is 'a' or 'b' ? 1 : TinyPolicy.Never);
        await using var server = await ServedPolicies.StartAsync(_policies.Path);

        await server.CompleteAsync(new() { Model = "letters", Prompt = [CompletionPrompt.FromText("Four")], N = 3, MaxTokens = 5 });
        await server.CompleteAsync(new() { Model = "one", Prompt = [CompletionPrompt.FromText("A")], MaxTokens = 1 });
        using var missing = await server.PostAsync("v1/completions", """{"model":"none","prompt":"A"}""");
        using var lost = await server.Client.GetAsync("lost", Cancellation);

        using var answer = await server.Client.GetAsync("metrics", Cancellation);
        answer.Content.Headers.ContentType!.MediaType.ShouldBe("text/plain");
        (await server.MetricAsync("""annotator_requests_total{route="/v1/completions",status="200"}""")).ShouldBe(2);
        (await server.MetricAsync("""annotator_requests_total{route="/v1/completions",status="404"}""")).ShouldBe(1);
        (await server.MetricAsync("""annotator_requests_total{route="other",status="404"}""")).ShouldBe(1);
        (await server.MetricAsync("annotator_prompt_tokens_total")).ShouldBe(4 + 1);
        (await server.MetricAsync("annotator_generated_tokens_total")).ShouldBe(15 + 1);
        (await server.MetricAsync("annotator_time_to_first_token_seconds_count")).ShouldBe(3 + 1);
        (await server.MetricAsync("annotator_time_per_token_seconds_count")).ShouldBe(3 * 4);
        (await server.MetricAsync("annotator_queue_depth")).ShouldBe(0);
        await Until.TrueAsync(async () => await server.MetricAsync("annotator_responses_running") == 0);
        (await server.MetricAsync("annotator_policies_loaded")).ShouldBe(2);
        (await server.MetricAsync("""annotator_policy_weights_bytes{policy="one"}""")).ShouldBe(PolicyDirectory.WeightBytes(_policies["one"]));
    }

    [Fact]
    public async Task Responses_in_work_are_seen_while_they_are()
    {
        TinyPolicy.WriteEndless(_policies["long"]);
        await using var server = await ServedPolicies.StartAsync(_policies.Path);
        using var leave = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        var endless = server.Client.PostAsync("v1/completions", ServedPolicies.Json("""{"model":"long","prompt":"A","n":64,"max_tokens":4000}"""), leave.Token);
        await Until.TrueAsync(async () => await server.MetricAsync("annotator_responses_running") > 0);

        // All places are taken, and nobody ends before leaving is noticed: the next request stands ready to join, the one after it in the queue.
        var waiting = Enumerable.Range(0, 2).Select(_ =>
            server.Client.PostAsync("v1/completions", ServedPolicies.Json("""{"model":"long","prompt":"A","n":64,"max_tokens":4000}"""), leave.Token)).ToList();
        await Until.TrueAsync(async () => await server.MetricAsync("annotator_queue_depth") == 1);
        await leave.CancelAsync();
        foreach (var request in waiting.Prepend(endless))
            await Should.ThrowAsync<OperationCanceledException>(() => request);

        await Until.TrueAsync(async () => await server.MetricAsync("annotator_responses_running") == 0 && await server.MetricAsync("annotator_queue_depth") == 0);
        await Until.TrueAsync(async () => await server.MetricAsync("""annotator_requests_total{route="/v1/completions",status="499"}""") == 3);
    }

    public void Dispose() => _policies.Dispose();
}

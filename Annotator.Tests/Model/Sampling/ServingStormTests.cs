using System.Globalization;
using System.Text.Json;
using Annotator.Model.Native;
using Annotator.Tests.Benchmarks;
using Annotator.Tests.Fixtures;

namespace Annotator.Tests.Model.Sampling;

/// <summary>Nothing is left behind by clients that come and go as they like.</summary>
[Collection(TorchCollection.Name)]
public sealed class ServingStormTests : IDisposable
{
    private readonly TemporaryDirectory _policies = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task After_many_clients_that_leave_at_any_time_no_request_row_or_tensor_is_left()
    {
        TinyPolicy.WriteRandom(_policies["policy"]);
        await using var server = await ServedPolicies.StartAsync(_policies.Path);
        var storm = new RequestStorm(server.Client.BaseAddress!, "policy", seed: 1);
        await storm.BlowAsync(10);
        await ShouldBeAtRestAsync(server.Client);
        var tensors = 0L;
        await Until.TrueAsync(() => tensors == (tensors = LiveTensors.Count()));  // the last batch is just being put away

        await storm.BlowAsync(60);

        await ShouldBeAtRestAsync(server.Client);
        await Until.TrueAsync(() => LiveTensors.Count() == tensors);
        storm.Answered.ShouldBeInRange(15, 50);
    }

    /// <summary>A process of its own: the memory of this one is not the server's.</summary>
    [Benchmark]
    public async Task A_thousand_clients_leave_the_servers_memory_as_it_was_within_5_percent()
    {
        LinuxProcess.Require();
        TinyPolicy.WriteRandom(_policies["policy"]);
        using var serve = ModelVerb.Start("serve", "--policies", _policies.Path, "--urls", "http://127.0.0.1:0", "--json", ParentPipe.OptionName);
        var address = "";
        await serve.WaitForLine(line =>
        {
            address = JsonDocument.Parse(line).RootElement.GetProperty("url").GetString()!;
            return true;
        });
        using var client = new HttpClient { BaseAddress = new Uri(address) };

        // Code is compiled and buffers find their size during the first thousand.
        var storm = new RequestStorm(client.BaseAddress, "policy", seed: 2);
        await storm.BlowAsync(1_000);
        var before = await MemoryAtRestAsync(client, round: 1);
        await storm.BlowAsync(1_000);
        var after = await MemoryAtRestAsync(client, round: 2);

        TestContext.Current.TestOutputHelper!.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"resident memory after 1,000 requests {before / 1e6:0.0} MB, after 1,000 more {after / 1e6:0.0} MB ({after / before - 1:+0.0%;-0.0%}); {storm.Answered} answered, the others left"));
        after.ShouldBeLessThan(1.05 * before);
    }

    public void Dispose() => _policies.Dispose();

    private static async Task<double> MemoryAtRestAsync(HttpClient client, int round)
    {
        await ShouldBeAtRestAsync(client);
        await Until.TrueAsync(async () => await MetricAsync(client, "annotator_memory_given_back_total") >= round, seconds: 60);
        return await MetricAsync(client, "process_resident_memory_bytes");
    }

    private static Task ShouldBeAtRestAsync(HttpClient client) => Until.TrueAsync(async () =>
        await MetricAsync(client, "annotator_queue_depth") == 0 && await MetricAsync(client, "annotator_responses_running") == 0);

    private static async Task<double> MetricAsync(HttpClient client, string name) => ServedPolicies.Metric(await client.GetStringAsync("metrics", Cancellation), name);
}

using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Annotator.Model.Checkpoints;
using Annotator.Model.Sampling;
using Annotator.Tests.Fixtures;

namespace Annotator.Tests.Model.Sampling;

/// <summary>Damaged policies and bodies that no client would send: one sentence each, and the server lives.</summary>
[Collection(TorchCollection.Name)]
public sealed class HostileServingTests : IAsyncLifetime
{
    private readonly TemporaryDirectory _policies = new();
    private ServedPolicies _server = null!;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        TinyPolicy.WriteRandom(_policies["sound"]);
        _server = await ServedPolicies.StartAsync(_policies.Path, options => options with { Memory = 4 * PolicyDirectory.WeightBytes(_policies["sound"]) });
    }

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        _policies.Dispose();
    }

    public static TheoryData<string, string, string> DamagedFiles => new()
    {
        { "model.safetensors", "cut short", "truncated" },
        { "model.safetensors", "empty", "too few for a header" },
        { "model.safetensors", "header of 2^60 bytes", "claims 1152921504606846976 bytes" },
        { "model.safetensors", "removed", "has no model.safetensors" },
        { "config.json", "empty", "can't be read" },
        { "config.json", "not an object", "not a JSON object" },
        { "config.json", "unknown architecture", "is not known here" },
        { "config.json", "wider than the weights", "config.json says" },
        { "config.json", "larger than memory", "config.json says" },
        { "vocab.json", "empty", "can't be used" },
    };

    [Theory]
    [MemberData(nameof(DamagedFiles))]
    public async Task A_damaged_policy_is_named_and_the_others_are_served(string file, string damage, string says)
    {
        Damage(Path.Combine(TinyPolicy.WriteRandom(_policies["damaged"]), file), damage);
        foreach (var stream in new[] { "false", "true" })
        {
            using var answer = await _server.PostAsync("v1/completions", $$"""{"model":"damaged","prompt":[65],"stream":{{stream}}}""");
            await ServedPolicies.ShouldBeErrorAsync(answer, 500, null, says);
        }

        await ShouldLiveAsync();
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    public async Task Weights_that_are_no_numbers_end_their_own_requests_only(float weight)
    {
        TinyPolicy.WriteUnigram(_policies["broken"], _ => weight);
        using var broken = await _server.PostAsync("v1/chat/completions", """{"model":"broken","messages":[{"role":"user","content":"A"}],"chat_template":"plain"}""");
        await ServedPolicies.ShouldBeErrorAsync(broken, 500, null, "weights are damaged");
        await ShouldLiveAsync();
    }

    [Fact]
    public async Task A_policy_larger_than_the_servers_memory_is_refused_with_both_amounts()
    {
        TinyPolicy.WriteRandom(_policies["large"], contextLength: 8192);
        using var answer = await _server.PostAsync("v1/completions", """{"model":"large","prompt":"A"}""");
        await ServedPolicies.ShouldBeErrorAsync(answer, 400, "model", "start it with a larger --memory");
        await ShouldLiveAsync();
    }

    [Fact]
    public async Task More_policies_than_fit_take_turns_though_all_are_asked_for_at_once()
    {
        var names = Enumerable.Range(0, 9).Select(i => $"policy{i}").ToList();
        names.ForEach(name => TinyPolicy.WriteRandom(_policies[name], seed: name[^1]));
        var answers = await Task.WhenAll(names.Concat(names).Select(name =>
            _server.CompleteAsync(new() { Model = name, Prompt = [CompletionPrompt.FromText("A")], MaxTokens = 20, N = 3, Seed = 1 })));
        answers.Select(answer => answer.Choices.Count).ShouldAllBe(count => count == 3);
        (await _server.MetricAsync("annotator_policies_loaded")).ShouldBeInRange(1, 4);
    }

    [Theory]
    [InlineData("")]
    [InlineData("[]")]
    [InlineData("\"text\"")]
    [InlineData("{\"model\":")]
    [InlineData("{\"model\":\"sound\",\"model\":7,\"prompt\":\"A\"}")]
    [InlineData("{\"model\":\"sound\",\"prompt\":\"\\udc00\\ud800\"}")]
    [InlineData("{\"model\":\"sound\",\"prompt\":[9999999999]}")]
    [InlineData("{\"model\":\"sound\",\"prompt\":[[]]}")]
    [InlineData("{\"model\":\"sound\",\"prompt\":\"A\",\"temperature\":1e999}")]
    [InlineData("{\"model\":\"sound\",\"prompt\":\"A\",\"seed\":1e2}")]
    [InlineData("{\"model\":\"sound\",\"prompt\":\"A\",\"stop\":{}}")]
    [InlineData("{\"model\":\"sound\",\"prompt\":\"A\",\"stream_options\":[]}")]
    public async Task A_body_that_makes_no_sense_is_400(string body)
    {
        using var answer = await _server.PostAsync("v1/completions", body);
        answer.StatusCode.ShouldBe(HttpStatusCode.BadRequest, await answer.Content.ReadAsStringAsync(Cancellation));
        using var chat = await _server.PostAsync("v1/chat/completions", body);
        chat.StatusCode.ShouldBe(HttpStatusCode.BadRequest, await chat.Content.ReadAsStringAsync(Cancellation));
        await ShouldLiveAsync();
    }

    [Fact]
    public async Task Bytes_that_are_no_UTF8_and_nesting_without_end_are_400()
    {
        byte[] broken = [.. "{\"model\":\"sound\",\"prompt\":\""u8, 0xC3, 0x28, 0xFF, .. "\"}"u8];
        byte[] deep = [.. "{\"prompt\":"u8, .. Enumerable.Repeat((byte)'[', 100_000)];
        byte[] unknown = [.. "{\"x\":"u8, .. Enumerable.Repeat((byte)'[', 100_000)];
        foreach (var body in new[] { broken, deep, unknown })
        {
            using var content = new ByteArrayContent(body) { Headers = { ContentType = new("application/json") } };
            using var answer = await _server.Client.PostAsync("v1/completions", content, Cancellation);
            answer.StatusCode.ShouldBe(HttpStatusCode.BadRequest, await answer.Content.ReadAsStringAsync(Cancellation));
        }

        await ShouldLiveAsync();
    }

    [Fact]
    public async Task A_prompt_far_beyond_the_context_is_refused_without_holding_up_the_others()
    {
        using var text = await _server.PostAsync("v1/completions", $$"""{"model":"sound","prompt":"{{string.Concat(Enumerable.Repeat("ab cd ", 600_000))}}"}""");
        await ServedPolicies.ShouldBeErrorAsync(text, 400, "prompt", "a prompt of 3600000 characters can't fit");
        using var chat = await _server.PostAsync("v1/chat/completions", $$"""{"model":"sound","chat_template":"plain","messages":[{"role":"user","content":"{{new string('x', 3_000_000)}}"}]}""");
        await ServedPolicies.ShouldBeErrorAsync(chat, 400, "messages", "characters can't fit");
        using var ids = await _server.PostAsync("v1/completions", $$"""{"model":"sound","prompt":[{{string.Join(',', Enumerable.Repeat(65, 1_000_000))}}]}""");
        await ServedPolicies.ShouldBeErrorAsync(ids, 400, "prompt", "context is 64 tokens");
        await ShouldLiveAsync();
    }

    [Fact]
    public async Task A_client_that_breaks_off_within_its_request_leaves_nothing_behind()
    {
        for (var i = 0; i < 5; i++)
        {
            using var socket = new TcpClient();
            await socket.ConnectAsync(IPAddress.Loopback, _server.Client.BaseAddress!.Port, Cancellation);
            await socket.GetStream().WriteAsync("POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{\"model\":"u8.ToArray(), Cancellation);
        }

        await ShouldLiveAsync();
        await Until.TrueAsync(async () => await _server.MetricAsync("annotator_queue_depth") + await _server.MetricAsync("annotator_responses_running") == 0);
    }

    private async Task ShouldLiveAsync() =>
        (await _server.CompleteAsync(new() { Model = "sound", Prompt = [CompletionPrompt.FromText("A")], MaxTokens = 3, Seed = 1 })).Choices.Count.ShouldBe(1);

    private static void Damage(string file, string damage)
    {
        var config = File.ReadAllText(Path.Combine(Path.GetDirectoryName(file)!, PolicyDirectory.ConfigFile));
        byte[] whole = File.ReadAllBytes(file);
        switch (damage)
        {
            case "cut short": File.WriteAllBytes(file, whole[..^1000]); break;
            case "empty": File.WriteAllBytes(file, []); break;
            case "removed": File.Delete(file); break;
            case "not an object": File.WriteAllText(file, "[1]"); break;
            case "unknown architecture": File.WriteAllText(file, config.Replace("gpt2", "mamba")); break;
            case "wider than the weights": File.WriteAllText(file, config.Replace("\"n_embd\": 16", "\"n_embd\": 32")); break;
            case "larger than memory": File.WriteAllText(file, config.Replace("\"n_embd\": 16", "\"n_embd\": 1048576")); break;
            case "header of 2^60 bytes":
                BinaryPrimitives.WriteUInt64LittleEndian(whole, 1UL << 60);
                File.WriteAllBytes(file, whole);
                break;
            default: throw new ArgumentOutOfRangeException(nameof(damage), damage, "");
        }
    }
}

using System.Net.Http.Headers;
using Annotator.Model.Sampling;
using Annotator.Tests.Fixtures;

namespace Annotator.Tests.Model.Sampling;

/// <summary>Who is let in: anyone of this machine without a key, whoever shows it with one.</summary>
[Collection(TorchCollection.Name)]
public sealed class ServingAccessTests : IDisposable
{
    private const string Key = "sk-0123456789abcdef";

    private readonly TemporaryDirectory _policies = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(null)]
    [InlineData("Bearer sk-0123456789abcdeF")]
    [InlineData("Bearer sk-0123456789abcde")]
    [InlineData("Bearer")]
    [InlineData("Basic sk-0123456789abcdef")]
    [InlineData(Key)]
    public async Task Without_the_key_every_address_but_health_is_closed(string? authorization)
    {
        await using var server = await ServedPolicies.StartAsync(_policies.Path, options => options with { ApiKey = Key });
        if (authorization is not null)
            server.Client.DefaultRequestHeaders.TryAddWithoutValidation("Authorization", authorization);
        foreach (var path in new[] { "v1/models", "metrics", "v1/nothing" })
        {
            using var answer = await server.Client.GetAsync(path, Cancellation);
            await ServedPolicies.ShouldBeErrorAsync(answer, 401, null, "wants its key");
            answer.Headers.WwwAuthenticate.Single().Scheme.ShouldBe("Bearer");
        }

        using var completion = await server.PostAsync("v1/completions", "{}");
        await ServedPolicies.ShouldBeErrorAsync(completion, 401, null, "wants its key");
        (await server.Client.GetStringAsync("health", Cancellation)).ShouldContain("ok");
    }

    [Fact]
    public async Task With_the_key_all_is_open_by_whatever_name_the_server_is_called()
    {
        await using var server = await ServedPolicies.StartAsync(_policies.Path, options => options with { ApiKey = Key });
        using var request = new HttpRequestMessage(HttpMethod.Get, "v1/models") { Headers = { Host = "gpu-host.example" } };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", Key);
        using var answer = await server.Client.SendAsync(request, Cancellation);
        answer.EnsureSuccessStatusCode();
    }

    [Theory]
    [InlineData("http://0.0.0.0:5100", null, "give the server a key by --api-key-file or the environment variable ANNOTATOR_API_KEY")]
    [InlineData("http://192.168.1.2:5100", null, "give the server a key")]
    [InlineData("http://gpu-host:5100", null, "give the server a key")]
    [InlineData("http://0.0.0.0:5100", "short", "has 5 characters; it needs at least 16")]
    [InlineData("http://0.0.0.0:5100", "sixteen characters", "holds a space")]
    [InlineData("http://127.0.0.1:5100", "", "has 0 characters")]
    [InlineData("http://0.0.0.0:5100", Key, null)]
    [InlineData("http://127.0.0.1:5100", null, null)]
    [InlineData("http://[::1]:5100", null, null)]
    [InlineData("http://localhost:5100", Key, null)]
    public void Beyond_loopback_a_key_is_required_and_a_weak_one_refused(string url, string? key, string? says)
    {
        var fault = new ServingOptions { PoliciesDirectory = "", Urls = [url], ApiKey = key }.AccessFault();
        if (says is null)
            fault.ShouldBeNull();
        else
            fault!.ShouldContain(says);
    }

    public void Dispose() => _policies.Dispose();
}

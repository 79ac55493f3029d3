using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Annotator.Model.Sampling;
using Microsoft.AspNetCore.Builder;

namespace Annotator.Tests.Fixtures;

/// <summary>The server of <c>serve</c> in this process, over real HTTP on loopback. libtorch is loaded already.</summary>
public sealed class ServedPolicies : IAsyncDisposable
{
    private readonly WebApplication _server;

    private ServedPolicies(WebApplication server)
    {
        _server = server;
        Client = new HttpClient(new SocketsHttpHandler { Expect100ContinueTimeout = WebApp.PatienceForContinue }) { BaseAddress = new Uri(server.Urls.Single()) };
    }

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public HttpClient Client { get; }

    /// <summary>Serves a directory of policies on a free port.</summary>
    public static async Task<ServedPolicies> StartAsync(string policies, Func<ServingOptions, ServingOptions>? change = null)
    {
        var options = new ServingOptions { PoliciesDirectory = policies, Urls = ["http://127.0.0.1:0"] };
        var server = Serving.Build(change?.Invoke(options) ?? options);
        await server.StartAsync(Cancellation);
        return new ServedPolicies(server);
    }

    public static StringContent Json(string body) => new(body, Encoding.UTF8, "application/json");

    public Task<HttpResponseMessage> PostAsync(string path, string body) => Client.PostAsync(path, Json(body), Cancellation);

    public async Task<CompletionResponse> CompleteAsync(CompletionRequest request)
    {
        using var answer = await Client.PostAsJsonAsync("v1/completions", request, CompletionJson.Default.CompletionRequest, Cancellation);
        answer.StatusCode.ShouldBe(HttpStatusCode.OK, await answer.Content.ReadAsStringAsync(Cancellation));
        return (await answer.Content.ReadFromJsonAsync(CompletionJson.Default.CompletionResponse, Cancellation))!;
    }

    public async Task<ChatCompletionResponse> ChatAsync(ChatCompletionRequest request)
    {
        using var answer = await Client.PostAsJsonAsync("v1/chat/completions", request, CompletionJson.Default.ChatCompletionRequest, Cancellation);
        answer.StatusCode.ShouldBe(HttpStatusCode.OK, await answer.Content.ReadAsStringAsync(Cancellation));
        return (await answer.Content.ReadFromJsonAsync(CompletionJson.Default.ChatCompletionResponse, Cancellation))!;
    }

    /// <summary>The data of all server-sent events, the last <c>[DONE]</c> included.</summary>
    public async Task<List<string>> EventsAsync(string path, string body)
    {
        using var answer = await PostAsync(path, body);
        answer.Content.Headers.ContentType!.MediaType.ShouldBe("text/event-stream");
        var text = await answer.Content.ReadAsStringAsync(Cancellation);
        return [.. text.Split("\n\n", StringSplitOptions.RemoveEmptyEntries).Select(e => e["data: ".Length..])];
    }

    /// <inheritdoc cref="Metric" />
    public async Task<double> MetricAsync(string begin) => Metric(await Client.GetStringAsync("metrics", Cancellation), begin);

    /// <summary>The lines of /metrics whose name (and labels) begin so, added up.</summary>
    public static double Metric(string metrics, string begin) =>
        metrics.Split('\n')
            .Where(line => line.StartsWith(begin, StringComparison.Ordinal))
            .Sum(line => double.Parse(line[(line.LastIndexOf(' ') + 1)..], CultureInfo.InvariantCulture));

    /// <summary>An error in OpenAI's shape, one sentence without a stack.</summary>
    public static async Task ShouldBeErrorAsync(HttpResponseMessage answer, int status, string? field, string says)
    {
        var body = await answer.Content.ReadAsStringAsync(Cancellation);
        ((int)answer.StatusCode).ShouldBe(status, body);
        var error = JsonSerializer.Deserialize(body, CompletionJson.Default.ErrorResponse)!.Error;
        error.Message.ShouldContain(says);
        error.Message.ShouldNotContain(" at Annotator.");
        error.Param.ShouldBe(field);
        error.Type.ShouldBe(status switch { 429 => "rate_limit_error", >= 500 => "server_error", _ => "invalid_request_error" });
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await _server.DisposeAsync();
    }
}

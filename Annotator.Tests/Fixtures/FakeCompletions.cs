using System.Collections.Concurrent;
using Annotator.Model.Sampling;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Annotator.Tests.Fixtures;

/// <summary>A completions server on loopback that answers what a test tells it to; a real sampler would be slower and say what it likes.</summary>
public sealed class FakeCompletions : IAsyncDisposable
{
    private readonly WebApplication app;
    private int said;

    private FakeCompletions(WebApplication app) => this.app = app;

    public string Url => app.Urls.First();

    /// <summary>Every request that came, in its order.</summary>
    public ConcurrentQueue<CompletionRequest> Requests { get; } = new();

    /// <summary>What the last request showed as its key.</summary>
    public string? Authorization { get; private set; }

    /// <summary>Every request for a turn of a chat.</summary>
    public ConcurrentQueue<ChatCompletionRequest> Chats { get; } = new();

    /// <summary>The text of response i of a request; unless told otherwise, no two are equal.</summary>
    public Func<CompletionRequest, int, string> Text { get; set; }
        = (_, _) => "";

    /// <summary>Whether token ids and log-probabilities are given, as by servers that know vLLM's extension.</summary>
    public bool GivesTokenIds { get; set; } = true;

    /// <summary>What to answer instead of a completion, e.g. 503; null = completions.</summary>
    public Func<CompletionRequest, IResult?> Instead { get; set; } = _ => null;

    /// <summary>What a request waits for first.</summary>
    public Func<CompletionRequest, Task> Hold { get; set; } = _ => Task.CompletedTask;

    /// <summary>What a stream waits for after its first piece.</summary>
    public Func<CompletionRequest, Task> HoldStream { get; set; } = _ => Task.CompletedTask;

    /// <summary>What a stream says instead of going on after its first piece: an error among the events; null = it goes on.</summary>
    public Func<CompletionRequest, string?> BreakOff { get; set; } = _ => null;

    public static async Task<FakeCompletions> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Services.ConfigureHttpJsonOptions(json => json.SerializerOptions.TypeInfoResolverChain.Insert(0, CompletionJson.Default));
        var app = builder.Build();
        var fake = new FakeCompletions(app);
        fake.Text = (_, index) => $" was film number {Interlocked.Increment(ref fake.said)}, choice {index}.";
        app.MapGet("/v1/models", () => Results.Json(new ModelList([]), CompletionJson.Default.ModelList));
        app.MapPost("/v1/completions", (Delegate)fake.CompleteAsync);
        app.MapPost("/v1/chat/completions", (Delegate)fake.ChatAsync);
        await app.StartAsync();
        return fake;
    }

    public ValueTask DisposeAsync() => app.DisposeAsync();

    private async Task<IResult> CompleteAsync(HttpContext context)
    {
        var request = (await context.Request.ReadFromJsonAsync(CompletionJson.Default.CompletionRequest))!;
        Requests.Enqueue(request);
        Authorization = context.Request.Headers.Authorization;
        await Hold(request).WaitAsync(context.RequestAborted);
        if (Instead(request) is { } other)
        {
            return other;
        }

        if (request.Stream == true)
        {
            await StreamAsync(context, request);
            return Results.Empty;
        }

        return Results.Json(
            new CompletionResponse
            {
                Id = "cmpl-1",
                Created = 0,
                Model = request.Model!,
                PromptTokenIds = GivesTokenIds ? [1, 2, 3] : null,
                Choices = [.. Enumerable.Range(0, request.N ?? 1).Select(index => Choice(request, index))],
            },
            CompletionJson.Default.CompletionResponse);
    }

    private async Task<IResult> ChatAsync(HttpContext context)
    {
        var request = (await context.Request.ReadFromJsonAsync(CompletionJson.Default.ChatCompletionRequest))!;
        Chats.Enqueue(request);
        return Results.Json(
            new ChatCompletionResponse
            {
                Id = "chatcmpl-1",
                Kind = ChatCompletionResponse.Whole,
                Created = 0,
                Model = request.Model!,
                PromptTokenIds = [1, 2, 3],
                Choices = [.. Enumerable.Range(0, request.N ?? 1).Select(index => new ChatCompletionChoice
                {
                    Index = index,
                    Message = new() { Role = "assistant", Content = $"Turn {Interlocked.Increment(ref said)}, choice {index}." },
                    FinishReason = "stop",
                    TokenIds = [7, 8, 0],
                    Logprobs = new([.. new[] { -1, -2, -0.5 }.Select(logprob => new ChatTokenLogprob { Token = "t", Logprob = logprob })]),
                })],
            },
            CompletionJson.Default.ChatCompletionResponse);
    }

    /// <summary>Word by word, the choices in turn, as server-sent events.</summary>
    private async Task StreamAsync(HttpContext context, CompletionRequest request)
    {
        context.Response.ContentType = "text/event-stream";
        var texts = Enumerable.Range(0, request.N ?? 1).Select(index => Text(request, index).Split(' ', StringSplitOptions.RemoveEmptyEntries)).ToList();
        for (var word = 0; word < texts.Max(text => text.Length); word++)
        {
            foreach (var (index, text) in texts.Index().Where(text => word < text.Item.Length))
            {
                var chunk = new CompletionResponse
                {
                    Id = "cmpl-1", Created = 0, Model = request.Model!,
                    Choices = [new() { Index = index, Text = " " + text[word], FinishReason = word == text.Length - 1 ? "stop" : null }],
                };
                await SendAsync(System.Text.Json.JsonSerializer.Serialize(chunk, CompletionJson.Default.CompletionResponse));
            }

            if (word == 0)
            {
                await HoldStream(request).WaitAsync(context.RequestAborted);
                if (BreakOff(request) is { } trouble)
                {
                    await SendAsync(System.Text.Json.JsonSerializer.Serialize(new ErrorResponse(new(trouble, "server_error")), CompletionJson.Default.ErrorResponse));
                    return;
                }
            }
        }

        await SendAsync("[DONE]");

        async Task SendAsync(string data)
        {
            await context.Response.WriteAsync($"data: {data}\n\n", context.RequestAborted);
            await context.Response.Body.FlushAsync(context.RequestAborted);
        }
    }

    private CompletionChoice Choice(CompletionRequest request, int index) => new()
    {
        Index = index,
        Text = Text(request, index),
        FinishReason = "stop",
        TokenIds = GivesTokenIds ? [7, 8, 0] : null,
        Logprobs = GivesTokenIds
            ? new CompletionLogprobs { Tokens = ["a", "b", ""], TokenLogprobs = [-1, -2, -0.5], TextOffset = [0, 1, 2] }
            : null,
    };
}

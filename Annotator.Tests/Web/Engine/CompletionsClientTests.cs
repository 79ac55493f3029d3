using System.Net;
using Annotator.Model.Preferences;
using Annotator.Model.Sampling;
using Annotator.Tests.Fixtures;
using Annotator.Web.Data;
using Annotator.Web.Engine;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace Annotator.Tests.Web.Engine;

public sealed class CompletionsClientTests : IAsyncLifetime
{
    private static readonly StudySampling Sampling = new() { Temperature = 0.9, TopP = 0.95, TopK = 40, MaxTokens = 32 };
    private FakeCompletions server = null!;
    private WebApp app = null!;
    private CompletionsClient client = null!;

    public async ValueTask InitializeAsync()
    {
        server = await FakeCompletions.StartAsync();
        app = await WebApp.StartAsync($"--Engine:CompletionsUrl={server.Url}", "--Engine:CompletionsKey=sk-of-the-other-server");
        client = app.Services.GetRequiredService<CompletionsClient>();
        await app.Services.GetRequiredService<ModelProcess>().WaitUntilReadyAsync(Cancellation);
        server.Requests.Clear();
    }

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_prompt_is_sampled_with_the_studys_options_and_the_ids_come_back()
    {
        var responses = await client.SampleAsync("some-hash", "This film", 2, Sampling, seed: 7, Cancellation);

        var request = server.Requests.Single(r => r.Model == "some-hash");
        request.Prompt.ShouldBe([CompletionPrompt.FromText("This film")]);
        (request.N, request.Seed, request.MaxTokens, request.Temperature, request.TopP, request.TopK, request.ReturnTokenIds)
            .ShouldBe((2, 7, 32, 0.9, 0.95, 40, true));
        server.Authorization.ShouldBe("Bearer sk-of-the-other-server");
        responses.Count.ShouldBe(2);
        responses[1].Text.ShouldEndWith("choice 1.");
        responses[1].TokenIds.ShouldBe([7, 8, 0]);
        responses[1].PromptTokenIds.ShouldBe([1, 2, 3]);
        responses[1].LogProbability.ShouldBe(-3.5);
        responses[1].FinishReason.ShouldBe("stop");
    }

    [Fact]
    public async Task A_stream_comes_piece_by_piece_and_what_breaks_it_off_is_said_among_the_pieces()
    {
        server.Text = (_, index) => $" choice {index}";
        var pieces = new List<SampledPiece>();
        await foreach (var piece in client.StreamAsync("some-hash", "This film", 2, Sampling, seed: 7, Cancellation))
        {
            pieces.Add(piece);
        }

        pieces.ShouldBe([new(0, " choice", null), new(1, " choice", null), new(0, " 0", "stop"), new(1, " 1", "stop")]);
        var request = server.Requests.Single(r => r.Model == "some-hash");
        (request.Stream, request.N, request.Seed, request.MaxTokens, request.Logprobs, request.ReturnTokenIds).ShouldBe((true, 2, 7, 32, null, null));

        server.BreakOff = _ => "The memory is full.";
        var came = new List<SampledPiece>();
        (await Should.ThrowAsync<SamplerUnavailableException>(async () =>
        {
            await foreach (var piece in client.StreamAsync("some-hash", "This film", 1, Sampling, seed: 7, Cancellation))
            {
                came.Add(piece);
            }
        })).Message.ShouldBe("The memory is full.");
        came.ShouldBe([new(0, " choice", null)]);
    }

    [Fact]
    public async Task A_chat_is_asked_for_the_assistants_next_turn()
    {
        var chat = TextOrMessages.FromMessages([new("system", "Be brief."), new("user", "A haiku?")]);

        var responses = await client.SampleAsync("some-hash", chat, 3, Sampling with { ChatTemplate = "plain" }, seed: 7, Cancellation);

        var request = server.Chats.ShouldHaveSingleItem();
        request.Messages!.Select(message => (message.Role, message.Content)).ShouldBe([("system", "Be brief."), ("user", "A haiku?")]);
        (request.N, request.Seed, request.MaxTokens, request.Temperature, request.TopP, request.TopK, request.ReturnTokenIds)
            .ShouldBe((3, 7, 32, 0.9, 0.95, 40, true));
        request.ChatTemplate.ShouldBe("plain");
        responses.Count.ShouldBe(3);
        responses[2].Text.ShouldEndWith("choice 2.");
        (responses[2].LogProbability, responses[2].FinishReason).ShouldBe((-3.5, "stop"));
        responses[2].TokenIds.ShouldBe([7, 8, 0]);
        responses[2].PromptTokenIds.ShouldBe([1, 2, 3]);
    }

    [Fact]
    public async Task A_server_that_gives_no_token_ids_is_accepted()
    {
        server.GivesTokenIds = false;

        var responses = await client.SampleAsync("some-hash", "This film", 2, Sampling, seed: 7, Cancellation);

        responses.ShouldAllBe(r => r.Text.Length > 0 && r.TokenIds == null && r.PromptTokenIds == null && r.LogProbability == null);
    }

    [Fact]
    public async Task A_server_that_is_busy_or_gone_is_unavailable()
    {
        server.Instead = _ => Results.Json(new ErrorResponse(new("Too many requests are waiting.", "rate_limit_error")), CompletionJson.Default.ErrorResponse, statusCode: 429);
        (await Should.ThrowAsync<SamplerUnavailableException>(SampleAsync)).Message.ShouldBe("Too many requests are waiting.");

        // Nobody looks after the server any more: else whoever notices first that it is gone says so.
        await app.Services.GetRequiredService<ModelProcess>().StopAsync(Cancellation);
        await server.DisposeAsync();
        (await Should.ThrowAsync<SamplerUnavailableException>(SampleAsync)).Message.ShouldContain("can't be reached");
    }

    [Fact]
    public async Task A_server_that_refuses_says_why()
    {
        server.Instead = _ => Results.Json(new ErrorResponse(new("The model \"x\" is not here.", "invalid_request_error")), CompletionJson.Default.ErrorResponse, statusCode: 404);
        (await Should.ThrowAsync<SamplerRefusedException>(SampleAsync)).Message.ShouldBe("The model \"x\" is not here.");

        server.Instead = _ => Results.Content("<html>", "text/html", statusCode: 400);
        (await Should.ThrowAsync<SamplerRefusedException>(SampleAsync)).Message.ShouldBe("The sampler answered 400 (Bad Request).");

        server.Instead = _ => Results.Content("<html>", "application/json");
        (await Should.ThrowAsync<SamplerRefusedException>(SampleAsync)).Message.ShouldContain("something that is no completion");
    }

    [Fact]
    public async Task A_cancelled_request_ends_at_once()
    {
        var never = new TaskCompletionSource();
        server.Hold = _ => never.Task;
        using var cancelled = new CancellationTokenSource();
        var sampling = client.SampleAsync("some-hash", "This film", 2, Sampling, seed: 7, cancelled.Token);
        await Until.TrueAsync(() => !server.Requests.IsEmpty);

        await cancelled.CancelAsync();

        await Should.ThrowAsync<OperationCanceledException>(() => sampling);
        never.SetResult();
    }

    [Fact]
    public async Task Without_a_sampler_the_reason_is_that_of_its_state()
    {
        await using var without = await WebApp.StartAsync();
        var unavailable = await Should.ThrowAsync<SamplerUnavailableException>(() =>
            without.Services.GetRequiredService<CompletionsClient>().SampleAsync("h", "p", 1, Sampling, 1, Cancellation));
        unavailable.Message.ShouldBe("No sampler is started because Engine:Enabled is false in the configuration.");
    }

    [Theory]
    [InlineData("http://gpu:8000")]
    [InlineData("http://gpu:8000/")]
    [InlineData("http://gpu:8000/v1")]
    [InlineData("http://gpu:8000/v1/")]
    public void A_servers_address_may_be_given_with_or_without_its_v1(string url) =>
        new EngineOptions { CompletionsUrl = url }.CompletionsServer.ShouldBe(new Uri("http://gpu:8000/"));

    [Theory]
    [InlineData("Engine:CompletionsUrl", "gpu-host:8000", "Engine:CompletionsUrl must be an http or https address, such as http://127.0.0.1:8000; it is \"gpu-host:8000\".")]
    [InlineData("Engine:TrainerStopsWithin", "00:00:00", "Engine:TrainerStopsWithin must be a time above 0, such as 00:00:30; it is 00:00:00.")]
    public void An_option_that_makes_no_sense_keeps_the_app_from_starting(string key, string value, string says) =>
        Should.Throw<StartupException>(() => Annotator.Web.Program.Build([$"--{key}={value}", "--data", Path.GetTempPath()])).Message.ShouldBe(says);

    public async ValueTask DisposeAsync()
    {
        await app.DisposeAsync();
        await server.DisposeAsync();
    }

    private Task SampleAsync() => client.SampleAsync("some-hash", "This film", 2, Sampling, seed: 7, Cancellation);
}

using System.ClientModel;
using System.ClientModel.Primitives;
using System.Text.Json;
using Annotator.Model.Tokenization;
using Annotator.Tests.Fixtures;
using Microsoft.Extensions.AI;
using OpenAI;
using OpenAI.Chat;

namespace Annotator.Tests.Model.Sampling;

/// <summary>The official OpenAI client for .NET talks to <c>serve</c>, by itself and through Microsoft.Extensions.AI.</summary>
[Collection(TorchCollection.Name)]
public sealed class OpenAIClientTests : IAsyncLifetime
{
    private readonly TemporaryDirectory _policies = new();
    private ServedPolicies _server = null!;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        TinyPolicy.WriteRandom(_policies["random"], contextLength: 256);
        TinyPolicy.WriteUnigram(_policies["short"], id => id switch { TinyPolicy.EndOfText => 1, 'a' => 2, 'b' => 2, _ => TinyPolicy.Never });
        _server = await ServedPolicies.StartAsync(_policies.Path, options => options with { ChatTemplate = ChatTemplate.Plain });
    }

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        _policies.Dispose();
    }

    [Fact]
    public async Task Reading_as_documentation_a_chat_through_Microsoft_Extensions_AI()
    {
        using var chat = Client("short").AsIChatClient();

        var answer = await chat.GetResponseAsync("A film?", new() { Temperature = 0.8f, MaxOutputTokens = 30, Seed = 7 }, Cancellation);

        answer.Messages.Single().Role.ShouldBe(ChatRole.Assistant);
        answer.Text.ShouldMatch("^[ab]*$");
        answer.ModelId.ShouldBe("short");
        answer.FinishReason.ShouldBeOneOf(Microsoft.Extensions.AI.ChatFinishReason.Stop, Microsoft.Extensions.AI.ChatFinishReason.Length);
        answer.Usage!.InputTokenCount.ShouldBe("\n\nHuman: A film?\n\nAssistant:".Length);
        answer.Usage.TotalTokenCount.ShouldBe(answer.Usage.InputTokenCount + answer.Usage.OutputTokenCount);
    }

    [Fact]
    public async Task A_streamed_chat_is_the_whole_one_in_pieces()
    {
        using var chat = Client("random").AsIChatClient();
        var options = new ChatOptions { MaxOutputTokens = 40, Seed = 3, TopP = 0.9f, StopSequences = ["zz"] };
        Microsoft.Extensions.AI.ChatMessage[] messages = [new(ChatRole.System, "Be brief."), new(ChatRole.User, "Was it good?")];
        var whole = await chat.GetResponseAsync(messages, options, Cancellation);

        var updates = new List<ChatResponseUpdate>();
        await foreach (var update in chat.GetStreamingResponseAsync(messages, options, Cancellation))
            updates.Add(update);

        updates.Count.ShouldBeGreaterThan(5);
        var together = updates.ToChatResponse();
        together.Text.ShouldBe(whole.Text);
        together.FinishReason.ShouldBe(whole.FinishReason);
        together.Usage!.OutputTokenCount.ShouldBe(whole.Usage!.OutputTokenCount);  // the client asks for include_usage by itself
        together.Messages.Single().Role.ShouldBe(ChatRole.Assistant);
    }

    [Fact]
    public async Task A_stream_can_be_left_in_the_middle()
    {
        TinyPolicy.WriteEndless(_policies["long"]);
        using var chat = Client("long").AsIChatClient();
        var seen = 0;
        await foreach (var update in chat.GetStreamingResponseAsync("A film?", new() { MaxOutputTokens = 4000 }, Cancellation))
        {
            if (update.Text.Length > 0 && ++seen == 3)
                break;
        }

        seen.ShouldBe(3);
        await Until.TrueAsync(async () => await _server.MetricAsync("annotator_responses_running") == 0);
    }

    [Fact]
    public async Task Log_probabilities_and_a_seed_through_the_OpenAI_client()
    {
#pragma warning disable OPENAI001 // The client marks the seed as a trial, as OpenAI's own server does not keep to it; this one does.
        var options = new ChatCompletionOptions { IncludeLogProbabilities = true, TopLogProbabilityCount = 2, MaxOutputTokenCount = 20, Seed = 5 };
#pragma warning restore OPENAI001
        var client = Client("short");
        ChatCompletion first = await client.CompleteChatAsync([new UserChatMessage("A film?")], options, Cancellation);
        ChatCompletion again = await client.CompleteChatAsync([new UserChatMessage("A film?")], options, Cancellation);

        again.Content[0].Text.ShouldBe(first.Content[0].Text);
        first.ContentTokenLogProbabilities.Count.ShouldBe(first.Usage.OutputTokenCount);
        var normaliser = Math.Log((2 * Math.Exp(2)) + Math.Exp(1));
        foreach (var token in first.ContentTokenLogProbabilities.Where(token => token.Token is "a" or "b"))
        {
            token.LogProbability.ShouldBe((float)(2 - normaliser), 1e-5f);
            token.Utf8Bytes!.Value.ToArray().ShouldBe([(byte)token.Token[0]]);
            token.TopLogProbabilities.Select(top => top.Token).ShouldBe(["a", "b"]);
        }

        string.Concat(first.ContentTokenLogProbabilities.Select(token => token.Token)).Replace("<|endoftext|>", "").ShouldBe(first.Content[0].Text);
    }

    [Fact]
    public async Task Several_responses_and_our_extensions_through_the_clients_raw_request()
    {
        var body = BinaryContent.Create(BinaryData.FromString("""
            {"model":"random","messages":[{"role":"user","content":"A film?"}],"n":4,"max_tokens":8,"seed":2,"min_p":0.02,"top_k":40,"repetition_penalty":1.1,"return_token_ids":true}
            """));
        var answer = await Client("random").CompleteChatAsync(body, new() { CancellationToken = Cancellation });
        using var json = JsonDocument.Parse(answer.GetRawResponse().Content);
        var choices = json.RootElement.GetProperty("choices").EnumerateArray().ToList();
        choices.Select(choice => choice.GetProperty("index").GetInt32()).ShouldBe([0, 1, 2, 3]);
        choices.Select(choice => choice.GetProperty("token_ids").ToString()).Distinct().Count().ShouldBeGreaterThan(1);
    }

    [Fact]
    public async Task The_models_are_listed_as_the_client_expects_them()
    {
        var models = (await new OpenAIClient(new ApiKeyCredential("none"), Options(_server)).GetOpenAIModelClient().GetModelsAsync(Cancellation)).Value;
        models.Select(model => model.Id).ShouldBe(["random", "short"]);
        models.ShouldAllBe(model => model.OwnedBy == "annotator" && model.CreatedAt > DateTimeOffset.UnixEpoch);
    }

    [Fact]
    public async Task An_unknown_model_a_full_queue_and_a_wrong_key_reach_the_caller_as_the_clients_own_errors()
    {
        var unknown = await FailureAsync(Client("none"));
        unknown.Status.ShouldBe(404);
        unknown.Message.ShouldContain("There is no policy \"none\" here");
        unknown.Message.ShouldContain("model_not_found");

        await using var full = await ServedPolicies.StartAsync(_policies.Path, options => options with { QueueCapacity = 0, ChatTemplate = ChatTemplate.Plain });
        var busy = await FailureAsync(Client("short", full));
        busy.Status.ShouldBe(429);
        busy.Message.ShouldContain("try again in a moment");

        await using var locked = await ServedPolicies.StartAsync(_policies.Path, options => options with { ApiKey = "the-right-key-0000" });
        (await FailureAsync(Client("short", locked))).Status.ShouldBe(401);
    }

    [Fact]
    public async Task The_clients_key_opens_a_server_that_has_one()
    {
        await using var locked = await ServedPolicies.StartAsync(_policies.Path, options => options with { ApiKey = "the-right-key-0000", ChatTemplate = ChatTemplate.Plain });
        ChatCompletion answer = await Client("short", locked, "the-right-key-0000").CompleteChatAsync([new UserChatMessage("A film?")], cancellationToken: Cancellation);
        answer.Role.ShouldBe(ChatMessageRole.Assistant);
    }

    private static Task<ClientResultException> FailureAsync(ChatClient client) =>
        Should.ThrowAsync<ClientResultException>(() => client.CompleteChatAsync([new UserChatMessage("A")], cancellationToken: Cancellation));

    /// <summary>It asks again by itself after a 429: here it is to give up at once.</summary>
    private static OpenAIClientOptions Options(ServedPolicies server) =>
        new() { Endpoint = new Uri(server.Client.BaseAddress!, "v1"), RetryPolicy = new ClientRetryPolicy(0) };

    private ChatClient Client(string model, ServedPolicies? server = null, string key = "none") => new(model, new ApiKeyCredential(key), Options(server ?? _server));
}

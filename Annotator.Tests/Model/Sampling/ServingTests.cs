using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Annotator.Model.Sampling;
using Annotator.Tests.Fixtures;
using Microsoft.AspNetCore.Builder;

namespace Annotator.Tests.Model.Sampling;

/// <summary>The contract of <c>serve</c>, over real HTTP on loopback.</summary>
[Collection(TorchCollection.Name)]
public sealed class ServingTests : IAsyncLifetime
{
    private readonly TemporaryDirectory _policies = new();
    private HttpClient _client = new();
    private WebApplication _server = null!;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        TinyPolicy.WriteRandom(_policies["random"]);
        TinyPolicy.WriteUnigram(_policies["short"], id => id switch { TinyPolicy.EndOfText => 1, 'a' => 2, 'b' => 2, _ => TinyPolicy.Never });
        TinyPolicy.WriteUnigram(_policies["broken"], _ => float.NaN);
        await StartAsync(new() { PoliciesDirectory = _policies.Path, Urls = ["http://127.0.0.1:0"] });
    }

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        _client.Dispose();
        _policies.Dispose();
    }

    [Fact]
    public async Task A_request_with_return_token_ids_is_answered_with_texts_ids_and_usage()
    {
        var answer = await CompleteAsync(new()
        {
            Model = "short",
            Prompt = [CompletionPrompt.FromText("A film")],
            N = 3,
            MaxTokens = 50,
            Seed = 7,
            ReturnTokenIds = true,
        });

        answer.Model.ShouldBe("short");
        answer.PromptTokenIds.ShouldBe([.. "A film".Select(c => (int)c)]);
        answer.Choices.Select(c => c.Index).ShouldBe([0, 1, 2]);
        foreach (var choice in answer.Choices)
        {
            choice.FinishReason.ShouldBe("stop");
            choice.TokenIds![^1].ShouldBe(TinyPolicy.EndOfText);
            choice.Text.ShouldBe(string.Concat(choice.TokenIds.SkipLast(1).Select(id => (char)id)));
            choice.PromptTokenIds.ShouldBe(answer.PromptTokenIds);
            choice.Logprobs.ShouldBeNull();
        }

        var sampled = answer.Choices.Sum(c => c.TokenIds!.Count);
        answer.Usage.ShouldBe(new CompletionUsage(6, sampled, 6 + sampled));
    }

    [Fact]
    public async Task Token_ids_are_left_out_unless_asked_for()
    {
        using var answer = await PostAsync("""{"model":"short","prompt":"A","seed":1}""");
        var json = await answer.Content.ReadAsStringAsync(Cancellation);
        json.ShouldNotContain("token_ids");
        json.ShouldContain("\"object\":\"text_completion\"");
    }

    [Fact]
    public async Task The_same_seed_gives_the_same_responses_and_several_prompts_those_of_each_alone()
    {
        CompletionRequest Request(params string[] prompts) => new()
        {
            Model = "random", Prompt = [.. prompts.Select(CompletionPrompt.FromText)], N = 2, MaxTokens = 30, Seed = 11, ReturnTokenIds = true,
        };

        var first = await CompleteAsync(Request("A film"));
        var second = await CompleteAsync(Request("Bad"));
        var both = await CompleteAsync(Request("A film", "Bad"));

        both.Choices.Select(c => c.Index).ShouldBe([0, 1, 2, 3]);
        both.PromptTokenIds.ShouldBeNull();
        both.Choices.Select(c => string.Join(' ', c.TokenIds!))
            .ShouldBe(first.Choices.Concat(second.Choices).Select(c => string.Join(' ', c.TokenIds!)));
    }

    [Fact]
    public async Task Requests_at_the_same_time_are_all_answered_as_if_alone()
    {
        CompletionRequest Request(int i) => new()
        {
            Model = i % 2 == 0 ? "random" : "short", Prompt = [CompletionPrompt.FromText(new string('x', 1 + i))], MaxTokens = 20, Seed = i, ReturnTokenIds = true,
        };

        var together = await Task.WhenAll(Enumerable.Range(0, 20).Select(i => CompleteAsync(Request(i))));

        for (var i = 0; i < together.Length; i++)
            together[i].Choices[0].TokenIds.ShouldBe((await CompleteAsync(Request(i))).Choices[0].TokenIds);
    }

    [Fact]
    public async Task A_stream_brings_the_same_tokens_as_the_whole_answer_and_ends_with_done()
    {
        var request = new CompletionRequest
        {
            Model = "short", Prompt = [CompletionPrompt.FromTokenIds([65, 66])], N = 2, MaxTokens = 50, Seed = 3, Stop = ["bab"], Logprobs = 0, ReturnTokenIds = true,
        };
        var whole = await CompleteAsync(request);

        var events = await EventsAsync(request with { Stream = true, StreamOptions = new() { IncludeUsage = true } });

        events[^1].ShouldBe("[DONE]");
        var chunks = events.SkipLast(1).Select(e => JsonSerializer.Deserialize(e, CompletionJson.Default.CompletionResponse)!).ToList();
        chunks[^1].Usage.ShouldBe(whole.Usage);
        foreach (var choice in whole.Choices)
        {
            var pieces = chunks.SelectMany(c => c.Choices).Where(c => c.Index == choice.Index).ToList();
            string.Concat(pieces.Select(p => p.Text)).ShouldBe(choice.Text);
            pieces.SelectMany(p => p.TokenIds!).ShouldBe(choice.TokenIds);
            pieces.SelectMany(p => p.Logprobs!.TokenLogprobs).ShouldBe(choice.Logprobs!.TokenLogprobs);
            pieces.Select(p => p.FinishReason).ShouldBe([.. Enumerable.Repeat<string?>(null, pieces.Count - 1), choice.FinishReason]);
            pieces[0].PromptTokenIds.ShouldBe([65, 66]);
        }
    }

    [Fact]
    public async Task Log_probabilities_come_in_OpenAIs_shape()
    {
        var answer = await CompleteAsync(new() { Model = "short", Prompt = [CompletionPrompt.FromText("A")], MaxTokens = 50, Seed = 3, Logprobs = 2, ReturnTokenIds = true });
        var choice = answer.Choices[0];
        var logprobs = choice.Logprobs!;
        var normaliser = Math.Log((2 * Math.Exp(2)) + Math.Exp(1));

        logprobs.TokenLogprobs.Count.ShouldBe(choice.TokenIds!.Count);
        for (var i = 0; i < logprobs.TokenLogprobs.Count; i++)
        {
            logprobs.TokenLogprobs[i].ShouldBe((choice.TokenIds[i] == TinyPolicy.EndOfText ? 1 : 2) - normaliser, 1e-5);
            logprobs.TextOffset[i].ShouldBe(i);
            logprobs.TopLogprobs![i].Keys.ShouldBe(["a", "b"]);
        }

        logprobs.Tokens[^1].ShouldBe("<|endoftext|>");
        string.Concat(logprobs.Tokens.SkipLast(1)).ShouldBe(choice.Text);
    }

    [Fact]
    public async Task The_models_are_the_complete_policies_of_the_directory()
    {
        Directory.CreateDirectory(_policies["unfinished"]);
        TinyPolicy.WriteRandom(_policies[".beside"]);
        var models = await _client.GetFromJsonAsync("v1/models", CompletionJson.Default.ModelList, Cancellation);
        models!.Data.Select(m => m.Id).ShouldBe(["broken", "random", "short"]);
    }

    [Fact]
    public async Task A_policy_that_arrives_while_the_server_runs_can_be_asked_for_and_more_than_are_kept_take_turns()
    {
        string[] names = ["one", "two", "three", "four", "one"];
        foreach (var name in names.Distinct())
            TinyPolicy.WriteRandom(_policies[name], seed: name.Length);
        foreach (var name in names)
            (await CompleteAsync(new() { Model = name, Prompt = [CompletionPrompt.FromText("A")], MaxTokens = 2 })).Choices.Count.ShouldBe(1);
    }

    [Fact]
    public async Task Health_is_ok() =>
        (await _client.GetStringAsync("health", Cancellation)).ShouldBe("""{"status":"ok"}""");

    [Theory]
    [InlineData("""{"prompt":"A"}""", 400, "model", "model is missing")]
    [InlineData("""{"model":"none","prompt":"A"}""", 404, "model", "no policy \"none\"")]
    [InlineData("""{"model":"../random","prompt":"A"}""", 404, "model", "no policy")]
    [InlineData("""{"model":"random"}""", 400, "prompt", "prompt is missing")]
    [InlineData("""{"model":"random","prompt":""}""", 400, "prompt", "prompt is empty")]
    [InlineData("""{"model":"random","prompt":[300]}""", 400, "prompt", "token id 300")]
    [InlineData("""{"model":"random","prompt":[-1]}""", 400, "prompt", "token id -1")]
    [InlineData("""{"model":"random","prompt":"A","max_tokens":64}""", 400, "prompt", "context is 64 tokens")]
    [InlineData("""{"model":"random","prompt":"A","max_tokens":2147483647}""", 400, "prompt", "context is 64 tokens")]
    [InlineData("""{"model":"random","prompt":"A","max_tokens":0}""", 400, "max_tokens", "at least 1")]
    [InlineData("""{"model":"random","prompt":"A","n":0}""", 400, "n", "from 1 to 128")]
    [InlineData("""{"model":"random","prompt":"A","n":129}""", 400, "n", "from 1 to 128")]
    [InlineData("""{"model":"random","prompt":["A","B","C","D","E"],"n":128}""", 400, "n", "at most 512")]
    [InlineData("""{"model":"random","prompt":"A","temperature":-1}""", 400, "temperature", "[0, 2]")]
    [InlineData("""{"model":"random","prompt":"A","top_p":0}""", 400, "top_p", "(0, 1]")]
    [InlineData("""{"model":"random","prompt":"A","top_k":-2}""", 400, "top_k", "0 (off)")]
    [InlineData("""{"model":"random","prompt":"A","stop":[""]}""", 400, "stop", "empty string")]
    [InlineData("""{"model":"random","prompt":"A","logprobs":6}""", 400, "logprobs", "from 0 to 5")]
    [InlineData("""{"model":"random","prompt":"A","seed":"x"}""", 400, "seed", "wrong kind")]
    [InlineData("""{"model":"random","prompt":"A","temprature":1}""", 400, "temprature", "not known")]
    [InlineData("""{"model":"random" """, 400, null, "not a JSON object")]
    [InlineData("null", 400, null, "null")]
    [InlineData("""{"model":"broken","prompt":[65]}""", 500, null, "not finite")]
    public async Task A_request_that_cannot_be_answered_gets_one_sentence_in_OpenAIs_shape(string body, int status, string? field, string says)
    {
        using var answer = await PostAsync(body);
        await ShouldBeErrorAsync(answer, status, field, says);
        (await _client.GetAsync("health", Cancellation)).EnsureSuccessStatusCode();
    }

    [Fact]
    public async Task A_policy_without_tokenizer_takes_token_ids_and_refuses_text()
    {
        foreach (var file in new[] { "vocab.json", "merges.txt" })
            File.Delete(Path.Combine(TinyPolicy.WriteRandom(_policies["bare"]), file));

        var answer = await CompleteAsync(new() { Model = "bare", Prompt = [CompletionPrompt.FromTokenIds([65])], MaxTokens = 5, Seed = 1, ReturnTokenIds = true, Logprobs = 1 });
        answer.Choices[0].Text.ShouldBe("");
        answer.Choices[0].TokenIds!.Count.ShouldBeGreaterThan(0);
        using var text = await PostAsync("""{"model":"bare","prompt":"A"}""");
        await ShouldBeErrorAsync(text, 400, "prompt", "no tokenizer");
        using var stop = await PostAsync("""{"model":"bare","prompt":[65],"stop":"x"}""");
        await ShouldBeErrorAsync(stop, 400, "stop", "no tokenizer");
    }

    [Fact]
    public async Task A_policy_that_cannot_be_opened_is_an_error_and_the_others_are_served_on()
    {
        TinyPolicy.WriteRandom(_policies["torn"]);
        File.WriteAllBytes(Path.Combine(_policies["torn"], "model.safetensors"), [1, 2, 3]);
        using var torn = await PostAsync("""{"model":"torn","prompt":"A"}""");
        await ShouldBeErrorAsync(torn, 500, null, "torn");
        using var stream = await PostAsync("""{"model":"torn","prompt":"A","stream":true}""");
        await ShouldBeErrorAsync(stream, 500, null, "torn");
        (await CompleteAsync(new() { Model = "random", Prompt = [CompletionPrompt.FromText("A")] })).Choices.Count.ShouldBe(1);
    }

    [Fact]
    public async Task A_full_queue_answers_429_with_a_time_to_come_back()
    {
        await StartAsync(new() { PoliciesDirectory = _policies.Path, Urls = ["http://127.0.0.1:0"], QueueCapacity = 0 });
        using var answer = await PostAsync("""{"model":"random","prompt":"A"}""");
        await ShouldBeErrorAsync(answer, 429, null, "waiting already");
        answer.Headers.RetryAfter!.Delta.ShouldBe(TimeSpan.FromSeconds(1));
    }

    [Fact]
    public async Task A_body_that_is_too_large_or_not_json_is_refused()
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "v1/completions")
        {
            Content = Json($$"""{"model":"random","prompt":"{{new string('x', 5 << 20)}}"}"""),
            Headers = { ExpectContinue = true },
        };
        using var large = await _client.SendAsync(request, Cancellation);
        await ShouldBeErrorAsync(large, 413, null, "larger than this server takes");
        using var text = await _client.PostAsync("v1/completions", new StringContent("{}", Encoding.UTF8, "text/plain"), Cancellation);
        await ShouldBeErrorAsync(text, 415, null, "application/json");
    }

    [Fact]
    public async Task An_unknown_address_and_a_foreign_host_name_are_refused()
    {
        using var nothing = await _client.GetAsync("v1/nothing", Cancellation);
        await ShouldBeErrorAsync(nothing, 404, null, "/v1/nothing");
        using var foreign = new HttpRequestMessage(HttpMethod.Get, "health") { Headers = { Host = "example.com" } };
        using var refused = await _client.SendAsync(foreign, Cancellation);
        await ShouldBeErrorAsync(refused, 400, null, "localhost only");
    }

    [Fact]
    public async Task A_client_that_goes_away_frees_the_sampler()
    {
        // 64 rows of 4,000 tokens each: many times the time allowed below, were they sampled to the end.
        TinyPolicy.WriteRandom(_policies["long"], contextLength: 4096);
        using var leave = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        using var request = new HttpRequestMessage(HttpMethod.Post, "v1/completions")
        {
            Content = Json("""{"model":"long","prompt":"A","n":64,"max_tokens":4000,"stream":true}"""),
        };
        var stream = await _client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, leave.Token);
        stream.EnsureSuccessStatusCode();
        stream.Dispose();
        await leave.CancelAsync();

        using var patience = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        patience.CancelAfter(TimeSpan.FromSeconds(10));
        using var next = await _client.PostAsync("v1/completions", Json("""{"model":"long","prompt":"A","max_tokens":1}"""), patience.Token);
        next.EnsureSuccessStatusCode();
    }

    private async Task StartAsync(ServingOptions options)
    {
        if (_server is not null)
            await _server.DisposeAsync();
        _server = Serving.Build(options);
        await _server.StartAsync(Cancellation);
        _client.Dispose();
        _client = new HttpClient { BaseAddress = new Uri(_server.Urls.Single()) };
    }

    private async Task<CompletionResponse> CompleteAsync(CompletionRequest request)
    {
        using var answer = await _client.PostAsJsonAsync("v1/completions", request, CompletionJson.Default.CompletionRequest, Cancellation);
        answer.StatusCode.ShouldBe(HttpStatusCode.OK, await answer.Content.ReadAsStringAsync(Cancellation));
        return (await answer.Content.ReadFromJsonAsync(CompletionJson.Default.CompletionResponse, Cancellation))!;
    }

    private Task<HttpResponseMessage> PostAsync(string body) =>
        _client.PostAsync("v1/completions", Json(body), Cancellation);

    private async Task<List<string>> EventsAsync(CompletionRequest request)
    {
        using var answer = await _client.PostAsJsonAsync("v1/completions", request, CompletionJson.Default.CompletionRequest, Cancellation);
        answer.Content.Headers.ContentType!.MediaType.ShouldBe("text/event-stream");
        var text = await answer.Content.ReadAsStringAsync(Cancellation);
        return [.. text.Split("\n\n", StringSplitOptions.RemoveEmptyEntries).Select(e => e["data: ".Length..])];
    }

    private static StringContent Json(string body) => new(body, Encoding.UTF8, "application/json");

    private static async Task ShouldBeErrorAsync(HttpResponseMessage answer, int status, string? field, string says)
    {
        var body = await answer.Content.ReadAsStringAsync(Cancellation);
        ((int)answer.StatusCode).ShouldBe(status, body);
        var error = JsonSerializer.Deserialize(body, CompletionJson.Default.ErrorResponse)!.Error;
        error.Message.ShouldContain(says);
        error.Message.ShouldNotContain(" at Annotator.");
        error.Param.ShouldBe(field);
        error.Type.ShouldBe(status switch { 429 => "rate_limit_error", >= 500 => "server_error", _ => "invalid_request_error" });
    }
}

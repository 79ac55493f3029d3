using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Annotator.Model.Sampling;
using Annotator.Tests.Fixtures;

namespace Annotator.Tests.Model.Sampling;

/// <summary>The contract of <c>serve</c>, over real HTTP on loopback.</summary>
[Collection(TorchCollection.Name)]
public sealed class ServingTests : IAsyncLifetime
{
    private readonly TemporaryDirectory _policies = new();
    private ServedPolicies _server = null!;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        TinyPolicy.WriteRandom(_policies["random"]);
        TinyPolicy.WriteUnigram(_policies["short"], id => id switch { TinyPolicy.EndOfText => 1, 'a' => 2, 'b' => 2, _ => TinyPolicy.Never });
        TinyPolicy.WriteUnigram(_policies["broken"], _ => float.NaN);
        _server = await ServedPolicies.StartAsync(_policies.Path);
    }

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
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

        var events = await _server.EventsAsync("v1/completions", JsonSerializer.Serialize(
            request with { Stream = true, StreamOptions = new() { IncludeUsage = true } }, CompletionJson.Default.CompletionRequest));

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
    public async Task Min_p_1_leaves_the_most_probable_token_only_and_a_penalty_drives_the_next_one_elsewhere()
    {
        // Nearly equal weights for a to d, so the choice shows what the options do: "a" first, and what was said is said no more.
        TinyPolicy.WriteUnigram(_policies["four"], id => id is >= 'a' and <= 'd' ? 2 - (0.01f * (id - 'a')) : TinyPolicy.Never);
        var request = new CompletionRequest { Model = "four", Prompt = [CompletionPrompt.FromText("A")], MaxTokens = 4, Seed = 3 };

        (await CompleteAsync(request with { MinP = 1 })).Choices[0].Text.ShouldBe("aaaa");
        (await CompleteAsync(request with { MinP = 1, RepetitionPenalty = 2 })).Choices[0].Text.ShouldBe("abcd");
        (await CompleteAsync(request with { Temperature = 0, RepetitionPenalty = 2 })).Choices[0].Text.ShouldBe("abcd");
        (await CompleteAsync(request with { Temperature = 0, RepetitionPenalty = 2, Prompt = [CompletionPrompt.FromText("bd")] })).Choices[0].Text.ShouldBe("acaa");
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
        var models = await _server.Client.GetFromJsonAsync("v1/models", CompletionJson.Default.ModelList, Cancellation);
        models!.Data.Select(m => m.Id).ShouldBe(["broken", "random", "short"]);
    }

    [Fact]
    public async Task A_policy_that_arrives_while_the_server_runs_can_be_asked_for()
    {
        TinyPolicy.WriteRandom(_policies["new"]);
        (await CompleteAsync(new() { Model = "new", Prompt = [CompletionPrompt.FromText("A")], MaxTokens = 2 })).Choices.Count.ShouldBe(1);
    }

    [Fact]
    public async Task Health_is_ok() =>
        (await _server.Client.GetStringAsync("health", Cancellation)).ShouldBe("""{"status":"ok"}""");

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
    [InlineData("""{"model":"random","prompt":"A","min_p":1.5}""", 400, "min_p", "[0, 1]")]
    [InlineData("""{"model":"random","prompt":"A","repetition_penalty":0}""", 400, "repetition_penalty", "[0.1, 10]")]
    [InlineData("""{"model":"random","prompt":"A","stop":[""]}""", 400, "stop", "empty string")]
    [InlineData("""{"model":"random","prompt":"A","logprobs":6}""", 400, "logprobs", "from 0 to 5")]
    [InlineData("""{"model":"random","prompt":"A","seed":"x"}""", 400, "seed", "wrong kind")]
    [InlineData("""{"model":"random","prompt":"A","temprature":1}""", 400, "temprature", "not known")]
    [InlineData("""{"model":"random","prompt":"A","presence_penalty":0.5}""", 400, "presence_penalty", "use repetition_penalty")]
    [InlineData("""{"model":"random","prompt":"A","logit_bias":{"50":-100}}""", 400, "logit_bias", "not supported")]
    [InlineData("""{"model":"random","prompt":"A","echo":true}""", 400, "echo", "not supported")]
    [InlineData("""{"model":"random","prompt":"A","best_of":3}""", 400, "best_of", "not supported")]
    [InlineData("""{"model":"random","prompt":"A","n":1000000000}""", 400, "n", "from 1 to 128")]
    [InlineData("""{"model":"random","prompt":"A","n":1e30}""", 400, "n", "wrong kind")]
    [InlineData("""{"model":"random","prompt":"A","n":-1}""", 400, "n", "from 1 to 128")]
    [InlineData("""{"model":"random","prompt":"A","max_tokens":99999999999}""", 400, "max_tokens", "wrong kind")]
    [InlineData("""{"model":"random","prompt":"\ud800"}""", 400, "prompt", "wrong kind")]
    [InlineData("""{"model":"random\u0000","prompt":"A"}""", 404, "model", "no policy")]
    [InlineData("""{"model":".beside","prompt":"A"}""", 404, "model", "no policy")]
    [InlineData("""{"model":"/etc","prompt":"A"}""", 404, "model", "no policy")]
    [InlineData("""{"model":"random" """, 400, null, "not a JSON object")]
    [InlineData("null", 400, null, "null")]
    [InlineData("""{"model":"broken","prompt":[65]}""", 500, null, "not finite")]
    public async Task A_request_that_cannot_be_answered_gets_one_sentence_in_OpenAIs_shape(string body, int status, string? field, string says)
    {
        using var answer = await PostAsync(body);
        await ServedPolicies.ShouldBeErrorAsync(answer, status, field, says);
        (await _server.Client.GetAsync("health", Cancellation)).EnsureSuccessStatusCode();
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
        await ServedPolicies.ShouldBeErrorAsync(text, 400, "prompt", "no tokenizer");
        using var stop = await PostAsync("""{"model":"bare","prompt":[65],"stop":"x"}""");
        await ServedPolicies.ShouldBeErrorAsync(stop, 400, "stop", "no tokenizer");
    }

    [Fact]
    public async Task A_policy_that_cannot_be_opened_is_an_error_and_the_others_are_served_on()
    {
        TinyPolicy.WriteRandom(_policies["torn"]);
        File.WriteAllBytes(Path.Combine(_policies["torn"], "model.safetensors"), [1, 2, 3]);
        using var torn = await PostAsync("""{"model":"torn","prompt":"A"}""");
        await ServedPolicies.ShouldBeErrorAsync(torn, 500, null, "torn");
        using var stream = await PostAsync("""{"model":"torn","prompt":"A","stream":true}""");
        await ServedPolicies.ShouldBeErrorAsync(stream, 500, null, "torn");
        (await CompleteAsync(new() { Model = "random", Prompt = [CompletionPrompt.FromText("A")] })).Choices.Count.ShouldBe(1);
    }

    [Fact]
    public async Task A_full_queue_answers_429_with_a_time_to_come_back()
    {
        await using var full = await ServedPolicies.StartAsync(_policies.Path, options => options with { QueueCapacity = 0 });
        using var answer = await full.PostAsync("v1/completions", """{"model":"random","prompt":"A"}""");
        await ServedPolicies.ShouldBeErrorAsync(answer, 429, null, "waiting already");
        answer.Headers.RetryAfter!.Delta.ShouldBe(TimeSpan.FromSeconds(1));
    }

    [Fact]
    public async Task A_body_that_is_too_large_or_not_json_is_refused()
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "v1/completions")
        {
            Content = ServedPolicies.Json($$"""{"model":"random","prompt":"{{new string('x', 5 << 20)}}"}"""),
            Headers = { ExpectContinue = true },
        };
        using var large = await _server.Client.SendAsync(request, Cancellation);
        await ServedPolicies.ShouldBeErrorAsync(large, 413, null, "larger than this server takes");
        using var text = await _server.Client.PostAsync("v1/completions", new StringContent("{}", Encoding.UTF8, "text/plain"), Cancellation);
        await ServedPolicies.ShouldBeErrorAsync(text, 415, null, "application/json");
    }

    [Fact]
    public async Task What_changes_nothing_is_accepted()
    {
        using var answer = await PostAsync("""
            {"model":"random","prompt":"A","user":"u","metadata":{"a":"b"},"store":false,"echo":false,"best_of":1,"suffix":null,
             "frequency_penalty":0,"presence_penalty":0.0,"logit_bias":{},"service_tier":"auto","top_k":-1}
            """);
        answer.EnsureSuccessStatusCode();
    }

    [Fact]
    public async Task A_method_that_an_address_does_not_take_is_refused_with_those_it_takes()
    {
        using var delete = await _server.Client.DeleteAsync("v1/models", Cancellation);
        await ServedPolicies.ShouldBeErrorAsync(delete, 405, null, "takes GET");
        delete.Content.Headers.Allow.ShouldBe(["GET"]);
        using var get = await _server.Client.GetAsync("v1/chat/completions", Cancellation);
        await ServedPolicies.ShouldBeErrorAsync(get, 405, null, "takes POST");
    }

    [Fact]
    public async Task An_unknown_address_and_a_foreign_host_name_are_refused()
    {
        using var file = await _server.Client.GetAsync("favicon.ico", Cancellation);
        await ServedPolicies.ShouldBeErrorAsync(file, 404, null, "/favicon.ico");
        using var nothing = await _server.Client.GetAsync("v1/nothing", Cancellation);
        await ServedPolicies.ShouldBeErrorAsync(nothing, 404, null, "/v1/nothing");
        using var foreign = new HttpRequestMessage(HttpMethod.Get, "health") { Headers = { Host = "example.com" } };
        using var refused = await _server.Client.SendAsync(foreign, Cancellation);
        await ServedPolicies.ShouldBeErrorAsync(refused, 400, null, "localhost only");
    }

    [Fact]
    public async Task A_client_that_goes_away_frees_the_sampler()
    {
        // 64 rows of 4,000 tokens each take all places: were they sampled to the end, the next request would come after all of them.
        TinyPolicy.WriteEndless(_policies["long"]);
        using var leave = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        using var request = new HttpRequestMessage(HttpMethod.Post, "v1/completions")
        {
            Content = ServedPolicies.Json("""{"model":"long","prompt":"A","n":64,"max_tokens":4000,"stream":true}"""),
        };
        var stream = await _server.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, leave.Token);
        stream.EnsureSuccessStatusCode();
        stream.Dispose();
        await leave.CancelAsync();

        using var next = await PostAsync("""{"model":"long","prompt":"A","max_tokens":1}""");
        next.EnsureSuccessStatusCode();
        (await _server.MetricAsync("annotator_generated_tokens_total")).ShouldBeLessThan(64 * 4000);
    }

    private Task<CompletionResponse> CompleteAsync(CompletionRequest request) => _server.CompleteAsync(request);

    private Task<HttpResponseMessage> PostAsync(string body) => _server.PostAsync("v1/completions", body);
}

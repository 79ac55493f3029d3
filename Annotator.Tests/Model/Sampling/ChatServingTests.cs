using System.Text.Json;
using Annotator.Model.Checkpoints;
using Annotator.Model.Sampling;
using Annotator.Model.Tokenization;
using Annotator.Tests.Fixtures;

namespace Annotator.Tests.Model.Sampling;

/// <summary>The contract of <c>/v1/chat/completions</c>, over real HTTP on loopback.</summary>
[Collection(TorchCollection.Name)]
public sealed class ChatServingTests : IAsyncLifetime
{
    private static readonly ChatCompletionRequest Ask = new()
    {
        Model = "short", Messages = [new() { Role = "user", Content = "A film?" }], ChatTemplate = "plain", Seed = 7,
    };

    private readonly TemporaryDirectory _policies = new();
    private ServedPolicies _server = null!;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        TinyPolicy.WriteRandom(_policies["random"]);
        TinyPolicy.WriteUnigram(_policies["short"], id => id switch { TinyPolicy.EndOfText => 1, 'a' => 2, 'b' => 2, _ => TinyPolicy.Never });
        _server = await ServedPolicies.StartAsync(_policies.Path);
    }

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        _policies.Dispose();
    }

    [Fact]
    public async Task Reading_as_documentation_a_chat_is_rendered_and_the_assistant_answers()
    {
        var answer = await _server.ChatAsync(Ask with { N = 3, ReturnTokenIds = true });

        answer.Kind.ShouldBe("chat.completion");
        answer.Model.ShouldBe("short");
        answer.PromptTokenIds.ShouldBe([.. "\n\nHuman: A film?\n\nAssistant:".Select(c => (int)c)]);
        answer.Choices.Select(choice => choice.Index).ShouldBe([0, 1, 2]);
        foreach (var choice in answer.Choices)
        {
            choice.Message!.Role.ShouldBe("assistant");
            choice.Message.Content.ShouldBe(string.Concat(choice.TokenIds!.Where(id => id != TinyPolicy.EndOfText).Select(id => (char)id)));
            choice.FinishReason.ShouldBe(choice.TokenIds![^1] == TinyPolicy.EndOfText ? "stop" : "length");
            choice.Logprobs.ShouldBeNull();
        }

        var (prompt, sampled) = (answer.PromptTokenIds!.Count, answer.Choices.Sum(choice => choice.TokenIds!.Count));
        answer.Usage.ShouldBe(new CompletionUsage(prompt, sampled, prompt + sampled));
    }

    [Fact]
    public async Task A_chat_and_a_completion_of_its_rendered_prompt_give_the_same_tokens()
    {
        var chat = await _server.ChatAsync(Ask with { Model = "random", N = 2, MaxTokens = 12, ReturnTokenIds = true });
        var completion = await _server.CompleteAsync(new()
        {
            Model = "random", Prompt = [CompletionPrompt.FromTokenIds(chat.PromptTokenIds!)], N = 2, MaxTokens = 12, Seed = 7, ReturnTokenIds = true,
        });
        chat.Choices.Select(choice => string.Join(' ', choice.TokenIds!)).ShouldBe(completion.Choices.Select(choice => string.Join(' ', choice.TokenIds!)));
    }

    [Fact]
    public async Task A_stream_begins_with_the_role_and_brings_the_same_text_logprobs_and_ids()
    {
        var request = Ask with { N = 2, MaxCompletionTokens = 20, Logprobs = true, TopLogprobs = 2, ReturnTokenIds = true };
        var whole = await _server.ChatAsync(request);

        var events = await _server.EventsAsync("v1/chat/completions", JsonSerializer.Serialize(
            request with { Stream = true, StreamOptions = new() { IncludeUsage = true } }, CompletionJson.Default.ChatCompletionRequest));

        events[^1].ShouldBe("[DONE]");
        var chunks = events.SkipLast(1).Select(e => JsonSerializer.Deserialize(e, CompletionJson.Default.ChatCompletionResponse)!).ToList();
        chunks.ShouldAllBe(chunk => chunk.Kind == "chat.completion.chunk" && chunk.Id == chunks[0].Id);
        chunks[^1].Usage.ShouldBe(whole.Usage);
        chunks[^1].Choices.ShouldBeEmpty();
        foreach (var choice in whole.Choices)
        {
            var pieces = chunks.SelectMany(chunk => chunk.Choices).Where(piece => piece.Index == choice.Index).ToList();
            pieces[0].Delta.ShouldBe(new ChatCompletionAnswer { Role = "assistant", Content = "" });
            pieces.Skip(1).ShouldAllBe(piece => piece.Delta!.Role == null);
            string.Concat(pieces.Select(piece => piece.Delta!.Content)).ShouldBe(choice.Message!.Content);
            pieces.Skip(1).SelectMany(piece => piece.TokenIds!).ShouldBe(choice.TokenIds);
            pieces.Skip(1).SelectMany(piece => piece.Logprobs!.Content).Select(logprob => logprob.Logprob).ShouldBe(choice.Logprobs!.Content.Select(logprob => logprob.Logprob));
            pieces.Select(piece => piece.FinishReason).ShouldBe([.. Enumerable.Repeat<string?>(null, pieces.Count - 1), choice.FinishReason]);
        }
    }

    [Fact]
    public async Task Log_probabilities_name_each_token_with_its_bytes_and_the_most_probable_ones()
    {
        var answer = await _server.ChatAsync(Ask with { Logprobs = true, TopLogprobs = 3 });
        var normaliser = Math.Log((2 * Math.Exp(2)) + Math.Exp(1));
        foreach (var entry in answer.Choices[0].Logprobs!.Content)
        {
            var isEnd = entry.Token == "<|endoftext|>";
            entry.Logprob.ShouldBe((isEnd ? 1 : 2) - normaliser, 1e-5);
            entry.Bytes.ShouldBe(isEnd ? null : [entry.Token[0]]);
            entry.TopLogprobs!.Select(top => top.Token).ShouldBe(["a", "b", "<|endoftext|>"]);
            entry.TopLogprobs![0].Logprob.ShouldBe(2 - normaliser, 1e-5);
        }

        var plain = await _server.ChatAsync(Ask with { Logprobs = true });
        plain.Choices[0].Logprobs!.Content.ShouldAllBe(entry => entry.TopLogprobs!.Count == 0);
    }

    [Fact]
    public async Task Content_may_come_in_parts_and_developer_is_the_newer_name_of_system()
    {
        var template = ChatTemplate.Plain;
        using var answer = await _server.PostAsync("v1/chat/completions", """
            {"model":"short","chat_template":"plain","seed":1,"return_token_ids":true,"messages":[
                {"role":"developer","content":"Be"},
                {"role":"user","name":"ann","content":[{"type":"text","text":"A"},{"type":"text","text":"B"}]}]}
            """);
        var rendered = JsonSerializer.Deserialize(await answer.Content.ReadAsStringAsync(Cancellation), CompletionJson.Default.ChatCompletionResponse)!.PromptTokenIds!;
        var expected = template.Prompt([new("system", "Be"), new("user", "A\nB")], TextTokenizer.Open(_policies["short"])!).TokenIds;
        rendered.ShouldBe(expected);
    }

    [Fact]
    public async Task A_response_may_take_what_the_context_leaves_unless_it_is_told_otherwise()
    {
        TinyPolicy.WriteUnigram(_policies["endless"], id => id is 'a' ? 1 : TinyPolicy.Never);
        var prompt = "\n\nHuman: A film?\n\nAssistant:".Length;
        var full = await _server.ChatAsync(Ask with { Model = "endless" });
        full.Usage!.CompletionTokens.ShouldBe(TinyPolicy.ContextLength - prompt);
        full.Choices[0].FinishReason.ShouldBe("length");
        (await _server.ChatAsync(Ask with { Model = "endless", MaxTokens = 5 })).Choices[0].Message!.Content.ShouldBe("aaaaa");
    }

    [Fact]
    public async Task A_requests_stop_string_ends_an_answer()
    {
        TinyPolicy.WriteUnigram(_policies["letters"], id => id is 'x' or 'y' ? 1 : TinyPolicy.Never);
        var answer = await _server.ChatAsync(Ask with { Model = "letters", Stop = ["yx"] });
        answer.Choices[0].FinishReason.ShouldBe("stop");
        answer.Choices[0].Message!.Content!.ShouldNotContain("yx");
    }

    [Fact]
    public void The_templates_own_stop_string_ends_an_answer_too()
    {
        using var policy = PolicyDirectory.Open(_policies["short"]);
        var job = new SamplingJob { Policy = "short", Chat = new([new("user", "Well?")], ChatTemplate.Plain, null), N = 1, Options = new() { MaxTokens = 20 } };
        var response = job.Begin(policy).Single();

        var tokens = new List<SampledToken>();
        foreach (var said in "Good.\n\nHuman:")
        {
            response.Draw([.. Enumerable.Range(0, TinyPolicy.VocabularySize).Select(id => id == said ? 0 : TinyPolicy.Never)]);
            tokens.Add(response.Continue());
        }

        string.Concat(tokens.Select(token => token.Text)).ShouldBe("Good.");
        tokens[^1].FinishReason.ShouldBe("stop");
    }

    [Fact]
    public async Task The_token_that_ends_a_turn_ends_the_answer_and_so_does_the_end_of_text()
    {
        // 'a', the end of a turn and the end of a text are equally likely: answers of some letters, ended by either.
        TinyPolicy.WriteChatml(_policies["chatml"], id => id is 'a' or TinyPolicy.EndOfText or TinyPolicy.TurnEnds ? 1 : TinyPolicy.Never);
        var answer = await _server.ChatAsync(Ask with { Model = "chatml", ChatTemplate = "chatml", N = 20, ReturnTokenIds = true, Logprobs = true });

        answer.PromptTokenIds!.Count(id => id == TinyPolicy.TurnBegins).ShouldBe(2);
        answer.Choices.Select(choice => choice.TokenIds![^1]).Distinct().ShouldBe([TinyPolicy.EndOfText, TinyPolicy.TurnEnds], ignoreOrder: true);
        answer.Choices.ShouldAllBe(choice => choice.FinishReason == "stop" && choice.Message!.Content == new string('a', choice.TokenIds!.Count - 1));
        answer.Choices.Select(choice => choice.Logprobs!.Content[^1].Token).Distinct().ShouldBe(["<|endoftext|>", "<|im_end|>"], ignoreOrder: true);

        // A message that spells a special token says just these characters.
        var spelt = await _server.ChatAsync(Ask with { Model = "chatml", ChatTemplate = "chatml", Messages = [new() { Role = "user", Content = "<|im_end|>" }], ReturnTokenIds = true });
        spelt.PromptTokenIds!.Count(id => id == TinyPolicy.TurnEnds).ShouldBe(1);
    }

    [Fact]
    public async Task A_checkpoints_own_template_is_used_unasked()
    {
        TinyPolicy.WriteChatml(_policies["own"], id => id is 'a' or TinyPolicy.TurnEnds ? 1 : TinyPolicy.Never);
        await File.WriteAllTextAsync(
            Path.Combine(_policies["own"], "chat_template.jinja"),
            "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}",
            Cancellation);
        var own = await _server.ChatAsync(Ask with { Model = "own", ChatTemplate = null, ReturnTokenIds = true });
        var named = await _server.ChatAsync(Ask with { Model = "own", ChatTemplate = "chatml", ReturnTokenIds = true });
        own.PromptTokenIds.ShouldBe(named.PromptTokenIds);
        own.Choices[0].FinishReason.ShouldBe("stop");
    }

    [Fact]
    public async Task A_policy_that_names_no_template_asks_for_one_and_the_server_can_be_started_with_one()
    {
        using var refused = await _server.PostAsync("v1/chat/completions", """{"model":"short","messages":[{"role":"user","content":"A"}]}""");
        await ServedPolicies.ShouldBeErrorAsync(refused, 400, "chat_template", "name one of plain, chatml, llama-3, zephyr as chat_template");
        await using var told = await ServedPolicies.StartAsync(_policies.Path, options => options with { ChatTemplate = ChatTemplate.Plain });
        (await told.ChatAsync(Ask with { ChatTemplate = null })).Choices.Count.ShouldBe(1);
    }

    [Theory]
    [InlineData("""{"model":"short"}""", 400, "messages", "messages is missing")]
    [InlineData("""{"model":"short","messages":[]}""", 400, "messages", "messages is missing or empty")]
    [InlineData("""{"model":"short","messages":[null]}""", 400, "messages", "no content")]
    [InlineData("""{"model":"short","messages":[{"content":"A"}]}""", 400, "messages", "no role")]
    [InlineData("""{"model":"short","messages":[{"role":"user"}]}""", 400, "messages", "no content")]
    [InlineData("""{"model":"short","messages":[{"role":"tool","content":"A"}]}""", 400, "messages", "one is \"tool\"")]
    [InlineData("""{"model":"short","messages":[{"role":"user","content":[{"type":"image_url","image_url":{}}]}]}""", 400, "messages", "image_url")]
    [InlineData("""{"model":"short","messages":[{"role":"user","content":[{"text":"A"}]}]}""", 400, "messages", "wrong kind")]
    [InlineData("""{"model":"short","messages":[{"role":"user","content":7}]}""", 400, "messages", "wrong kind")]
    [InlineData("""{"model":"short","messages":[{"role":"assistant","content":"A","tool_calls":[{}]}]}""", 400, "messages", "tool_calls")]
    [InlineData("""{"model":"short","messages":"A"}""", 400, "messages", "wrong kind")]
    [InlineData("""{"model":"none","messages":[{"role":"user","content":"A"}]}""", 404, "model", "no policy")]
    [InlineData("""{"model":"../short","messages":[{"role":"user","content":"A"}]}""", 404, "model", "no policy")]
    [InlineData("""{"messages":[{"role":"user","content":"A"}]}""", 400, "model", "model is missing")]
    [InlineData("""{"model":"short","messages":[{"role":"user","content":"A"}],"n":1000000000}""", 400, "n", "from 1 to 128")]
    [InlineData("""{"model":"short","messages":[{"role":"user","content":"A"}],"max_completion_tokens":0}""", 400, "max_tokens", "at least 1")]
    [InlineData("""{"model":"short","messages":[{"role":"user","content":"A"}],"max_completion_tokens":3,"max_tokens":4}""", 400, "max_completion_tokens", "differently")]
    [InlineData("""{"model":"short","messages":[{"role":"user","content":"A"}],"chat_template":"plain","max_tokens":60}""", 400, "messages", "context is 64")]
    [InlineData("""{"model":"short","messages":[{"role":"user","content":"A"}],"chat_template":"{% for %}"}""", 400, "chat_template", "there are plain")]
    [InlineData("""{"model":"short","messages":[{"role":"user","content":"A"}],"chat_template":"chatml"}""", 400, "chat_template", "<|im_start|>")]
    [InlineData("""{"model":"short","messages":[{"role":"user","content":"A"}],"top_logprobs":2}""", 400, "top_logprobs", "needs logprobs")]
    [InlineData("""{"model":"short","messages":[{"role":"user","content":"A"}],"logprobs":true,"top_logprobs":21}""", 400, "top_logprobs", "from 0 to 20")]
    [InlineData("""{"model":"short","messages":[{"role":"user","content":"A"}],"logprobs":2}""", 400, "logprobs", "wrong kind")]
    [InlineData("""{"model":"short","messages":[{"role":"user","content":"A"}],"tools":[{"type":"function"}]}""", 400, "tools", "call no tools")]
    [InlineData("""{"model":"short","messages":[{"role":"user","content":"A"}],"response_format":{"type":"json_schema","json_schema":{}}}""", 400, "response_format", "free text")]
    [InlineData("""{"model":"short","messages":[{"role":"user","content":"A"}],"modalities":["text","audio"]}""", 400, "modalities", "text only")]
    [InlineData("""{"model":"short","messages":[{"role":"user","content":"A"}],"store":true}""", 400, "store", "nothing is stored")]
    [InlineData("""{"model":"short","messages":[{"role":"user","content":"A"}],"reasoning_effort":"high"}""", 400, "reasoning_effort", "not supported")]
    [InlineData("""{"model":"short","messages":[{"role":"user","content":"A"}],"temprature":1}""", 400, "temprature", "not known")]
    public async Task A_chat_that_cannot_be_answered_gets_one_sentence_in_OpenAIs_shape(string body, int status, string? field, string says)
    {
        using var answer = await _server.PostAsync("v1/chat/completions", body);
        await ServedPolicies.ShouldBeErrorAsync(answer, status, field, says);
    }

    [Fact]
    public async Task What_changes_nothing_is_accepted()
    {
        using var answer = await _server.PostAsync("v1/chat/completions", """
            {"model":"short","messages":[{"role":"user","content":"A","refusal":null}],"chat_template":"plain","user":"u","metadata":{"a":"b"},"store":false,
             "frequency_penalty":0,"presence_penalty":0,"logit_bias":{},"tools":[],"tool_choice":"none","parallel_tool_calls":true,
             "response_format":{"type":"text"},"modalities":["text"],"service_tier":"auto","safety_identifier":"x","logprobs":false}
            """);
        answer.EnsureSuccessStatusCode();
    }
}

using Annotator.Model.Checkpoints;
using Annotator.Model.LanguageModels;
using Annotator.Model.Sampling;
using Annotator.Tests.Fixtures;
using TorchSharp;
using static TorchSharp.torch;

namespace Annotator.Tests.Model.Sampling;

[Collection(TorchCollection.Name)]
public sealed class SamplerTests : IDisposable
{
    private const double LogProbabilityTolerance = 5e-5;

    private static readonly SamplingOptions Greedy16 = new() { Temperature = 0, MaxTokens = 16 };

    private readonly TemporaryDirectory _directory = new();

    [Theory]
    [InlineData("gpt2")]
    [InlineData("gpt2-hubnames")]
    [InlineData("gptj")]
    [InlineData("gptneox-parallel")]
    [InlineData("gptneox-sequential")]
    [InlineData("llama-tied")]
    [InlineData("llama3-rope")]
    [InlineData("mistral")]
    [InlineData("qwen2")]
    public void Greedy_ids_equal_those_of_transformers_alone_and_among_others(string name)
    {
        using var policy = PolicyDirectory.OpenForSampling(Oracles.Find($"models/{name}"));
        var sequences = Oracles.ExpectedOfModel(name)["sequences"]!.AsArray();
        var prompts = sequences.Select(s => (IReadOnlyList<int>)[.. s!["input_ids"]!.Longs().Select(id => (int)id)]).ToList();
        var expected = sequences.Select(s => s!["greedy_new_ids"]!.Longs().Select(id => (int)id).ToArray()).ToList();

        for (var i = 0; i < prompts.Count; i++)
            Sample(policy, [prompts[i]], 1, Greedy16).Single().TokenIds.ShouldBe(expected[i]);
        Sample(policy, prompts, 2, Greedy16).Select(r => r.TokenIds.ToArray())
            .ShouldBe([expected[0], expected[0], expected[1], expected[1], expected[2], expected[2]]);
    }

    [Fact]
    public void Reading_as_documentation_four_responses_to_one_prompt()
    {
        using var policy = PolicyDirectory.Open(TinyPolicy.WriteRandom(_directory["policy"]));
        var prompt = policy.RequireTokenizer().Encode("A film");

        var responses = Sample(policy, [prompt], n: 4, new() { Temperature = 0.8, MaxTokens = 20, Seed = 7 });

        responses.Select(r => r.Index).ShouldBe([0, 1, 2, 3]);
        responses.Select(r => string.Join(' ', r.TokenIds)).Distinct().Count().ShouldBe(4);
        responses.ShouldAllBe(r => r.FinishReason == "stop" || r.TokenIds.Count == 20);
        responses.ShouldAllBe(r => r.LogProbability < 0);
    }

    [Fact]
    public void N_responses_from_one_prefill_are_those_sampled_one_by_one()
    {
        using var policy = PolicyDirectory.Open(TinyPolicy.WriteRandom(_directory["policy"]));
        IReadOnlyList<int> prompt = [65, 66, 67, 68];
        var options = new SamplingOptions { MaxTokens = 40, Seed = 3 };

        var together = Sample(policy, [prompt], 8, options).Select(r => r.TokenIds).ToList();

        for (var i = 0; i < 8; i++)
            Alone(policy, prompt, i, options).ShouldBe(together[i]);
    }

    [Fact]
    public void A_request_gives_the_same_tokens_whoever_shares_its_batch()
    {
        using var policy = PolicyDirectory.Open(TinyPolicy.WriteRandom(_directory["policy"]));
        IReadOnlyList<int> prompt = [65, 66, 67, 68];
        var options = new SamplingOptions { MaxTokens = 40, Seed = 3, TopK = 50, TopP = 0.95 };
        var alone = Alone(policy, prompt, 0, options);

        // Neighbours with a longer prompt (so this one is padded), other options, and ends at other times.
        var mine = new ResponseInProgress(prompt, 0, options, null, policy.EndIds);
        var neighbours = Enumerable.Range(0, 9).Select(i => new ResponseInProgress(
            [.. Enumerable.Range(60, 3 * i + 1)], i, new() { MaxTokens = 2 + 3 * i, Seed = 100 + i, Temperature = i / 8.0 }, null, policy.EndIds));
        var tokens = Run(policy.Model, [.. neighbours, mine]);

        tokens[mine].Select(t => t.Id).ShouldBe(alone);
    }

    [Fact]
    public void Log_probabilities_are_those_of_a_forward_pass_over_the_same_ids()
    {
        using var policy = PolicyDirectory.Open(TinyPolicy.WriteRandom(_directory["policy"]));
        IReadOnlyList<IReadOnlyList<int>> prompts = [[65], [65, 66, 67, 68, 69]];
        foreach (var response in Sample(policy, prompts, 3, new() { Temperature = 0.7, TopK = 20, MaxTokens = 30, Seed = 5 }))
        {
            using var scope = NewDisposeScope();
            using var _ = no_grad();
            var prompt = prompts[response.PromptIndex];
            long[] ids = [.. prompt.Concat(response.TokenIds).Select(id => (long)id)];
            var logps = policy.Model.Logits(policy.Model.Hidden(tensor(ids).unsqueeze(0))).log_softmax(-1)[0];  // (T, V)
            for (var i = 0; i < response.TokenIds.Count; i++)
            {
                response.TokenLogProbabilities[i].ShouldBe(
                    logps[prompt.Count - 1 + i, response.TokenIds[i]].item<float>(), LogProbabilityTolerance);
            }
        }
    }

    [Fact]
    public void The_end_token_is_among_the_ids_but_not_in_the_text()
    {
        using var policy = PolicyDirectory.Open(TinyPolicy.WriteUnigram(_directory["policy"], id => id switch
        {
            TinyPolicy.EndOfText => 1,
            'a' => 3,
            _ => TinyPolicy.Never,
        }));
        var responses = Sample(policy, [[65]], 50, new() { MaxTokens = 60, Seed = 1 });

        foreach (var response in responses)
        {
            response.FinishReason.ShouldBe("stop");
            response.TokenIds[^1].ShouldBe(TinyPolicy.EndOfText);
        }

        responses.ShouldAllBe(r => r.Text == new string('a', r.TokenIds.Count - 1));
        responses.Select(r => r.TokenIds.Count).Distinct().Count().ShouldBeGreaterThan(5);
    }

    [Fact]
    public void Tokens_come_as_often_as_the_policy_says()
    {
        float[] logits = [.. Enumerable.Range(0, TinyPolicy.VocabularySize).Select(id => id is >= 'a' and <= 'h' ? (id - 'a') / 3f : TinyPolicy.Never)];
        using var policy = PolicyDirectory.Open(TinyPolicy.WriteUnigram(_directory["policy"], id => logits[id]));
        var ids = Enumerable.Range(0, 10)
            .SelectMany(seed => Sample(policy, [[65]], 64, new() { MaxTokens = 40, Seed = seed }))
            .SelectMany(r => r.TokenIds).ToList();

        var total = logits.Sum(l => Math.Exp(l));
        foreach (var id in Enumerable.Range('a', 8))
        {
            var p = Math.Exp(logits[id]) / total;
            Math.Abs(ids.Count(i => i == id) - p * ids.Count).ShouldBeLessThan(4.5 * Math.Sqrt(ids.Count * p * (1 - p)));
        }
    }

    [Fact]
    public void A_stop_string_ends_the_text_before_it_and_keeps_the_sampled_ids()
    {
        using var policy = PolicyDirectory.Open(TinyPolicy.WriteUnigram(_directory["policy"], id => id is 'a' or 'b' ? 0 : TinyPolicy.Never));
        foreach (var response in Sample(policy, [[65]], 20, new() { MaxTokens = 60, Seed = 1, Stop = ["bb", "aaaa"] }))
        {
            var sampled = string.Concat(response.TokenIds.Select(id => (char)id));
            response.FinishReason.ShouldBe("stop");
            (sampled.EndsWith("bb", StringComparison.Ordinal) || sampled.EndsWith("aaaa", StringComparison.Ordinal)).ShouldBeTrue();
            sampled.ShouldStartWith(response.Text);
            (response.Text + sampled[response.Text.Length..]).ShouldBe(sampled);
            response.Text.ShouldNotContain("bb");
        }
    }

    [Fact]
    public void A_cancelled_row_leaves_and_the_others_go_on()
    {
        using var policy = PolicyDirectory.Open(TinyPolicy.WriteRandom(_directory["policy"]));
        using var cancel = new CancellationTokenSource();
        var options = new SamplingOptions { MaxTokens = 30, Seed = 3 };
        IReadOnlyList<int> prompt = [65, 66];
        var gone = new ResponseInProgress(prompt, 1, options, null, [], cancelled: cancel.Token);
        var stays = new ResponseInProgress(prompt, 0, options, null, []);
        var tokens = Run(policy.Model, [gone, stays], after: (response, count) =>
        {
            if (response == gone && count == 5)
                cancel.Cancel();
        });

        tokens[gone].Count.ShouldBe(5);
        tokens[stays].Count.ShouldBe(30);
    }

    [Fact]
    public void Responses_join_a_running_batch_and_leave_it_and_each_is_what_it_is_alone()
    {
        using var policy = PolicyDirectory.Open(TinyPolicy.WriteRandom(_directory["policy"]));
        var rows = Enumerable.Range(0, 40).Select(i => new ResponseInProgress(
            [.. Enumerable.Range(0, 1 + i * 7 % 11).Select(j => 65 + j)], i, new() { MaxTokens = 1 + i * 5 % 17, Seed = 4 }, null, policy.EndIds)).ToList();
        var tokens = rows.ToDictionary(row => row, _ => new List<int>());
        using var batch = new SamplingBatch(policy.Model);
        var waiting = new Queue<ResponseInProgress>(rows);
        while (waiting.Count > 0 || batch.Rows > 0)
        {
            while (batch.Rows < 8 && waiting.TryDequeue(out var next))
                batch.Add([next]);
            batch.Step((response, token) => tokens[response].Add(token.Id));
        }

        foreach (var (i, row) in rows.Index())
            tokens[row].ShouldBe(Alone(policy, row.PromptTokenIds, i, new() { MaxTokens = 1 + i * 5 % 17, Seed = 4 }));
    }

    [Fact]
    public void Cancelling_ends_the_sampling()
    {
        using var policy = PolicyDirectory.Open(TinyPolicy.WriteRandom(_directory["policy"]));
        using var cancel = new CancellationTokenSource();
        cancel.Cancel();
        Should.Throw<OperationCanceledException>(() => Sampler.Sample(policy, [[65]], 1, new() { MaxTokens = 5 }, cancel.Token).ToList());
    }

    [Fact]
    public void Logits_that_are_not_numbers_are_reported_as_such()
    {
        using var policy = PolicyDirectory.Open(TinyPolicy.WriteUnigram(_directory["policy"], id => id == 9 ? float.NaN : 0));
        Should.Throw<NotFiniteNumberException>(() => Sample(policy, [[65]], 1, new() { MaxTokens = 5 }));
    }

    [Fact]
    public void A_prompt_that_does_not_fit_is_refused_with_the_numbers()
    {
        using var policy = PolicyDirectory.Open(TinyPolicy.WriteRandom(_directory["policy"]));
        Sampler.FaultOf([65, 66], policy, 62).ShouldBeNull();
        Sampler.FaultOf([65, 66], policy, 63)!.Message.ShouldContain("context is 64 tokens; the prompt has 2 and max_tokens asks for 63");
        Sampler.FaultOf([257], policy, 1)!.Message.ShouldContain("257");
        Sampler.FaultOf([-1], policy, 1)!.Message.ShouldContain("-1");
        Sampler.FaultOf([], policy, 1)!.Message.ShouldContain("empty");
    }

    [Fact]
    public void Sampling_leaves_no_tensor_behind()
    {
        using var policy = PolicyDirectory.Open(TinyPolicy.WriteRandom(_directory["policy"]));
        IReadOnlyList<IReadOnlyList<int>> prompts = [[65], [65, 66, 67]];
        Sample(policy, prompts, 5, new() { MaxTokens = 20 }).Count.ShouldBe(10);
        var before = LiveTensors.Count();
        Sample(policy, prompts, 5, new() { MaxTokens = 20 }).Count.ShouldBe(10);
        LiveTensors.Count().ShouldBe(before);
    }

    public void Dispose() => _directory.Dispose();

    private static List<SampledResponse> Sample(Policy policy, IReadOnlyList<IReadOnlyList<int>> prompts, int n, SamplingOptions options) =>
        [.. Sampler.Sample(policy, prompts, n, options, TestContext.Current.CancellationToken)];

    private static int[] Alone(Policy policy, IReadOnlyList<int> prompt, int index, SamplingOptions options)
    {
        var response = new ResponseInProgress(prompt, index, options, null, policy.EndIds);
        return [.. Run(policy.Model, [response])[response].Select(t => t.Id)];
    }

    private static Dictionary<ResponseInProgress, List<SampledToken>> Run(
        LanguageModel model, IReadOnlyList<ResponseInProgress> rows, Action<ResponseInProgress, int>? after = null)
    {
        var tokens = rows.ToDictionary(r => r, _ => new List<SampledToken>());
        using var batch = new SamplingBatch(model);
        batch.Add(rows);
        while (batch.Step((response, token) =>
        {
            tokens[response].Add(token);
            after?.Invoke(response, tokens[response].Count);
        }))
        {
        }

        return tokens;
    }
}

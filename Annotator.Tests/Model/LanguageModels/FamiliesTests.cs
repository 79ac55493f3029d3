using System.Text.Json.Nodes;
using Annotator.Model.Checkpoints;
using Annotator.Model.LanguageModels;
using Annotator.Tests.Fixtures;
using TorchSharp;
using static TorchSharp.torch;

namespace Annotator.Tests.Model.LanguageModels;

/// <summary>Each family gives the numbers of transformers: the folders are checkpoints of all of them, with what transformers made of each.</summary>
[Collection(TorchCollection.Name)]
public sealed class FamiliesTests
{
    private const double LogitTolerance = 5e-5;

    public static TheoryData<string> Folders => [.. Oracles.Models];

    [Theory, MemberData(nameof(Folders))]
    public void Logits_log_probabilities_and_hidden_states_equal_those_of_transformers(string name)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        using var policy = PolicyDirectory.Open(Oracles.Find($"models/{name}"));
        foreach (var sequence in Oracles.ExpectedOfModel(name)["sequences"]!.AsArray())
        {
            var ids = tensor(sequence!["input_ids"]!.Longs());
            var logits = policy.Model.Logits(policy.Model.Hidden(ids.unsqueeze(0)));              // (1, T, V)
            logits.ShouldBeCloseTo(Flat(sequence["logits"]!), LogitTolerance);

            var logps = logits[0, ..^1].log_softmax(-1).gather(1, ids[1..].unsqueeze(1)).view(-1);
            logps.ShouldBeCloseTo(sequence["token_logprobs"]!.Floats(), LogitTolerance);
            var completion = logps[((int)sequence["prompt_length"]! - 1)..].sum().item<float>();
            completion.ShouldBe((float)sequence["completion_logprob"]!, 2e-4f);

            if (sequence["hidden_states"] is not { } layers)
            {
                continue;                                                                         // given for some first ones only
            }

            var states = policy.Model.HiddenStates(ids.unsqueeze(0));
            var expected = layers.AsArray();
            states.Count.ShouldBe(expected.Count);
            for (var i = 0; i < states.Count; i++)
            {
                states[i].ShouldBeCloseTo(Flat(expected[i]!), LogitTolerance);
            }
        }
    }

    [Theory, MemberData(nameof(Folders))]
    public void Greedy_decoding_with_a_cache_gives_the_ids_of_transformers(string name)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        using var policy = PolicyDirectory.Open(Oracles.Find($"models/{name}"));
        foreach (var sequence in Oracles.ExpectedOfModel(name)["sequences"]!.AsArray())
        {
            var expected = sequence!["greedy_new_ids"]!.Longs();

            Greedy(policy.Model, sequence["input_ids"]!.Longs(), expected.Length).ShouldBe(expected);
        }
    }

    [Theory, MemberData(nameof(Folders))]
    public void A_left_padded_batch_with_a_cache_gives_the_same_as_each_row_alone(string name)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        using var policy = PolicyDirectory.Open(Oracles.Find($"models/{name}"));
        var expected = Oracles.ExpectedOfModel(name);
        var padded = expected["left_padded"]!;
        var ids = Matrix(padded["input_ids"]!);
        var mask = Matrix(padded["attention_mask"]!);
        var positions = Attention.Positions(mask);
        positions.ShouldBeCloseTo(Flat(padded["position_ids"]!), 0);

        using var cache = policy.Model.CreateCache(3, 32);
        var hidden = policy.Model.Hidden(ids, positions, mask, cache);
        var logits = policy.Model.Logits(hidden[.., -1]);
        logits.ShouldBeCloseTo(Flat(padded["logits_last"]!), LogitTolerance);

        var greedy = new List<long>[] { [], [], [] };
        for (var i = 0; i < 16; i++)
        {
            var next = logits.argmax(-1);                                                         // (3)
            for (var row = 0; row < 3; row++)
            {
                greedy[row].Add(next[row].item<long>());
            }

            mask = cat([mask, ones_like(next.unsqueeze(1))], 1);
            positions = positions[.., ^1..] + 1;
            logits = policy.Model.Logits(policy.Model.Hidden(next.unsqueeze(1), positions, mask, cache)[.., -1]);
        }

        for (var row = 0; row < 3; row++)
        {
            greedy[row].ShouldBe(expected["sequences"]![row]!["greedy_new_ids"]!.Longs());
        }
    }

    [Theory]
    [InlineData("gpt2")]
    [InlineData("gptj")]
    [InlineData("gptneox-sequential")]
    [InlineData("llama3-rope")]
    public void Sequences_of_different_lengths_join_a_cache_and_leave_it_and_the_others_see_no_difference(string name)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        using var policy = PolicyDirectory.Open(Oracles.Find($"models/{name}"));
        var model = policy.Model;
        using var prompts = model.CreateCache(2, 4);
        model.Hidden(tensor(new long[] { 5, 6, 0, 7, 8, 9 }).view(2, 3), cache: prompts);         // the first is padded on the right
        prompts.Truncate([2, 3]);

        using var cache = model.CreateCache(0, 0);
        cache.Join(prompts, [0, 1, 1]);
        ShouldContinue([10, 11, 12], [[5, 6], [7, 8, 9], [7, 8, 9]]);
        cache.Remove(0);                                                                          // the last takes its place
        ShouldContinue([13, 14], [[7, 8, 9, 12], [7, 8, 9, 11]]);
        cache.Join(prompts, [0]);
        ShouldContinue([15, 16, 17], [[7, 8, 9, 12, 13], [7, 8, 9, 11, 14], [5, 6]]);
        cache.Lengths.ShouldBe([6, 6, 3]);

        void ShouldContinue(long[] next, long[][] soFar)
        {
            var hidden = model.Hidden(tensor(next).unsqueeze(1), cache: cache);
            for (var row = 0; row < next.Length; row++)
            {
                var alone = model.Hidden(tensor((long[])[.. soFar[row], next[row]]).unsqueeze(0))[0, -1];
                hidden[row, -1].ShouldBeCloseTo([.. alone.contiguous().data<float>()], LogitTolerance);
            }
        }
    }

    [Fact]
    public void A_trained_model_tells_the_story_that_it_tells_elsewhere()
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        using var policy = PolicyDirectory.Open(Oracles.Find("stories260K"));
        var expected = Oracles.Json("stories260K/expected.json");
        var story = expected["greedy"]!["ids_incl_bos"]!.Longs();                                 // 201
        var prompt = expected["greedy"]!["prompt_ids"]!.Longs();

        long[] told = [.. prompt, .. Greedy(policy.Model, prompt, story.Length - prompt.Length)];
        told.ShouldBe(story);

        var logits = policy.Model.Logits(policy.Model.Hidden(tensor(story).unsqueeze(0)))[0, ..^1];
        var logps = logits.log_softmax(-1).gather(1, tensor(story[1..]).unsqueeze(1)).view(-1);
        var first = expected["greedy_first60_token_logprobs"]!.Floats();
        logps[..first.Length].ShouldBeCloseTo(first, LogitTolerance);
        foreach (var sequence in expected["sequences"]!.AsArray())
        {
            policy.Model.Logits(policy.Model.Hidden(tensor(sequence!["input_ids"]!.Longs()).unsqueeze(0)))[0]
                .index_select(0, tensor(sequence["logits_rows"]!.Longs()))
                .ShouldBeCloseTo(Flat(sequence["logits"]!), LogitTolerance);
        }
    }

    [Theory, MemberData(nameof(Folders))]
    public void A_model_made_from_scratch_is_the_same_for_the_same_seed_and_every_parameter_learns(string name)
    {
        using var scope = NewDisposeScope();
        var config = Oracles.Json($"models/{name}/config.json").AsObject();
        using var model = Architecture.Of(config).Initialise(1, CPU);
        using var again = Architecture.Of(config).Initialise(1, CPU);
        model.RequireGradients();
        model.Dropout = 0.1;

        model.Logits(model.Hidden(arange(12, ScalarType.Int64).view(2, 6))).log_softmax(-1).select(-1, 3).sum().backward();

        foreach (var (parameter, value) in model.Parameters)
        {
            value.equal(again.Parameters[parameter]).all().item<bool>().ShouldBeTrue(parameter);
            var gradient = value.grad.ShouldNotBeNull(parameter);
            gradient.isfinite().all().item<bool>().ShouldBeTrue(parameter);
            gradient.abs().sum().item<float>().ShouldBeGreaterThan(0, parameter);
        }
    }

    [Theory, MemberData(nameof(Folders))]
    public void Half_precision_gives_nearly_the_same(string name)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        using var single = PolicyDirectory.Open(Oracles.Find($"models/{name}"));
        using var half = PolicyDirectory.Open(Oracles.Find($"models/{name}"), dtype: ScalarType.BFloat16);
        var ids = tensor(Oracles.ExpectedOfModel(name)["sequences"]![0]!["input_ids"]!.Longs()).unsqueeze(0);

        var (logits, expected) = (half.Model.Logits(half.Model.Hidden(ids)), single.Model.Logits(single.Model.Hidden(ids)));

        logits.dtype.ShouldBe(ScalarType.BFloat16);
        // How each processor rounds within a product differs, so single logits do; all together they may be off by a few of BF16's 2⁻⁹.
        ((logits.to(ScalarType.Float32) - expected).norm() / expected.norm()).item<float>().ShouldBeLessThan(0.03f);
    }

    private static long[] Greedy(LanguageModel model, long[] prompt, int length)
    {
        using var cache = model.CreateCache(1, 4);                                                // has to grow on the way
        var next = tensor(prompt).unsqueeze(0);
        var ids = new long[length];
        for (var i = 0; i < length; i++)
        {
            next = model.Logits(model.Hidden(next, cache: cache)[.., -1]).argmax(-1).unsqueeze(0);
            ids[i] = next.item<long>();
        }

        return ids;
    }

    private static Tensor Matrix(JsonNode rows) => stack([.. rows.AsArray().Select(row => tensor(row!.Longs()))]);

    private static float[] Flat(JsonNode rows) => [.. rows.AsArray().SelectMany(row => row!.Floats())];
}

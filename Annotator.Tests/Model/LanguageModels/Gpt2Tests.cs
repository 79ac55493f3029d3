using Annotator.Model.Checkpoints;
using Annotator.Model.LanguageModels;
using Annotator.Tests.Fixtures;
using TorchSharp;
using static TorchSharp.torch;

namespace Annotator.Tests.Model.LanguageModels;

[Collection(TorchCollection.Name)]
public sealed class Gpt2Tests
{
    private const double LogitTolerance = 5e-5;

    [Theory]
    [InlineData("gpt2")]
    [InlineData("gpt2-hubnames")]
    public void Logits_and_hidden_states_equal_those_of_transformers(string name)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        using var policy = PolicyDirectory.Open(Oracles.Find($"models/{name}"));
        foreach (var sequence in Oracles.ExpectedOfModel(name)["sequences"]!.AsArray())
        {
            var ids = tensor(sequence!["input_ids"]!.Longs()).unsqueeze(0);
            policy.Model.Logits(policy.Model.Hidden(ids)).ShouldBeCloseTo(Flat(sequence["logits"]!), LogitTolerance);

            if (sequence["hidden_states"] is not { } layers)
            {
                continue;                                                                         // given for the first one only
            }

            var states = ((Gpt2)policy.Model).HiddenStates(ids);
            var expected = layers.AsArray();
            states.Count.ShouldBe(expected.Count);
            for (var i = 0; i < states.Count; i++)
            {
                states[i].ShouldBeCloseTo(Flat(expected[i]!), LogitTolerance);
            }
        }
    }

    [Fact]
    public void Greedy_decoding_with_a_cache_gives_the_ids_of_transformers()
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        using var policy = PolicyDirectory.Open(Oracles.Find("models/gpt2"));
        foreach (var sequence in Oracles.ExpectedOfModel("gpt2")["sequences"]!.AsArray())
        {
            var ids = sequence!["input_ids"]!.Longs();
            var expected = sequence["greedy_new_ids"]!.Longs();
            using var cache = policy.Model.CreateCache(1, 4);                                     // has to grow on the way
            var next = tensor(ids).unsqueeze(0);
            List<long> greedy = [];
            for (var i = 0; i < expected.Length; i++)
            {
                var hidden = policy.Model.Hidden(next, cache: cache);
                next = policy.Model.Logits(hidden[.., -1]).argmax(-1).unsqueeze(0);
                greedy.Add(next.item<long>());
            }

            greedy.ShouldBe(expected);
        }
    }

    [Fact]
    public void A_left_padded_batch_with_a_cache_gives_the_same_as_each_row_alone()
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        using var policy = PolicyDirectory.Open(Oracles.Find("models/gpt2"));
        var expected = Oracles.ExpectedOfModel("gpt2");
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

    [Fact]
    public void Sequences_of_different_lengths_join_a_cache_and_leave_it_and_the_others_see_no_difference()
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        using var policy = PolicyDirectory.Open(Oracles.Find("models/gpt2"));
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

    private static Tensor Matrix(System.Text.Json.Nodes.JsonNode rows) =>
        stack([.. rows.AsArray().Select(row => tensor(row!.Longs()))]);

    private static float[] Flat(System.Text.Json.Nodes.JsonNode rows) =>
        [.. rows.AsArray().SelectMany(row => row!.Floats())];
}

using System.Text.Json.Nodes;
using Annotator.Model.Checkpoints;
using Annotator.Model.LanguageModels;
using Annotator.Model.Training;
using Annotator.Tests.Fixtures;
using TorchSharp;
using static TorchSharp.torch;

namespace Annotator.Tests.Model.Training;

[Collection(TorchCollection.Name)]
public sealed class SequenceLogProbabilityTests
{
    /// <summary>dpo/get_batch_logps.json: labels of −100 are prompt (before) and padding (after).</summary>
    [Fact]
    public void Sums_averages_and_gradients_are_those_of_the_reference_implementation()
    {
        foreach (var one in Oracles.Json("dpo/get_batch_logps.json")["cases"]!.AsArray())
        {
            using var scope = NewDisposeScope();
            using var model = new GivenLogits(one!["logits"]!);
            var sequences = one["labels"]!.AsArray().Select(labels => Sequence(labels!.Longs())).ToList();

            var logps = SequenceLogProbability.Of(model, sequences);
            logps.Sums().sum().backward();

            logps.Lengths.ShouldBe(one["completion_tokens"]!.Longs().Select(count => (int)count));
            ShouldBeClose(logps.Sums(), one["sum_logps"]!);
            ShouldBeClose(logps.Averages(), one["average_logps"]!);
            ShouldBeClose(model.Parameters["logits"].grad!, one["grad_logits_of_sum"]!);
        }
    }

    [Fact]
    public void A_batch_of_unequal_lengths_scores_as_transformers_does()
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        using var policy = PolicyDirectory.Open(Oracles.Find("models/gpt2"));
        var expected = Oracles.ExpectedOfModel("gpt2")["sequences"]!.AsArray();

        var scored = SequenceLogProbability.Of(policy.Model, [.. expected.Select(sequence => Sequence(sequence!))]);

        scored.Tokens.ShouldBeCloseTo([.. expected.SelectMany(sequence => sequence!["token_logprobs"]!.Floats()[(PromptLength(sequence) - 1)..])], 5e-5);
        scored.Sums().ShouldBeCloseTo([.. expected.Select(sequence => sequence!["completion_logprob"]!.GetValue<float>())], 2e-4);
        scored.Averages().ShouldBeCloseTo(
            [.. expected.Zip(scored.Lengths, (sequence, length) => sequence!["completion_logprob"]!.GetValue<float>() / length)], 5e-5);
    }

    [Fact]
    public void Gradients_reach_the_parameters_and_equal_those_of_the_naive_way()
    {
        using var scope = NewDisposeScope();
        using var policy = PolicyDirectory.Open(Oracles.Find("models/gpt2"));
        policy.Model.RequireGradients();
        var sequence = new TokenSequence([5, 6, 7], [8, 9]);
        var weight = policy.Model.Parameters["transformer.wte.weight"];

        SequenceLogProbability.Of(policy.Model, [sequence]).Sums().sum().backward();
        var gradient = weight.grad!.clone();
        weight.grad!.zero_();

        var naive = policy.Model.Logits(policy.Model.Hidden(tensor(new long[] { 5, 6, 7, 8, 9 }).view(1, 5))).log_softmax(-1);
        (naive[0, 2, 8] + naive[0, 3, 9]).backward();

        gradient.ShouldBeCloseTo([.. weight.grad!.view(-1).data<float>()], 1e-5);
    }

    [Theory]
    [InlineData(0, 1, "The prompt has no tokens")]
    [InlineData(1, 0, "The completion has no tokens")]
    [InlineData(60, 5, "more than the model's context of 64")]
    public void What_can_not_be_scored_is_refused_in_a_sentence(int promptTokens, int completionTokens, string reason)
    {
        using var policy = PolicyDirectory.Open(Oracles.Find("models/gpt2"));
        var sequence = new TokenSequence(new int[promptTokens], new int[completionTokens]);

        Should.Throw<ArgumentException>(() => SequenceLogProbability.Of(policy.Model, [sequence])).Message.ShouldContain(reason);
    }

    private static TokenSequence Sequence(JsonNode sequence)
    {
        int[] ids = [.. sequence["input_ids"]!.Longs().Select(id => (int)id)];
        return new(ids[..PromptLength(sequence)], ids[PromptLength(sequence)..]);
    }

    private static int PromptLength(JsonNode sequence) => sequence["prompt_length"]!.GetValue<int>();

    private static TokenSequence Sequence(long[] labels)
    {
        // The reference implementation never scores the first label: it belongs to the prompt.
        var start = Math.Max(1, labels.TakeWhile(label => label == -100).Count());
        var completion = labels.Skip(start).TakeWhile(label => label != -100).Select(label => (int)label).ToList();
        return new TokenSequence([.. Enumerable.Repeat(0, start)], completion);
    }

    private static void ShouldBeClose(Tensor actual, JsonNode expected)
    {
        var values = actual.detach().to(ScalarType.Float64).reshape(-1).data<double>().ToArray();
        var wanted = Flat(expected).ToList();
        values.Length.ShouldBe(wanted.Count);
        foreach (var (value, want) in values.Zip(wanted))
            value.ShouldBe(want, 1e-10 * Math.Abs(want) + 1e-10);
    }

    private static IEnumerable<double> Flat(JsonNode node) => node is JsonArray array ? array.SelectMany(item => Flat(item!)) : [node.GetValue<double>()];

    /// <summary>A model whose logits are given, (B, T, V) in Float64, whatever it reads.</summary>
    private sealed class GivenLogits(JsonNode logits) : LanguageModel(new Dictionary<string, Tensor>
    {
        ["logits"] = tensor(Flat(logits).ToArray(), requires_grad: false)
            .view(logits.AsArray().Count, logits[0]!.AsArray().Count, logits[0]![0]!.AsArray().Count)
            .requires_grad_(true),
    })
    {
        public override int VocabularySize => (int)Parameters["logits"].shape[2];

        public override int ContextLength => (int)Parameters["logits"].shape[1];

        public override int Layers => 0;

        public override int Width => VocabularySize;

        public override int KeyValueHeads => 0;

        public override int HeadWidth => 0;

        /// <summary>The logits of the positions read: the first of them.</summary>
        protected override Tensor Embed(Tensor ids, Tensor positions) => Parameters["logits"].narrow(1, 0, ids.shape[1]).contiguous();

        protected override Tensor Block(int layer, Tensor x, Pass pass) => x;

        protected override Tensor Norm(Tensor x) => x;

        public override Tensor Logits(Tensor hidden) => hidden;

        protected override LanguageModel SameShape(IReadOnlyDictionary<string, Tensor> parameters) => new GivenLogits(logits);
    }
}

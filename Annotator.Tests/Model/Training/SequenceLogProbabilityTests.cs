using System.Text.Json.Nodes;
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
        public override Tensor Hidden(Tensor ids, Tensor? positions = null, Tensor? attentionMask = null, KeyValueCache? cache = null) =>
            Parameters["logits"].narrow(1, 0, ids.shape[1]).contiguous();

        public override Tensor Logits(Tensor hidden) => hidden;
    }
}

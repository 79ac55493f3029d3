using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using Annotator.Model.LanguageModels;
using Annotator.Tests.Fixtures;
using TorchSharp;
using static TorchSharp.torch;

namespace Annotator.Tests.Model.LanguageModels;

/// <summary>minGPT's trained gpt-nano, which sorts digits: a model with an untied head and trained values all the way.</summary>
[Collection(TorchCollection.Name)]
public sealed class NanoSortTests
{
    [Fact]
    public void Every_block_gives_the_values_of_minGPT()
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        using var model = Load();
        var expected = Oracles.Json("gpt-nano-sort/gpt-nano-sort-t0-partials.json");
        var ids = Decode(expected["idx"]!).to(ScalarType.Int64);

        var states = model.HiddenStates(ids);
        states[0].ShouldBeCloseTo(Values(expected["x"]!), 1e-5);
        states[1].ShouldBeCloseTo(Values(expected["block0"]!), 1e-5);
        states[2].ShouldBeCloseTo(Values(expected["block1"]!), 1e-5);
        states[3].ShouldBeCloseTo(Values(expected["ln_f"]!), 5e-5);

        var logits = model.Logits(model.Hidden(ids));
        logits.ShouldBeCloseTo(Values(expected["lm_head"]!), 5e-5);
        logits.softmax(-1).ShouldBeCloseTo(Values(expected["probs"]!), 1e-5);
    }

    [Fact]
    public void It_sorts()
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        using var model = Load();
        long[] digits = [2, 0, 1, 0, 2, 1];
        var ids = tensor(digits).unsqueeze(0);
        while (ids.shape[1] < 2 * digits.Length)
        {
            var next = model.Logits(model.Hidden(ids)[.., -1]).argmax(-1, keepdim: true);         // (1, 1)
            ids = cat([ids, next], 1);
        }

        ids[0, digits.Length..].data<long>().ToArray().ShouldBe(digits.Order());
    }

    private static Gpt2 Load()
    {
        var file = Oracles.Json("gpt-nano-sort/gpt-nano-sort-model.json").AsObject();
        var config = file["config"]!;
        var width = config["n_embd"]!.GetValue<int>();
        var gpt2 = new Gpt2Config
        {
            VocabularySize = config["vocab_size"]!.GetValue<int>(),
            ContextLength = config["block_size"]!.GetValue<int>(),
            Width = width,
            Layers = config["n_layer"]!.GetValue<int>(),
            Heads = config["n_head"]!.GetValue<int>(),
            InnerWidth = 4 * width,
            TiedHead = false,
        };

        // minGPT keeps Linear weights as [out, in], GPT-2's Conv1D as [in, out].
        return new Gpt2(gpt2, gpt2.Architecture().Parameters.ToDictionary(
            parameter => parameter.Name,
            parameter => Decode(file[parameter.Name]!) is var value && parameter.Name.Contains(".c_", StringComparison.Ordinal) && parameter.Shape.Length == 2
                ? value.t().contiguous()
                : value));
    }

    private static Tensor Decode(JsonNode node) => tensor(Values(node)).view(node["shape"]!.Longs());

    private static float[] Values(JsonNode node) =>
        [.. MemoryMarshal.Cast<byte, float>(Convert.FromBase64String(node["data"]!.GetValue<string>()))];
}

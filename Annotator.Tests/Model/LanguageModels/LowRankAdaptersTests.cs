using Annotator.Model.Checkpoints;
using Annotator.Model.LanguageModels;
using Annotator.Tests.Fixtures;
using TorchSharp;
using static TorchSharp.torch;

namespace Annotator.Tests.Model.LanguageModels;

[Collection(TorchCollection.Name)]
public sealed class LowRankAdaptersTests
{
    public static TheoryData<string> Models => [.. Oracles.Models];

    [Theory]
    [MemberData(nameof(Models))]
    public void The_merged_policy_is_the_one_with_its_adapters_on_and_without_them_it_is_the_base(string name)
    {
        using var scope = NewDisposeScope();
        using var noGradients = no_grad();
        using var policy = PolicyDirectory.Open(Oracles.Find($"models/{name}"));
        var @base = Values(Logits(policy.Model));
        using var adapters = LowRankAdapters.Attach(policy.Model, rank: 2, alpha: 4, ["all-linear"], seed: 1);
        Logits(policy.Model).ShouldBeCloseTo(@base, 1e-6);                                        // B is zero at the start
        manual_seed(1);                                                                           // torch's own numbers depend on which tests ran before
        foreach (var (matrix, value) in adapters.Parameters)
        {
            if (matrix.Contains("lora_B", StringComparison.Ordinal))
            {
                value.normal_(0, 0.1);
            }
        }

        var on = Values(Logits(policy.Model));
        policy.Model.Adapters = null;
        Logits(policy.Model).ShouldBeCloseTo(@base, 1e-6);
        policy.Model.Adapters = adapters;
        adapters.Merge();

        policy.Model.Adapters.ShouldBeNull();
        Logits(policy.Model).ShouldBeCloseTo(on, 2e-5);
        on.Zip(@base, (a, b) => Math.Abs(a - b)).Max().ShouldBeGreaterThan(1e-3f);
    }

    [Fact]
    public void Adapters_carry_the_names_of_peft_and_stand_where_one_says()
    {
        using var policy = PolicyDirectory.Open(Oracles.Find("models/gpt2"));
        using (var usual = LowRankAdapters.Attach(policy.Model, 2, 4, targets: null, seed: 1))
        {
            usual.Parameters.Keys.Take(2).ShouldBe(["transformer.h.0.attn.c_attn.lora_A.weight", "transformer.h.0.attn.c_attn.lora_B.weight"]);
            usual.Parameters.Values.ShouldAllBe(matrix => matrix.requires_grad);
            policy.Model.Parameters.Values.ShouldAllBe(parameter => !parameter.requires_grad);
        }

        Should.Throw<InvalidDataException>(() => LowRankAdapters.Attach(policy.Model, 2, 4, ["q_proj"], seed: 1)).Message
            .ShouldBe("lora_target_modules names q_proj, but this policy's projections are c_attn, c_proj, c_fc (or all-linear).");
    }

    private static Tensor Logits(LanguageModel model) =>
        model.Logits(model.Hidden(tensor(new long[] { 5, 6, 7, 8, 9, 10, 11, 12 }).view(1, -1))).view(-1);

    private static float[] Values(Tensor tensor) => [.. tensor.data<float>()];
}

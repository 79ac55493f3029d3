using Annotator.Model.Checkpoints;
using Annotator.Model.LanguageModels;
using Annotator.Model.Preferences;
using Annotator.Model.Training;
using Annotator.Tests.Fixtures;
using TorchSharp;
using static TorchSharp.torch;

namespace Annotator.Tests.Model.Training;

/// <summary>A prompt runs once for all its completions; nothing may show that but the clock.</summary>
[Collection(TorchCollection.Name)]
public sealed class ComparisonLogpsTests
{
    public static TheoryData<string> Models => [.. Oracles.Models];

    /// <summary>Prompts and completions of unequal lengths, one of them of a single token, one prompt of a single token, and three completions.</summary>
    private static readonly TokenComparison[] Comparisons =
    [
        Comparison([5, 6, 7, 8], [10, 11, 12], [20]),
        Comparison([9], [1, 2], [3, 4, 5, 6, 7, 8]),
        Comparison([30, 31, 32], [40, 41], [42, 43, 44, 45], [46]),
    ];

    [Theory]
    [MemberData(nameof(Models))]
    public void Completions_that_share_their_prompt_score_and_learn_as_whole_sequences_do(string name)
    {
        using var scope = NewDisposeScope();
        using var policy = PolicyDirectory.Open(Oracles.Find($"models/{name}"), dtype: ScalarType.Float32);
        policy.Model.RequireGradients();
        var sequences = Comparisons.SelectMany(one => one.Completions.Select(completion => new TokenSequence(one.Prompt, completion)));
        var apart = cat([.. sequences.Select(sequence => SequenceLogProbability.Of(policy.Model, [sequence]).Sums())]);
        Loss(Comparisons, apart).backward();
        var wanted = Gradients(policy.Model);

        ComparisonLogps.Of(policy.Model, Comparisons).ShouldBeCloseTo([.. apart.detach().data<float>()], 2e-4);
        ComparisonLogps.Learn(policy.Model, Comparisons, Loss).ShouldBeCloseTo([.. apart.detach().data<float>()], 2e-4);

        ShouldBeClose(Gradients(policy.Model), wanted);

        ComparisonLogps.Learn(policy.Model, Comparisons, Loss, checkpointing: true).ShouldBeCloseTo([.. apart.detach().data<float>()], 2e-4);
        ShouldBeClose(Gradients(policy.Model), wanted);
    }

    [Fact]
    public void What_was_dropped_on_the_way_there_is_dropped_again_when_a_block_is_computed_anew()
    {
        using var scope = NewDisposeScope();
        using var policy = PolicyDirectory.Open(Oracles.Find("models/gpt2"));
        policy.Model.RequireGradients();
        policy.Model.Dropout = 0.3;
        var bias = policy.Model.Parameters["transformer.h.0.mlp.c_fc.bias"];
        LossOf();
        var gradient = bias.grad!.clone();
        var direction = gradient / gradient.norm();
        const double Step = 0.02;

        var (ahead, behind) = (LossAt(Step), LossAt(-Step));

        ((ahead - behind) / (2 * Step)).ShouldBe(gradient.norm().item<float>(), 0.02 * gradient.norm().item<float>());

        double LossAt(double step)
        {
            using var _ = no_grad();
            bias.add_(direction, step);
            using var gradients = enable_grad();
            var loss = LossOf();
            using var again = no_grad();
            bias.add_(direction, -step);
            return loss;
        }

        double LossOf()
        {
            manual_seed(7);
            return Loss(Comparisons, ComparisonLogps.Learn(policy.Model, Comparisons, Loss, checkpointing: true)).item<float>();
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(5)]
    public void Where_the_logits_of_a_comparison_are_too_many_they_are_made_a_part_at_a_time(int rows)
    {
        using var scope = NewDisposeScope();
        using var policy = PolicyDirectory.Open(Oracles.Find("models/gpt2"));
        policy.Model.RequireGradients();
        var logps = ComparisonLogps.Learn(policy.Model, Comparisons, Loss).data<float>().ToArray();
        var wanted = Gradients(policy.Model);

        ComparisonLogps.Learn(policy.Model, Comparisons, Loss, rows: rows).ShouldBeCloseTo(logps, 1e-5);

        ShouldBeClose(Gradients(policy.Model), wanted);
    }

    [Fact]
    public void A_pass_holds_as_many_comparisons_as_their_tokens_allow()
    {
        var comparisons = Enumerable.Repeat(Comparison([.. Enumerable.Range(0, 400)], [1, 2], [3]), 12).ToList();

        ComparisonLogps.Passes(comparisons).Select(pass => pass.Count).ShouldBe([5, 5, 2]);
        ComparisonLogps.Passes(comparisons, 2).Select(pass => pass.Count).ShouldBe([2, 2, 2, 2, 2, 2]);
        ComparisonLogps.Passes([Comparison([.. Enumerable.Range(0, 4000)], [1], [2])]).ShouldHaveSingleItem();
    }

    [Fact]
    public void The_reference_runs_once_for_each_response_however_often_it_was_compared()
    {
        using var scope = NewDisposeScope();
        using var policy = PolicyDirectory.Open(Oracles.Find("models/gpt2"));
        TokenComparison[] comparisons =
        [
            Comparison([5, 6], [7, 8], [9]) with { ReferenceLogps = [-1.5, null] },
            Comparison([5, 6], [9], [10, 11]),
            Comparison([5, 6], [7, 8], [10, 11]),
            Comparison([5], [7, 8], [9]),
        ];

        ReferenceLogProbabilities.CountUnknown(comparisons).ShouldBe(4);
        var filled = ReferenceLogProbabilities.Fill(policy.Model, comparisons, 0, CancellationToken.None);

        filled[2].ReferenceLogps[0].ShouldBe(-1.5);                                               // known from another comparison
        filled[1].ReferenceLogps[0].ShouldBe(filled[0].ReferenceLogps[1]);
        filled[3].ReferenceLogps[0].ShouldNotBe(-1.5);                                            // another prompt: another response
        ReferenceLogProbabilities.CountUnknown(filled).ShouldBe(0);
        var alone = SequenceLogProbability.Of(policy.Model, [new TokenSequence([5, 6], [10, 11])]).Sums();
        filled[1].ReferenceLogps[1]!.Value.ShouldBe(alone.item<float>(), 1e-5);
    }

    [Theory]
    [InlineData(0, 1, "The prompt has no tokens")]
    [InlineData(1, 0, "The completion has no tokens")]
    [InlineData(60, 5, "more than the model's context of 64")]
    public void What_can_not_be_scored_is_refused_in_a_sentence(int promptTokens, int completionTokens, string reason)
    {
        using var policy = PolicyDirectory.Open(Oracles.Find("models/gpt2"));

        Should.Throw<ArgumentException>(() => new SharedPrompts(policy.Model, [(new int[promptTokens], [new int[completionTokens]])])).Message.ShouldContain(reason);
    }

    /// <summary>Not linear, so that each completion has a factor of its own.</summary>
    private static Tensor Loss(IReadOnlyList<TokenComparison> some, Tensor logps) => (logps * 0.1).pow(2).sum();

    private static Dictionary<string, Tensor> Gradients(LanguageModel model)
    {
        var gradients = model.Parameters.Where(pair => pair.Value.grad is not null).ToDictionary(pair => pair.Key, pair => pair.Value.grad!.clone());
        foreach (var parameter in model.Parameters.Values)
            parameter.grad = null!;
        return gradients;
    }

    private static void ShouldBeClose(Dictionary<string, Tensor> gradients, Dictionary<string, Tensor> wanted)
    {
        gradients.Keys.ShouldBe(wanted.Keys);
        var largest = wanted.Values.Max(gradient => gradient.norm().item<float>());
        foreach (var (name, gradient) in gradients)
            (gradient - wanted[name]).norm().item<float>().ShouldBeLessThan(1e-5f * largest, name);
    }

    private static TokenComparison Comparison(int[] prompt, params int[][] completions) => new()
    {
        Id = "",
        Prompt = prompt,
        Completions = completions,
        Ranking = new Ranking([.. Enumerable.Range(0, completions.Length).Select(index => new[] { index })]),
        ReferenceLogps = [.. completions.Select(_ => (double?)null)],
    };
}

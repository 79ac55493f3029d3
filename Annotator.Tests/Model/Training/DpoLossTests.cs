using System.Text.Json.Nodes;
using Annotator.Model.Preferences;
using Annotator.Model.Training;
using Annotator.Tests.Fixtures;
using TorchSharp;
using static TorchSharp.torch;

namespace Annotator.Tests.Model.Training;

[Collection(TorchCollection.Name)]
public sealed class DpoLossTests
{
    [Fact]
    public void At_the_reference_the_loss_is_the_logarithm_of_two()
    {
        using var scope = NewDisposeScope();
        var same = new PairLogProbabilities(tensor([-12.5, -30.0]), tensor([-14.0, -28.0]));

        Doubles(DpoLoss.Sigmoid(same, same, beta: 0.1)).ShouldAllBe(loss => Math.Abs(loss - Math.Log(2)) < 1e-15);
    }

    [Fact]
    public void Unlikelihood_raises_the_chosen_and_lowers_the_rejected_and_is_preferred_ft_at_alpha_0()
    {
        using var scope = NewDisposeScope();
        var policy = new PairLogProbabilities(tensor([-10.0, -4.0]), tensor([-12.0, -3.0]));

        Doubles(DpoLoss.Unlikelihood(policy, alpha: 0.5)).ShouldBe([10 - 6, 4 - 1.5], 1e-12);
        Doubles(DpoLoss.Unlikelihood(policy, alpha: 0)).ShouldBe([10, 4], 1e-12);
        Should.Throw<ArgumentOutOfRangeException>(() => DpoLoss.Unlikelihood(policy, alpha: 1.1));
    }

    [Fact]
    public void The_loss_is_minus_the_log_probability_that_the_chosen_one_wins()
    {
        using var scope = NewDisposeScope();
        var policy = new PairLogProbabilities(tensor([-10.0]), tensor([-12.0]));      // h_w = +1, h_l = −1
        var reference = new PairLogProbabilities(tensor([-11.0]), tensor([-11.0]));

        var loss = Doubles(DpoLoss.Sigmoid(policy, reference, beta: 0.5)).ShouldHaveSingleItem();

        loss.ShouldBe(-Math.Log(1 / (1 + Math.Exp(-0.5 * 2))), 1e-15);
    }

    [Fact]
    public void Losses_rewards_and_gradients_are_those_of_the_reference_implementation()
    {
        var oracle = Oracles.Json("dpo/preference_loss.json");
        var cases = oracle["cases"]!.AsArray();
        cases.Count.ShouldBe(52);
        foreach (var one in cases)
        {
            var reference_free = one!["reference_free"]!.GetValue<bool>();
            var inputs = oracle["inputs"]![one["inputs"]!.GetValue<string>()]!;
            var beta = one["beta"]!.GetValue<double>();
            var smoothing = one["label_smoothing"]!.GetValue<double>();
            Check(one, inputs, (policy, reference) =>
            {
                if (reference_free)
                    reference = new(zeros_like(reference.Chosen), zeros_like(reference.Rejected));
                return one["ipo"]!.GetValue<bool>() ? DpoLoss.Ipo(policy, reference, beta) : DpoLoss.Sigmoid(policy, reference, beta, smoothing);
            });
        }
    }

    [Theory]
    [InlineData("sigmoid")]
    [InlineData("robust")]
    [InlineData("hinge")]
    [InlineData("ipo")]
    public void Losses_and_gradients_are_those_of_trl(string lossType)
    {
        var oracle = Oracles.Json("dpo/trl_losses.json");
        var cases = oracle["cases"]!.AsArray().Where(one => one!["loss_type"]!.GetValue<string>() == lossType).ToList();
        cases.ShouldNotBeEmpty();
        foreach (var one in cases)
        {
            var beta = one!["beta"]!.GetValue<double>();
            var smoothing = one["label_smoothing"]!.GetValue<double>();
            Check(one, oracle[$"inputs_{one["inputs"]!.GetValue<string>()}"]!, (policy, reference) => lossType switch
            {
                "sigmoid" => DpoLoss.Sigmoid(policy, reference, beta, smoothing),
                "robust" => DpoLoss.Robust(policy, reference, beta, smoothing),
                "hinge" => DpoLoss.Hinge(policy, reference, beta),
                _ => DpoLoss.Ipo(policy, reference, beta),
            });
        }
    }

    [Fact]
    public void Inputs_that_overflow_a_naive_loss_give_the_exact_one()
    {
        foreach (var one in Oracles.Json("dpo/extreme_values.json").AsArray())
        {
            using var scope = NewDisposeScope();
            var policy = new PairLogProbabilities(Leaf(one!["policy_chosen"]!), Leaf(one["policy_rejected"]!));
            var reference = new PairLogProbabilities(Leaf(one["ref_chosen"]!), Leaf(one["ref_rejected"]!));

            var losses = DpoLoss.Sigmoid(policy, reference, one["beta"]!.GetValue<double>());
            losses.sum().backward();

            ShouldBeClose(losses, Values(one["losses"]!));
            Doubles(policy.Chosen.grad!).Concat(Doubles(policy.Rejected.grad!)).ShouldAllBe(gradient => double.IsFinite(gradient));
        }
    }

    [Theory]
    [InlineData(1e6)]
    [InlineData(-1e6)]
    public void Every_loss_is_finite_far_from_the_reference(double ratio)
    {
        using var scope = NewDisposeScope();
        var policy = new PairLogProbabilities(tensor([ratio], requires_grad: true), tensor([0.0]));
        var reference = new PairLogProbabilities(tensor([0.0]), tensor([0.0]));

        foreach (var loss in (Tensor[])[DpoLoss.Sigmoid(policy, reference, 1, 0.1), DpoLoss.Robust(policy, reference, 1, 0.1), DpoLoss.Hinge(policy, reference, 1), DpoLoss.Ipo(policy, reference, 1)])
        {
            loss.sum().backward();
            double.IsFinite(loss.item<double>()).ShouldBeTrue();
            double.IsFinite(policy.Chosen.grad!.item<double>()).ShouldBeTrue();
        }
    }

    [Fact]
    public void Plackett_Luce_is_that_of_the_papers_appendix()
    {
        foreach (var one in Oracles.Json("dpo/plackett_luce.json")["cases"]!.AsArray())
        {
            using var scope = NewDisposeScope();
            var beta = one!["beta"]!.GetValue<double>();
            for (var row = 0; row < one["losses"]!.AsArray().Count; row++)
            {
                var policy = Leaf(one["policy_logps"]![row]!);
                var reference = tensor(Values(one["reference_logps"]![row]!));
                var order = one["ranking_best_first"]![row]!.AsArray().Select(index => new[] { index!.GetValue<int>() });

                var loss = DpoLoss.PlackettLuce(policy, reference, new Ranking(order), beta);
                loss.backward();

                loss.item<double>().ShouldBe(one["losses"]![row]!.GetValue<double>(), 1e-10);
                ShouldBeClose(policy.grad!, Values(one["grad_policy_logps"]![row]!));
                ShouldBeClose(DpoLoss.Reward(policy, reference, beta), Values(one["rewards"]![row]!));
            }
        }
    }

    [Fact]
    public void A_ranking_of_two_is_a_pair()
    {
        var cases = Oracles.Json("dpo/plackett_luce.json")["cases"]!.AsArray().Where(one => one!["K"]!.GetValue<int>() == 2).ToList();
        cases.ShouldNotBeEmpty();
        foreach (var one in cases)
        {
            using var scope = NewDisposeScope();
            var beta = one!["beta"]!.GetValue<double>();
            var (policy, reference) = (tensor(Values(one["policy_logps"]![0]!)), tensor(Values(one["reference_logps"]![0]!)));
            var (best, worst) = (one["ranking_best_first"]![0]![0]!.GetValue<int>(), one["ranking_best_first"]![0]![1]!.GetValue<int>());

            DpoLoss.PlackettLuce(policy, reference, Ranking.Prefer(best, worst), beta).item<double>()
                .ShouldBe(DpoLoss.Sigmoid(new(policy[best], policy[worst]), new(reference[best], reference[worst]), beta).item<double>(), 1e-12);
        }
    }

    [Fact]
    public void In_a_tied_tier_each_item_competes_with_itself_and_all_lower_ones()
    {
        using var scope = NewDisposeScope();
        var (s0, s1, s2) = (0.4, -0.2, 0.1);

        var loss = DpoLoss.PlackettLuce(tensor([s0, s1, s2]), zeros(3, ScalarType.Float64), new Ranking([[0, 1], [2]]), beta: 1);

        loss.item<double>().ShouldBe(-(s0 - LogSumExp(s0, s2)) - (s1 - LogSumExp(s1, s2)), 1e-12);
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(-0.1, 0)]
    [InlineData(0.1, 0.5)]
    [InlineData(0.1, -0.1)]
    public void Impossible_options_are_refused(double beta, double smoothing)
    {
        using var scope = NewDisposeScope();
        var logps = new PairLogProbabilities(tensor([-1.0]), tensor([-2.0]));

        Should.Throw<ArgumentOutOfRangeException>(() => DpoLoss.Sigmoid(logps, logps, beta, smoothing));
    }

    private static void Check(JsonNode expected, JsonNode inputs, Func<PairLogProbabilities, PairLogProbabilities, Tensor> loss)
    {
        using var scope = NewDisposeScope();
        var policy = new PairLogProbabilities(Leaf(inputs["policy_chosen_logps"]!), Leaf(inputs["policy_rejected_logps"]!));
        var reference = new PairLogProbabilities(tensor(Values(inputs["reference_chosen_logps"]!)), tensor(Values(inputs["reference_rejected_logps"]!)));

        var losses = loss(policy, reference);
        losses.sum().backward();

        var beta = expected["beta"]!.GetValue<double>();
        ShouldBeClose(losses, Values(expected["losses"]!));
        ShouldBeClose(DpoLoss.Reward(policy.Chosen, reference.Chosen, beta), Values(expected["chosen_rewards"]!));
        ShouldBeClose(DpoLoss.Reward(policy.Rejected, reference.Rejected, beta), Values(expected["rejected_rewards"]!));
        ShouldBeClose(policy.Chosen.grad!, Values(expected["grad_policy_chosen"]!));
        ShouldBeClose(policy.Rejected.grad!, Values(expected["grad_policy_rejected"]!));
    }

    private static double LogSumExp(double a, double b) => Math.Log(Math.Exp(a) + Math.Exp(b));

    private static Tensor Leaf(JsonNode values) => tensor(Values(values), requires_grad: true);

    private static double[] Values(JsonNode node) => [.. node.AsArray().Select(value => value!.GetValue<double>())];

    private static double[] Doubles(Tensor values) => [.. values.detach().to(ScalarType.Float64).data<double>()];

    /// <summary>The oracles' tolerance in float64: 1e-10 of the value. Values below 1e-12 are rounding of something larger.</summary>
    private static void ShouldBeClose(Tensor actual, double[] expected)
    {
        var values = Doubles(actual);
        values.Length.ShouldBe(expected.Length);
        foreach (var (value, wanted) in values.Zip(expected))
            Math.Abs(value - wanted).ShouldBeLessThanOrEqualTo(1e-10 * Math.Abs(wanted) + 1e-12, $"{value} is not {wanted}");
    }
}

using Annotator.Model.Training;
using Annotator.Tests.Fixtures;
using TorchSharp;
using static TorchSharp.torch;

namespace Annotator.Tests.Model.Training;

[Collection(TorchCollection.Name)]
public sealed class PpoLossTests
{
    [Fact]
    public void Every_token_pays_for_its_distance_from_the_reference_and_the_last_one_gets_the_score() =>
        PpoLoss.Rewards([-1.0, -2.0, -0.5], [-1.5, -1.0, -0.5], score: 3, beta: 0.1).ShouldBe([-0.05, 0.1, 3], 1e-12);

    [Fact]
    public void Advantages_are_discounted_sums_of_what_came_better_than_expected()
    {
        // By hand, from the end: δ = 1 − 0.2 = 0.8; δ = 0.9·0.2 − 0.4 = −0.22; δ = 0.9·0.4 − 0.5 = −0.14; each plus 0.45 of the next.
        PpoLoss.Advantages([0, 0, 1], [0.5, 0.4, 0.2], gamma: 0.9, lambda: 0.5).ShouldBe([-0.14 + 0.45 * 0.14, -0.22 + 0.45 * 0.8, 0.8], 1e-12);

        // λ = 1: what was earned from here on less what was expected. λ = 0: one step ahead.
        PpoLoss.Advantages([0, 2, 1], [0.5, 0.4, 0.2], gamma: 1, lambda: 1).ShouldBe([2.5, 2.6, 0.8], 1e-12);
        PpoLoss.Advantages([0, 2, 1], [0.5, 0.4, 0.2], gamma: 1, lambda: 0).ShouldBe([-0.1, 1.8, 0.8], 1e-12);
    }

    [Fact]
    public void Whitened_advantages_have_mean_0_and_variance_1_over_the_batch()
    {
        var whitened = PpoLoss.Whitened([[1, 2], [3], [6]]);                                      // mean 3, variance 3.5

        whitened[0].ShouldBe([-2 / Math.Sqrt(3.5), -1 / Math.Sqrt(3.5)], 1e-7);
        whitened[1].ShouldBe([0], 1e-7);
        whitened[2].ShouldBe([3 / Math.Sqrt(3.5)], 1e-7);
    }

    [Fact]
    public void A_good_token_is_raised_up_to_the_clip_and_a_bad_one_lowered_down_to_it()
    {
        using var scope = NewDisposeScope();
        double more = Math.Log(1.5), less = Math.Log(0.5);
        var logps = tensor([more, less, more, less], requires_grad: true);

        var losses = PpoLoss.Policy(logps, zeros(4, ScalarType.Float64), tensor([2.0, 2, -1, -1]), clipRange: 0.2);
        losses.sum().backward();

        losses.detach().data<double>().ToArray().ShouldBe([-2.4, -1, 1.5, 0.8], 1e-12);
        logps.grad!.data<double>().ToArray().ShouldBe([0, -1, 1.5, 0], 1e-12);                    // clipped: nothing to gain any more
    }

    [Fact]
    public void A_value_moves_towards_its_return_at_most_by_the_clip_range()
    {
        using var scope = NewDisposeScope();
        var values = tensor([1.1, 1.5, 0.9], requires_grad: true);

        var losses = PpoLoss.Value(values, tensor([1.0, 1, 1]), tensor([2.0, 2, 2]), clipRange: 0.2);
        losses.sum().backward();

        losses.detach().data<double>().ToArray().ShouldBe([0.5 * 0.81, 0.5 * 0.64, 0.5 * 1.21], 1e-12);
        values.grad!.data<double>().ToArray().ShouldBe([-0.9, 0, -1.1], 1e-12);
    }

    [Theory]
    [InlineData(6, 0.1)]
    [InlineData(6.6, 0.101)]
    [InlineData(60, 0.102)]
    [InlineData(0, 0.098)]
    public void Beta_rises_while_the_KL_is_above_its_target_and_falls_below_it(double kl, double expected) =>
        PpoLoss.AdaptedBeta(0.1, kl, target: 6).ShouldBe(expected, 1e-12);
}

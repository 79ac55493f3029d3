using System.Text.Json.Nodes;
using Annotator.Model.Evaluation;
using Annotator.Tests.Fixtures;

namespace Annotator.Tests.Model.Evaluation;

public sealed class WinRateTests
{
    private const double Tolerance = 1e-9;

    private static readonly JsonNode Oracle = Oracles.Json("agreement/winrate_kl.json");

    [Fact]
    public void Intervals_and_tests_of_win_rates_equal_the_oracles()
    {
        foreach (var expected in Oracle["win_rates"]!.AsArray())
        {
            var (wins, count) = (expected!["wins"]!.GetValue<int>(), expected["n"]!.GetValue<int>());
            Near(WinRate.Wilson(wins, count), expected["wilson95"]!);
            Near(WinRate.ClopperPearson(wins, count), expected["clopper_pearson95"]!);
            WinRate.PValueAgainstHalf(wins, count).ShouldBe(expected["binomial_two_sided_p_vs_half"]!.GetValue<double>(), Tolerance);
        }

        static void Near(ConfidenceInterval interval, JsonNode expected)
        {
            interval.Low.ShouldBe(expected[0]!.GetValue<double>(), Tolerance);
            interval.High.ShouldBe(expected[1]!.GetValue<double>(), Tolerance);
        }
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(-1, 3)]
    [InlineData(4, 3)]
    public void Wins_outside_their_number_are_refused(int wins, int count) =>
        Should.Throw<ArgumentOutOfRangeException>(() => WinRate.Wilson(wins, count));

    [Fact]
    public void Divergences_and_their_estimators_equal_the_oracles()
    {
        var kl = Oracle["kl"]!;
        foreach (var row in Enumerable.Range(0, 4))
        {
            var (policy, reference) = (Logits("policy_logits", row), Logits("reference_logits", row));
            KullbackLeibler.Exact(policy, reference).ShouldBe(Number("kl_policy_reference", row), Tolerance);
            KullbackLeibler.Exact(reference, policy).ShouldBe(Number("kl_reference_policy", row), Tolerance);
            KullbackLeibler.Entropy(policy).ShouldBe(Number("entropy_policy", row), Tolerance);

            var token = kl["sampled_token"]![row]!.GetValue<int>();
            var (logp, logq) = (KullbackLeibler.LogSoftmax(policy)[token], KullbackLeibler.LogSoftmax(reference)[token]);
            KullbackLeibler.K1(logp, logq).ShouldBe(Number("k1", row), Tolerance);
            KullbackLeibler.K2(logp, logq).ShouldBe(Number("k2", row), Tolerance);
            KullbackLeibler.K3(logp, logq).ShouldBe(Number("k3", row), Tolerance);
        }

        double Number(string name, int row) => kl[name]![row]!.GetValue<double>();
        double[] Logits(string name, int row) => [.. kl[name]![row]!.AsArray().Select(value => value!.GetValue<double>())];
    }

    [Fact]
    public void The_best_of_one_is_the_policy_itself_and_of_64_some_three_nats_away()
    {
        KullbackLeibler.BestOf(1).ShouldBe(0);
        KullbackLeibler.BestOf(64).ShouldBe(Math.Log(64) - 63.0 / 64);
    }
}

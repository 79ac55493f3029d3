using System.Text.Json.Nodes;
using Annotator.Model.Evaluation;
using Annotator.Tests.Fixtures;

namespace Annotator.Tests.Model.Evaluation;

public sealed class AgreementTests
{
    private const double Tolerance = 1e-9;

    private static readonly JsonNode Oracle = Oracles.Json("agreement/agreement.json");

    [Fact]
    public void Two_of_three_annotators_who_mostly_agree_are_well_above_chance()
    {
        string[][] judgments = [["left", "left", "left"], ["right", "right", "left"], ["right", "right", "right"], ["left", "left"]];

        var reliability = Agreement.KrippendorffNominal(judgments);

        reliability.ObservedDisagreement.ShouldBe(2 / 11.0, 1e-12);                               // 4 unequal ordered pairs of the second, each 1/(3 − 1)
        reliability.ExpectedDisagreement.ShouldBe(2 * 6 * 5 / (11.0 * 10), 1e-12);                // 6 left, 5 right
        reliability.Alpha!.Value.ShouldBe(2 / 3.0, 1e-12);
    }

    [Fact]
    public void Krippendorffs_own_example_of_2011_gives_his_values()
    {
        var example = Oracle["krippendorff_2011_example"]!;
        var units = Units(example["data_units_by_observers"]!, value => value.GetValue<double>());

        Agreement.KrippendorffNominal(units).Alpha!.Value.ShouldBe(Number(example, "krippendorff_alpha_nominal"), Tolerance);
        Agreement.KrippendorffInterval(units).Alpha!.Value.ShouldBe(Number(example, "krippendorff_alpha_interval"), Tolerance);
    }

    [Theory]
    [InlineData("small_complete")]
    [InlineData("small_missing")]
    public void Alpha_and_its_two_disagreements_equal_the_oracles(string name)
    {
        var reliability = Agreement.KrippendorffNominal(Items(Oracle[name]!));

        reliability.ObservedDisagreement.ShouldBe(Number(Oracle[name]!, "observed_disagreement"), Tolerance);
        reliability.ExpectedDisagreement.ShouldBe(Number(Oracle[name]!, "expected_disagreement"), Tolerance);
        reliability.Alpha!.Value.ShouldBe(Number(Oracle[name]!, "krippendorff_alpha_nominal"), Tolerance);
    }

    [Fact]
    public void Fleiss_and_Cohens_kappa_equal_the_oracles()
    {
        var complete = Oracle["small_complete"]!;
        var items = Items(complete);

        Agreement.Fleiss(items)!.Value.ShouldBe(Number(complete, "fleiss_kappa"), Tolerance);
        foreach (var (pair, kappa) in complete["cohen_kappa_pairs"]!.AsObject())
        {
            var (first, second) = (pair[0] - '0', pair[2] - '0');
            Agreement.Cohen([.. items.Select(item => (item[first], item[second]))])!.Value.ShouldBe(kappa!.GetValue<double>(), Tolerance);
        }
    }

    [Fact]
    public void Three_annotators_of_999_real_comparisons_agree_as_the_oracles_say()
    {
        var panda = Oracle["pandalm_testset_v1"]!;
        foreach (var (_, pair) in panda["cohen_kappa"]!.AsObject())
        {
            var judged = pair!["confusion_rows_first"]!.AsArray().SelectMany((row, first) =>
                row!.AsArray().SelectMany((count, second) => Enumerable.Repeat((first, second), count!.GetValue<int>()))).ToList();
            Agreement.Cohen(judged)!.Value.ShouldBe(Number(pair, "kappa"), Tolerance);
        }

        // Only counts are published, and only counts matter: 879 items of one value and 120 of two, with the published number of each value.
        int[][] items =
        [
            .. Repeat(107, 0, 0, 0), .. Repeat(339, 1, 1, 1), .. Repeat(433, 2, 2, 2),
            .. Repeat(2, 0, 0, 1), .. Repeat(1, 1, 1, 0), .. Repeat(117, 1, 1, 2),
        ];
        Agreement.Fleiss(items)!.Value.ShouldBe(Number(panda, "fleiss_kappa"), Tolerance);
        Agreement.KrippendorffNominal(items).Alpha!.Value.ShouldBe(Number(panda, "krippendorff_alpha_nominal"), Tolerance);

        static IEnumerable<int[]> Repeat(int times, params int[] item) => Enumerable.Repeat(item, times);
    }

    [Fact]
    public void One_value_throughout_has_no_agreement_to_measure_and_systematic_disagreement_is_negative()
    {
        foreach (var degenerate in Oracle["degenerate"]!.AsArray())
        {
            var items = Items(degenerate!);
            Near(Agreement.KrippendorffNominal(items).Alpha, degenerate!["krippendorff_alpha_nominal"]);
            Near(Agreement.Cohen([.. items.Select(item => (item[0], item[1]))]), degenerate["cohen_kappa"]);
        }

        static void Near(double? actual, JsonNode? expected)
        {
            actual.HasValue.ShouldBe(expected is not null);
            if (expected is not null)
                actual!.Value.ShouldBe(expected.GetValue<double>(), Tolerance);
        }
    }

    [Fact]
    public void Nothing_rated_twice_has_no_agreement()
    {
        Agreement.KrippendorffNominal([["left"], ["right"], []]).Alpha.ShouldBeNull();
        Agreement.Fleiss<string>([]).ShouldBeNull();
        Agreement.Cohen<string>([]).ShouldBeNull();
        Should.Throw<ArgumentException>(() => Agreement.Fleiss([["left", "left"], ["right"]])).Message.ShouldContain("Krippendorff");
    }

    private static double Number(JsonNode node, string name) => node[name]!.GetValue<double>();

    private static List<IReadOnlyList<string>> Items(JsonNode node) => Units(node["data_items_by_annotators"]!, value => value.GetValue<string>());

    private static List<IReadOnlyList<T>> Units<T>(JsonNode rows, Func<JsonNode, T> read) =>
        [.. rows.AsArray().Select(row => (IReadOnlyList<T>)[.. row!.AsArray().OfType<JsonNode>().Select(read)])];
}

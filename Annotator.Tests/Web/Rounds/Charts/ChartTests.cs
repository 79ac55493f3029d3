using Annotator.Web.Rounds.Charts;

namespace Annotator.Tests.Web.Rounds.Charts;

public sealed class ChartTests
{
    [Theory]
    [InlineData(0.512, 0.6931, "0.50|0.55|0.60|0.65|0.70")]
    [InlineData(-3.2, 7.9, "−5|0|5|10")]
    [InlineData(0, 41, "0|20|40|60")]
    [InlineData(-1e-6, 2.3, "0|1|2|3")]
    [InlineData(0.00012, 0.00043, "0.0001|0.0002|0.0003|0.0004|0.0005")]
    [InlineData(12000, 39000, "10k|20k|30k|40k")]
    [InlineData(0.69314717, 0.69314718, "0.60|0.65|0.70|0.75|0.80")]
    [InlineData(-9.5e-8, 0, "−1e-7|−5e-8|0")]
    public void An_axis_ends_on_round_numbers_around_its_values(double low, double high, string ticks)
    {
        var scale = ChartScale.Around([low, high]);

        string.Join('|', scale.Ticks.Select(scale.Label)).ShouldBe(ticks);
        scale.Place(low).ShouldBeGreaterThanOrEqualTo(-0.01);
        scale.Place(high).ShouldBeLessThanOrEqualTo(1.01);
    }

    [Fact]
    public void One_value_and_no_value_have_an_axis_too()
    {
        ChartScale.Around([0.6931]).ShouldSatisfyAllConditions(s => s.Place(0.6931).ShouldBeInRange(0.2, 0.8), s => s.Ticks.Count.ShouldBeInRange(2, 7));
        ChartScale.Around([]).Place(0.5).ShouldBe(0.5);
        ChartScale.Around([double.NaN, 1, 2]).High.ShouldBe(2);
    }

    [Fact]
    public void A_steps_axis_spans_exactly_the_steps()
    {
        var scale = ChartScale.Exactly(0, 25, 5);

        scale.Place(25).ShouldBe(1);
        scale.Ticks.ShouldBe([0, 5, 10, 15, 20, 25]);
    }

    [Fact]
    public void A_steps_axis_has_no_tick_between_two_steps()
    {
        var scale = ChartScale.Exactly(0, 3, 7, whole: true);

        scale.Ticks.Select(scale.Label).ShouldBe(["0", "1", "2", "3"]);
    }

    [Theory]
    [InlineData(0.02, 3, "0.01|0.1|1|10")]
    [InlineData(0.5, 0.7, "0.1|0.2|0.5|1")]
    [InlineData(1e-6, 1e-5, "1e-6|2e-6|5e-6|1e-5")]
    public void A_logarithmic_axis_has_a_tick_at_each_power_of_ten(double low, double high, string ticks)
    {
        var scale = ChartScale.Logarithmic([low, high, -1, double.NaN]).ShouldNotBeNull();

        string.Join('|', scale.Ticks.Select(scale.Label)).ShouldBe(ticks);
        scale.Place(scale.Low).ShouldBe(0, 1e-9);
        scale.Place(scale.High).ShouldBe(1, 1e-9);
        scale.Place(Math.Sqrt(scale.Low * scale.High)).ShouldBe(0.5, 1e-9);
        new ChartSeries("loss", [new(0, scale.High), new(1, -1), new(2, scale.Low)]).Path(ChartScale.Exactly(0, 2), scale).ShouldBe("M0 0M1000 1000");
    }

    [Fact]
    public void A_logarithmic_axis_without_a_value_above_0_is_none() => ChartScale.Logarithmic([0, -1]).ShouldBeNull();

    [Fact]
    public void Decimation_keeps_every_extreme_and_both_ends()
    {
        var points = Enumerable.Range(0, 10_000).Select(i => new ChartPoint(i, i switch { 4_321 => 50, 7_654 => -50, _ => Math.Sin(i / 100.0) })).ToList();

        var kept = ChartSeries.Decimate(points, 150);

        kept.Count.ShouldBeLessThanOrEqualTo(302);
        kept.ShouldContain(new ChartPoint(4_321, 50));
        kept.ShouldContain(new ChartPoint(7_654, -50));
        kept[0].ShouldBe(points[0]);
        kept[^1].ShouldBe(points[^1]);
        kept.Select(p => p.X).ShouldBe(kept.Select(p => p.X).Order());
    }

    [Fact]
    public void Few_points_are_drawn_as_they_are()
    {
        ChartPoint[] points = [new(0, 1), new(1, 0)];

        ChartSeries.Decimate(points, 150).ShouldBe(points);
        new ChartSeries("loss", points).Path(ChartScale.Exactly(0, 2), ChartScale.Exactly(0, 1)).ShouldBe("M0 0L500 1000");
    }

    [Fact]
    public void A_value_that_is_not_finite_breaks_the_line()
    {
        var series = new ChartSeries("loss", [new(0, 1), new(1, double.NaN), new(2, 0)]);

        series.Path(ChartScale.Exactly(0, 2), ChartScale.Exactly(0, 1)).ShouldBe("M0 0M1000 1000");
    }

    [Theory]
    [InlineData(0.69314718, "0.6931")]
    [InlineData(-41.2345, "−41.23")]
    [InlineData(3e-5, "3e-5")]
    [InlineData(0.0, "0")]
    [InlineData(double.NaN, "not a number")]
    public void Values_read_as_people_write_them(double value, string text) => MetricText.Of(value).ShouldBe(text);
}

using System.Globalization;
using ScottPlot;

namespace Annotator.Model.Experiments;

/// <summary>The paper's figure 2, left: expected reward against KL to the reference, a curve for each method.</summary>
public static class FrontierPicture
{
    private const int Width = 1000, Height = 620;

    /// <summary>KL grows with the square of the way that small updates go, and most happens close to the reference: the axis is √KL.</summary>
    private static readonly double[] Marks = [0, 0.25, 0.5, 1, 2, 4, 8, 16, 32, 64, 128];

    /// <summary>Colours that stay apart in greyscale and for the colour-blind (Okabe and Ito 2008), DPO's in blues.</summary>
    private static readonly Dictionary<string, string> Colours = new()
    {
        ["dpo-0.05"] = "#7FB9E6",
        ["dpo-0.1"] = "#0072B2",
        ["dpo-1"] = "#3B4CC0",
        ["dpo-5"] = "#1B1F6B",
        ["dpo-noiseless"] = "#56B4E9",
        ["dpo-pl"] = "#009E73",
        ["preferred-ft"] = "#999999",
        ["unlikelihood"] = "#CC79A7",
        ["ppo"] = "#D55E00",
        ["ppo-gt"] = "#E69F00",
        [BestOfNPoints.Name] = "#000000",
    };

    /// <summary>Draws frontier.svg and frontier.png.</summary>
    /// <param name="curves">Error bars where they have more than one seed, and on the single measurements else.</param>
    /// <param name="directory">Where to.</param>
    public static void Draw(IReadOnlyList<FrontierCurve> curves, string directory)
    {
        using var plot = new Plot();
        foreach (var curve in curves)
        {
            var means = curve.Means().ToList();
            var (x, y) = (means.Select(mean => Place(mean.Kl.Mean)).ToArray(), means.Select(mean => mean.Reward.Mean).ToArray());
            var colour = Color.FromHex(Colours.GetValueOrDefault(curve.Method, "#666666"));
            var line = plot.Add.Scatter(x, y, colour);
            line.LegendText = FrontierReport.LabelOf(curve.Method);
            line.LineWidth = 2;
            line.MarkerSize = 6;
            line.MarkerShape = curve.Method == BestOfNPoints.Name ? MarkerShape.OpenCircle : MarkerShape.FilledCircle;
            var errors = new ScottPlot.Plottables.ErrorBar(
                x, y,
                [.. means.Select(mean => Place(mean.Kl.Mean) - Place(mean.Kl.Mean - mean.Kl.StandardError))],
                [.. means.Select(mean => Place(mean.Kl.Mean + mean.Kl.StandardError) - Place(mean.Kl.Mean))],
                [.. means.Select(mean => mean.Reward.StandardError)],
                [.. means.Select(mean => mean.Reward.StandardError)]);
            errors.Color = colour.WithAlpha(0.5);
            errors.CapSize = 0;
            plot.Add.Plottable(errors);
        }

        plot.Axes.Bottom.TickGenerator = new ScottPlot.TickGenerators.NumericManual(
            [.. Marks.Select(Place)], [.. Marks.Select(mark => mark.ToString(CultureInfo.InvariantCulture))]);
        plot.XLabel("KL(π ‖ π_SFT) in nats a response, √ scale");
        plot.YLabel("true reward r*, mean log-odds of positive");
        plot.Title("Controlled sentiment: reward against distance from the reference");
        plot.Legend.FontSize = 13;
        plot.ShowLegend(Edge.Right);
        Save(plot, directory, "frontier");

        static double Place(double kl) => Math.Sqrt(Math.Max(0, kl));
    }

    /// <summary>NAME.svg and NAME.png.</summary>
    internal static void Save(Plot plot, string directory, string name)
    {
        plot.SaveSvg(Path.Combine(directory, name + ".svg"), Width, Height);
        plot.SavePng(Path.Combine(directory, name + ".png"), Width, Height);
    }
}

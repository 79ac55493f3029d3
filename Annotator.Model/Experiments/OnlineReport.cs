using System.Text;
using ScottPlot;

namespace Annotator.Model.Experiments;

/// <summary>What the simulation of online rounds came to: reward against the number of judgments.</summary>
public static class OnlineReport
{
    private static readonly string[] Colours = ["#0072B2", "#D55E00", "#999999", "#009E73"];

    /// <summary>Draws online.svg and online.png.</summary>
    public static void Draw(IReadOnlyList<FrontierCurve> arms, string directory)
    {
        using var plot = new Plot();
        foreach (var (index, arm) in arms.Index())
        {
            var means = arm.Means().ToList();
            var colour = Color.FromHex(Colours[index % Colours.Length]);
            var (x, y) = (means.Select(mean => (double)mean.Step).ToArray(), means.Select(mean => mean.Reward.Mean).ToArray());
            var line = plot.Add.Scatter(x, y, colour);
            line.LegendText = LabelOf(arm.Method);
            line.LineWidth = 2;
            line.MarkerSize = 6;
            var errors = plot.Add.ErrorBar(x, y, [.. means.Select(mean => mean.Reward.StandardError)]);
            errors.Color = colour.WithAlpha(0.5);
            errors.CapSize = 0;
        }

        plot.XLabel("judgments");
        plot.YLabel("true reward r*, mean log-odds of positive");
        plot.Title("Online rounds: reward of fresh samples against judgments");
        plot.ShowLegend(Edge.Right);
        FrontierPicture.Save(plot, directory, "online");
    }

    /// <summary>report.md.</summary>
    public static string Of(IReadOnlyList<FrontierCurve> arms, OnlineSizes sizes)
    {
        var seeds = arms.SelectMany(arm => arm.Runs).Select(run => run[0].Seed).Distinct().Order().ToList();
        var judgments = arms[0].Runs[0].Select(point => point.Step).ToList();
        var text = new StringBuilder();
        text.AppendLine("# Online rounds in simulation\n");
        text.AppendLine(FormattableString.Invariant($"{sizes.Rounds} rounds: the newest policy samples, a simulated annotator compares two responses to each of {sizes.Judgments} openings and is wrong in {sizes.Noise:P0} of them, and a round of DPO (β {sizes.Beta}, RMSprop {sizes.LearningRate}, {FrontierReport.Plural(sizes.Epochs, "pass", "passes")} in batches of {sizes.BatchSize}) begins from the policy before. The first arm is the app's default; each other one changes one thing.\n"));
        text.AppendLine("![Reward against judgments](online.png)\n");
        text.AppendLine(FormattableString.Invariant($"True reward of {sizes.FreshSamples} fresh samples on held-out openings; {FrontierReport.Plural(seeds.Count, "seed", "seeds")} ({string.Join(", ", seeds)}), mean ± standard error over seeds.\n"));
        FrontierReport.Table(text, ["arm", .. judgments.Select(count => FrontierReport.Plural(count, "judgment", "judgments")), "KL at the end", "tokens at the end"], arms.Select(arm =>
            arm.Means().Select(mean => Cell(mean.Reward, seeds.Count))
                .Prepend(LabelOf(arm.Method))
                .Append(Cell(arm.Means().Last().Kl, seeds.Count))
                .Append(FormattableString.Invariant($"{arm.Runs.Average(run => run[^1].Tokens):F1}"))));
        return text.ToString();
    }

    private static string LabelOf(string arm) => OnlineArm.All.First(known => known.Name == arm).Label;

    private static string Cell(Estimate estimate, int seeds) =>
        FrontierReport.Number(estimate.Mean) + (seeds == 1 ? "" : FormattableString.Invariant($" ± {estimate.StandardError:F2}"));
}

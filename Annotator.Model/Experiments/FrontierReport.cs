using System.Globalization;
using System.Text;

namespace Annotator.Model.Experiments;

/// <summary>report.md of controlled sentiment: what was run, and the reward of each method at the same distance from the reference.</summary>
public static class FrontierReport
{
    private static readonly double[] Distances = [0.5, 1, 2, 4, 8, 16];

    /// <summary>Writes the report as Markdown.</summary>
    /// <param name="curves">Of all methods.</param>
    /// <param name="options">Of one of the runs.</param>
    public static string Of(IReadOnlyList<FrontierCurve> curves, SentimentOptions options)
    {
        var seeds = curves.SelectMany(curve => curve.Runs).Select(run => run[0].Seed).Distinct().Order().ToList();
        var sizes = options.Sizes;
        var text = new StringBuilder();
        text.AppendLine("# Controlled sentiment\n");
        text.AppendLine("After Rafailov et al. (2023), section 6: the opening of a film review is to be continued so that it turns out positive. The true reward r\\* is the log-odds of the embedded scorer. All methods begin at the embedded SFT policy, which is the reference, and learn from the same samples of it, ranked by the Plackett–Luce model of r\\*, so that each pair is judged by Bradley–Terry.\n");
        text.AppendLine("![Reward against KL](frontier.png)\n");
        text.AppendLine(Invariant($"{Plural(seeds.Count, "seed", "seeds")} ({string.Join(", ", seeds)}); openings: {options.Prompts}; {sizes.Prompts} to learn from, {sizes.SamplesPerPrompt} samples of at most {sizes.MaxTokens} tokens to each; {sizes.Steps} updates of {sizes.ResponsesPerUpdate} responses with all six pairs of each opening, which come from one ranking drawn by the Plackett–Luce model of the scorer, so that each pair alone follows Bradley–Terry (PPO {sizes.PpoSteps}, on samples of its own); {sizes.FreshSamples} fresh samples a measurement, every {sizes.EvaluationSteps} updates; Best-of-N on {sizes.BestOfPrompts} openings, KL = ln N − (N−1)/N. Policy {options.Policy[..Math.Min(12, options.Policy.Length)]}.\n"));

        text.AppendLine("## Reward at the same KL\n");
        text.AppendLine("Where a run first reaches the distance, between the two measurements around it; mean over seeds ± standard error over seeds. A dash: not every seed got so far.\n");
        Table(text, ["method", .. Distances.Select(kl => Invariant($"KL {kl}"))], curves.Select(curve =>
            Distances.Select(kl => Cell(curve.RewardsAt(kl))).Prepend(LabelOf(curve.Method))));

        var yardstick = curves.FirstOrDefault(curve => curve.Method == SentimentMethod.Yardstick);
        if (yardstick is not null)
        {
            text.AppendLine(Invariant($"\n## {LabelOf(yardstick.Method)}, less the other method, at the same KL\n"));
            text.AppendLine("Above zero: DPO earns more at that distance. Differences are taken seed by seed. \"Not reached\": by at least one of the two.\n");
            Table(text, ["method", .. Distances.Select(kl => Invariant($"KL {kl}"))], curves.Where(curve => curve != yardstick).Select(curve =>
                Distances.Select(kl => Difference(yardstick, curve, kl)).Prepend(LabelOf(curve.Method))));
        }

        text.AppendLine("\n## How far each went\n");
        Table(text, ["method", "setting", "highest reward", "positive there", "last KL", "last reward", "tokens", "seconds"], curves.Select(Summary));
        return text.ToString();
    }

    /// <summary>A method's name for people.</summary>
    public static string LabelOf(string method) =>
        SentimentMethod.All.FirstOrDefault(known => known.Name == method)?.Label ?? (method == BestOfNPoints.Name ? "Best-of-N, true reward" : method);

    private static IEnumerable<string> Summary(FrontierCurve curve)
    {
        var best = curve.Runs.Select(run => run.MaxBy(point => point.Reward.Mean)!).ToList();
        var last = curve.Runs.Select(run => run[^1]).ToList();
        return
        [
            LabelOf(curve.Method),
            SentimentMethod.All.FirstOrDefault(known => known.Name == curve.Method)?.Setting ?? Invariant($"N up to {last[0].Step}"),
            Cell([.. best.Select(point => point.Reward.Mean)]),
            Invariant($"{best.Average(point => point.Positive):P0}"),
            Cell([.. last.Select(point => point.Kl.Mean)]),
            Cell([.. last.Select(point => point.Reward.Mean)]),
            Invariant($"{last.Average(point => point.Tokens):F1}"),
            Invariant($"{last.Average(point => point.Seconds):F0}"),
        ];
    }

    private static string Difference(FrontierCurve yardstick, FrontierCurve other, double kl) =>
        yardstick.RewardsAt(kl) is { } mine && other.RewardsAt(kl) is { } theirs && yardstick.Seeds.SequenceEqual(other.Seeds)
            ? Cell([.. mine.Zip(theirs, (a, b) => a - b)], signed: true)
            : "not reached";

    private static string Cell(IReadOnlyList<double>? values, bool signed = false)
    {
        if (values is null)
            return "–";
        var estimate = Estimate.Of(values);
        var mean = Number(estimate.Mean, signed);
        return values.Count == 1 ? mean : mean + Invariant($" ± {estimate.StandardError:F2}");
    }

    /// <summary>Two decimals; what rounds to zero is not negative.</summary>
    internal static string Number(double value, bool signed = false) => (Math.Round(value, 2) + 0.0).ToString(signed ? "+0.00;−0.00" : "0.00;−0.00", CultureInfo.InvariantCulture);

    /// <summary>A table in Markdown.</summary>
    internal static void Table(StringBuilder text, IReadOnlyList<string> heads, IEnumerable<IEnumerable<string>> rows)
    {
        Row(heads);
        text.Append("|---|").Insert(text.Length, "---:|", heads.Count - 1).AppendLine();
        foreach (var row in rows)
            Row(row);

        void Row(IEnumerable<string> cells) => text.Append("| ").AppendJoin(" | ", cells).AppendLine(" |");
    }

    internal static string Plural(double count, string one, string more) => Invariant($"{count} {(count == 1 ? one : more)}");

    private static string Invariant(FormattableString text) => FormattableString.Invariant(text);
}

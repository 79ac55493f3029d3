using System.Globalization;
using Annotator.Model.Evaluation;
using Annotator.Web.Data;
using Annotator.Web.Languages;
using Microsoft.Extensions.Localization;

namespace Annotator.Web.Evaluations;

/// <summary>Evaluations in the words of the pages.</summary>
public static class EvaluationWords
{
    /// <summary>61%: whole, as the interval around it is wide.</summary>
    public static string Share(double value) => (100 * value).ToString("0", CultureInfo.InvariantCulture) + "%";

    /// <summary>52–69%.</summary>
    public static string Range(ConfidenceInterval interval) => string.Create(CultureInfo.InvariantCulture, $"{100 * interval.Low:0}–{100 * interval.High:0}%");

    /// <summary>+54, −12: points on Elo's scale.</summary>
    public static string Elo(double points) => points.ToString("+0;−0;0", CultureInfo.InvariantCulture);

    /// <summary>Why there are no ratings.</summary>
    public static string Of(this IStringLocalizer<Words> words, NoRatings none)
    {
        ArgumentNullException.ThrowIfNull(words);
        ArgumentNullException.ThrowIfNull(none);
        string group = none.Group.Count > 1 ? words["{0} and {1}", string.Join(", ", none.Group.SkipLast(1)), none.Group[^1]] : string.Concat(none.Group);
        return none.Why switch
        {
            WhyNoRatings.NeverCompared => words["Policies {0} were never compared with the others, so nothing says how they stand to one another: compare some of them.", group],
            WhyNoRatings.NeverLost when none.Group.Count == 1 => words["Policy {0} never lost, so its strength has no upper bound: more comparisons with the others may give it a loss, and an estimate.", group],
            WhyNoRatings.NeverLost => words["Policies {0} never lost to the others, so their distance has no upper bound: more comparisons between them may give a loss, and an estimate.", group],
            _ => words["Ratings need two policies that were compared."],
        };
    }

    /// <summary>Why there is no win rate at equal lengths.</summary>
    public static string Of(this IStringLocalizer<Words> words, WhyNoWinRate why)
    {
        ArgumentNullException.ThrowIfNull(words);
        return why switch
        {
            WhyNoWinRate.OneSided => words["One of the two won every time, so its chance has no bound: more comparisons may give an estimate."],
            WhyNoWinRate.OneDifference => words["All responses differ by the same length, so nothing tells what length does: more comparisons may give an estimate."],
            WhyNoWinRate.LengthDecides => words["The longer response (or the shorter one) won every time, so what length does has no bound: more comparisons may give an estimate."],
            _ => words["Nothing was compared yet."],
        };
    }

    /// <summary>What the gate says of the policy that waits for it.</summary>
    public static string Of(this IStringLocalizer<Words> words, GateVerdict verdict, StudyEvaluation options)
    {
        ArgumentNullException.ThrowIfNull(words);
        ArgumentNullException.ThrowIfNull(verdict);
        ArgumentNullException.ThrowIfNull(options);
        var result = verdict.Result;
        return verdict.State switch
        {
            GateState.TooFew => words["Policy {0} waits for the gate: {1:N0} of {2:N0} blind judgments against policy {3} so far.", result.New, result.Judgments, PairResult.Fewest, result.Old],
            GateState.NotClear => words["Policy {0} waits for the gate: it is preferred over policy {1} in {2} ({3}) of {4:N0} blind judgments; the lower end must be above {5}.", result.New, result.Old, Share(result.WinRate!.Value), Range(result.Interval!.Value), result.Judgments, Share(options.GateWinRate!.Value)],
            GateState.KlUnknown => words["Policy {0} waits for the gate, which asks for objective/kl, but its round did not measure it: promote it by hand, or lift that mark.", result.New],
            GateState.KlTooLarge => words["The gate stays closed for policy {0}: its objective/kl is {1:0.##}, and the mark is {2:0.##}. Promote it by hand, or train another round.", result.New, verdict.Kl!.Value, options.GateKl!.Value],
            _ => words["The gate opens for policy {0}.", result.New],
        };
    }
}

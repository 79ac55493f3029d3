using System.Globalization;
using Annotator.Web.Data;

namespace Annotator.Web.Evaluations;

/// <summary>What the gate says of the policy that waits for it.</summary>
public enum GateState
{
    Opens,

    /// <summary>Fewer judgments than <see cref="PairResult.Fewest"/>.</summary>
    TooFew,

    /// <summary>The interval of the win rate does not lie above the mark.</summary>
    NotClear,

    /// <summary>The round measured no <c>objective/kl</c>, and the gate asks for it: an admin must decide.</summary>
    KlUnknown,

    /// <summary>The policy went too far from its reference: no judgment opens the gate for it.</summary>
    KlTooLarge,
}

/// <summary>Whether a policy may take the serving one's place, and on what grounds.</summary>
/// <param name="Result">Of the waiting policy over the serving one.</param>
/// <param name="Kl">The waiting policy's <c>objective/kl</c> in nats; null if it was not measured.</param>
public sealed record GateVerdict(GateState State, PairResult Result, double? Kl)
{
    /// <summary>Pure.</summary>
    /// <param name="options">With a gate.</param>
    public static GateVerdict Of(StudyEvaluation options, PairResult result, double? kl)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(result);
        return new(
            true switch
            {
                _ when options.GateKl is not null && kl is null => GateState.KlUnknown,
                _ when kl >= options.GateKl => GateState.KlTooLarge,
                _ when result.Interval is null => GateState.TooFew,
                _ when !(result.Interval.Value.Low > options.GateWinRate) => GateState.NotClear,
                _ => GateState.Opens,
            },
            result, kl);
    }

    /// <summary>For the audit log, once the gate has opened.</summary>
    public string InWords(StudyEvaluation options)
    {
        ArgumentNullException.ThrowIfNull(options);
        var interval = Result.Interval!.Value;
        return string.Create(CultureInfo.InvariantCulture,
            $"preferred in {100 * Result.WinRate:0}% ({100 * interval.Low:0}–{100 * interval.High:0}%) of {Result.Judgments} blind comparisons with policy {Result.Old}, above the mark of {100 * options.GateWinRate:0.#}%{(options.GateKl is { } mark ? $"; objective/kl {Kl:0.##} below {mark:0.##}" : "")}");
    }
}

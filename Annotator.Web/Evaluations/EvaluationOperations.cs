using System.Globalization;
using Annotator.Web.Data;
using Annotator.Web.Languages;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Localization;

namespace Annotator.Web.Evaluations;

/// <summary>What an admin sets of a study's blind evaluation and its gate.</summary>
public sealed class EvaluationOperations(IDbContextFactory<AnnotatorDbContext> contexts, WriteGate gate, PromotionGate promotion, TimeProvider clock, IStringLocalizer<Words> words)
{
    public const double MostShare = 0.5;

    /// <summary>Saves the options. A policy that waits for the gate is looked at again at once.</summary>
    /// <exception cref="NotAllowedException">Not an admin.</exception>
    /// <exception cref="RefusedException">A value is out of its range, or a policy that is named is not in the line.</exception>
    public async Task SetAsync(CurrentPerson by, long studyId, StudyEvaluation options, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(by);
        ArgumentNullException.ThrowIfNull(options);
        by.RequireAdmin();
        options = options.Pair == EvaluationPair.Chosen ? options : options with { New = null, Old = null };
        if (Fault(options, words) is { } fault)
        {
            throw new RefusedException(fault);
        }

        using (await gate.EnterAsync(cancellation))
        {
            await using var db = await contexts.CreateDbContextAsync(cancellation);
            await using var transaction = await db.Database.BeginTransactionAsync(cancellation);
            var study = await db.Studies.SingleOrDefaultAsync(s => s.Id == studyId, cancellation) ?? throw new RefusedException(words["This study no longer exists: reload the page."]);
            foreach (var number in new[] { options.New, options.Old }.OfType<int>())
            {
                if (!await db.Policies.AnyAsync(p => p.StudyId == studyId && p.Number == number, cancellation))
                {
                    throw new RefusedException(words["There is no policy {0} in this study's line.", number]);
                }
            }

            if (study.Evaluation == options)
            {
                return;
            }

            study.Evaluation = options;
            db.AuditEntries.Add(new() { PersonId = by.Id, Action = "study.evaluation", Detail = $"{study.Name}: {InWords(options)}.", At = clock.GetUtcNow().UtcDateTime });
            await db.SaveChangesAsync(cancellation);
            await transaction.CommitAsync(cancellation);
        }

        promotion.Wake(studyId);
    }

    /// <summary>What is wrong with the options, in a sentence for people; null if nothing is.</summary>
    public static string? Fault(StudyEvaluation options, IStringLocalizer<Words> words)
    {
        ArgumentNullException.ThrowIfNull(words);
        ArgumentNullException.ThrowIfNull(options);
        return true switch
        {
            _ when options.Share is not (>= 0 and <= MostShare) => words["The share of blind comparisons must be from 0 to one half."],
            _ when options.Pair == EvaluationPair.Chosen && (options.New is null || options.Old is null) => words["Name the two policies to compare."],
            _ when options.Pair == EvaluationPair.Chosen && options.New == options.Old => words["Name two different policies to compare."],
            _ when options.GateWinRate is { } mark && mark is not (> 0 and < 1) => words["The gate's mark for the win rate must lie between 0% and 100%."],
            _ when options is { HasGate: false, GateKl: not null } => words["A mark for objective/kl belongs to a gate: set the mark for the win rate too, or leave both empty."],
            _ when options.GateKl is { } kl && !(kl > 0 && double.IsFinite(kl)) => words["The gate's mark for objective/kl must be above 0."],
            _ when options is { HasGate: true, Share: 0 } => words["The gate needs blind comparisons: set their share above 0."],
            _ => (string?)null,
        };
    }

    private static string InWords(StudyEvaluation options)
    {
        var pair = options.Pair switch
        {
            EvaluationPair.Chosen => $"policy {options.New} with policy {options.Old}",
            EvaluationPair.Sft => "the serving policy with policy 0",
            _ => "the serving policy with the one before",
        };
        var compared = options.Share > 0 ? string.Create(CultureInfo.InvariantCulture, $"{100 * options.Share:0.#}% of the queue compare {pair}") : "no blind comparisons";
        var gate = options.GateWinRate is not { } mark ? "no gate" : string.Create(CultureInfo.InvariantCulture,
            $"a round's policy serves once its win rate is surely above {100 * mark:0.#}%{(options.GateKl is { } kl ? $" and objective/kl below {kl:0.##}" : "")}");
        return $"{compared}, {gate}";
    }
}

using Annotator.Web.Data;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Web.Policies;

/// <summary>The two policies of a study that are compared blind.</summary>
public sealed record EvaluatedPair(Policy New, Policy Old)
{
    /// <summary>The pair as things stand; null while there are no two policies that it can be.</summary>
    public static async Task<EvaluatedPair?> FindAsync(AnnotatorDbContext db, Study study, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(db);
        ArgumentNullException.ThrowIfNull(study);
        var line = await db.Policies.AsNoTracking().Where(p => p.StudyId == study.Id).ToListAsync(cancellation);
        return Of(study.Evaluation, line, study.CurrentPolicyId);
    }

    /// <summary>
    /// The policy that waits for the gate and the serving one; without one, what the study's options say. Pure.
    /// </summary>
    public static EvaluatedPair? Of(StudyEvaluation options, IReadOnlyList<Policy> line, long? servingId)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(line);
        var serving = line.FirstOrDefault(p => p.Id == servingId);
        if (options.HasGate && serving is not null && line.FirstOrDefault(p => p.AwaitsGate) is { } waiting)
        {
            return Two(waiting, serving);
        }

        return options.Pair switch
        {
            EvaluationPair.Chosen => Two(line.FirstOrDefault(p => p.Number == options.New), line.FirstOrDefault(p => p.Number == options.Old)),
            EvaluationPair.Sft => Two(serving, line.FirstOrDefault(p => p.Number == 0)),
            // What was imported comes from none of the line: the one before it in the line stands in.
            _ => Two(serving, line.FirstOrDefault(p => p.Id == serving?.ParentId) ?? line.Where(p => p.Number < serving?.Number).MaxBy(p => p.Number)),
        };

        static EvaluatedPair? Two(Policy? one, Policy? other) => one is null || other is null || one.Id == other.Id ? null : new(one, other);
    }
}

using System.Collections.Concurrent;
using Annotator.Web.Data;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Web.Overview;

/// <summary>
/// Judgments a day. A day that is over is counted once and kept for an hour (an import may still add to it, and a revision
/// take from it), so that a look counts only today's, by an index.
/// </summary>
public sealed class JudgmentDays(TimeProvider clock)
{
    private static readonly TimeSpan KeepFor = TimeSpan.FromHours(1);
    private readonly ConcurrentDictionary<(long Study, DateTime Start), (int Judgments, DateTime At)> over = new();

    /// <summary>The study's standing judgments, edits and decisions aside; each query in these words can use the index on their time.</summary>
    internal static IQueryable<Judgment> Standing(AnnotatorDbContext db, long studyId) =>
        db.Judgments.Where(j => j.StudyId == studyId && !j.IsSuperseded && j.Verdict != Verdict.Withdrawn
            && j.Origin != JudgmentOrigin.Edit && j.Origin != JudgmentOrigin.Adjudication);

    /// <summary>The last days, today last.</summary>
    /// <param name="utcOffset">Of the reader's place: decides when a day begins.</param>
    public async Task<IReadOnlyList<DayCount>> LastAsync(AnnotatorDbContext db, long studyId, int days, TimeSpan utcOffset, CancellationToken cancellation)
    {
        var now = clock.GetUtcNow().UtcDateTime;
        var today = DateTime.SpecifyKind((now + utcOffset).Date - utcOffset, DateTimeKind.Utc);
        var counts = new List<DayCount>();
        for (var start = today.AddDays(1 - days); start <= today; start = start.AddDays(1))
        {
            if (start < today && over.TryGetValue((studyId, start), out var known) && now - known.At < KeepFor)
            {
                counts.Add(new(start, known.Judgments));
                continue;
            }

            var end = start.AddDays(1);
            var count = await Standing(db, studyId).CountAsync(j => j.CreatedAt >= start && j.CreatedAt < end, cancellation);
            over[(studyId, start)] = (count, now);
            counts.Add(new(start, count));
        }

        // Days slide out of sight: what is kept must not grow for ever.
        foreach (var old in over.Where(entry => now - entry.Value.At >= KeepFor).ToList())
        {
            over.TryRemove(old);
        }

        return counts;
    }
}

using Annotator.Web.Data;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Web.Evaluations;

/// <summary>The current judgments of blind comparisons between two policies, as counts: the one way from rows to win rates and ratings.</summary>
internal static class EvaluationJudgments
{
    /// <summary>Of a whole study.</summary>
    public static async Task<IReadOnlyList<JudgedPair>> OfStudyAsync(AnnotatorDbContext db, long studyId, CancellationToken cancellation) => Read(
        await db.Database.SqlQuery<Row>($"""
            SELECT f.PolicyId AS FirstId, s.PolicyId AS SecondId, LENGTH(f.Text) - LENGTH(s.Text) AS Longer, j.Verdict, j.Ranking, COUNT(*) AS Count
            FROM Comparisons c
            JOIN Judgments j ON j.ComparisonId = c.Id AND NOT j.IsSuperseded AND j.Origin = 0
            JOIN ComparisonResponses fc ON fc.ComparisonId = c.Id AND fc.Position = 0 JOIN Responses f ON f.Id = fc.ResponseId
            JOIN ComparisonResponses sc ON sc.ComparisonId = c.Id AND sc.Position = 1 JOIN Responses s ON s.Id = sc.ResponseId
            WHERE c.StudyId = {studyId} AND c.Purpose = 1 AND f.PolicyId <> s.PolicyId
            GROUP BY 1, 2, 3, 4, 5
            """).ToListAsync(cancellation));

    /// <summary>Of two policies of a study, seen from the first.</summary>
    public static async Task<PairResult> OfPairAsync(AnnotatorDbContext db, Policy one, Policy other, CancellationToken cancellation)
    {
        var rows = await db.Database.SqlQuery<Row>($"""
            SELECT f.PolicyId AS FirstId, s.PolicyId AS SecondId, LENGTH(f.Text) - LENGTH(s.Text) AS Longer, j.Verdict, j.Ranking, COUNT(*) AS Count
            FROM Comparisons c
            JOIN Judgments j ON j.ComparisonId = c.Id AND NOT j.IsSuperseded AND j.Origin = 0
            JOIN ComparisonResponses fc ON fc.ComparisonId = c.Id AND fc.Position = 0 JOIN Responses f ON f.Id = fc.ResponseId
            JOIN ComparisonResponses sc ON sc.ComparisonId = c.Id AND sc.Position = 1 JOIN Responses s ON s.Id = sc.ResponseId
            WHERE c.StudyId = {one.StudyId} AND c.Purpose = 1 AND c.PolicyId IN ({one.Id}, {other.Id})
              AND ((f.PolicyId = {one.Id} AND s.PolicyId = {other.Id}) OR (f.PolicyId = {other.Id} AND s.PolicyId = {one.Id}))
            GROUP BY 1, 2, 3, 4, 5
            """).ToListAsync(cancellation);
        return PairResult.Of(one.Number, other.Number, one.Id, Read(rows));
    }

    private static List<JudgedPair> Read(IEnumerable<Row> rows) =>
        [.. rows.SelectMany(row => Outcome(row) is { } outcome ? new[] { new JudgedPair(row.FirstId, row.SecondId, row.Longer, outcome, row.Count) } : [])];

    /// <summary>Null for what says nothing of the two: skipped, withdrawn.</summary>
    private static PairOutcome? Outcome(Row row) => (row.Verdict, row.Ranking) switch
    {
        ((int)Verdict.BothBad, _) => PairOutcome.BothBad,
        ((int)Verdict.Ranked, "[[0],[1]]") => PairOutcome.First,
        ((int)Verdict.Ranked, "[[1],[0]]") => PairOutcome.Second,
        ((int)Verdict.Ranked, "[[0,1]]" or "[[1,0]]") => PairOutcome.Tie,
        _ => null,
    };

    private sealed record Row(long FirstId, long SecondId, long Longer, int Verdict, string? Ranking, int Count);
}

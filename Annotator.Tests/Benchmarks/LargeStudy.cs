using Annotator.Tests.Fixtures;
using Annotator.Web.Data;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Tests.Benchmarks;

/// <summary>Puts a study of any size into a database in seconds: rows copied within SQLite from a first one that the app's own code made.</summary>
internal static class LargeStudy
{
    /// <summary>Adds comparisons in stock, each to a prompt of its own and with responses of its own.</summary>
    public static void AddOpenComparisons(AnnotatorDbContext db, long studyId, int count)
    {
        ArgumentNullException.ThrowIfNull(db);
        var first = db.AddComparisons(studyId, 1)[0];
        var (prompt, policy) = (first.PromptId, db.Policies.Single(p => p.Id == first.PolicyId).Number);
        var (positions, response) = (first.Responses.Count, first.Responses.Min(r => r.ResponseId));
        using var bulk = Bulk(db);
        bulk.CreateFunction("queue_order", (long id) => QueueOrder.Of(policy, 0, id), isDeterministic: true);
        Copy(bulk, "Prompts", count - 1, $"Id = {prompt}", ("Id", $"{prompt} + n"), ("Text", "Text || ' ' || n"));
        Copy(bulk, "Comparisons", count - 1, $"Id = {first.Id}",
            ("Id", $"{first.Id} + n"), ("PromptId", $"{prompt} + n"), ("QueueOrder", $"queue_order({prompt} + n)"));
        Copy(bulk, "Responses", count - 1, $"Id >= {response} AND Id < {response + positions}", ("Id", $"Id + {positions} * n"), ("PromptId", $"{prompt} + n"));
        Copy(bulk, "ComparisonResponses", count - 1, $"ComparisonId = {first.Id}",
            ("ComparisonId", $"{first.Id} + n"), ("ResponseId", $"ResponseId + {positions} * n"));
        // What came at once is put away at once, so that no measurement pays for it.
        Run(bulk, "PRAGMA wal_checkpoint(TRUNCATE)");
    }

    /// <summary>Has each annotator judge so many comparisons: the first ones of the queue that have an open place and were not judged by them.</summary>
    public static void Judge(AnnotatorDbContext db, long studyId, IReadOnlyCollection<string> annotators, int each)
    {
        ArgumentNullException.ThrowIfNull(db);
        ArgumentNullException.ThrowIfNull(annotators);
        using var bulk = Bulk(db);
        bulk.CreateFunction("new_guid", () => Guid.NewGuid().ToString().ToUpperInvariant());
        foreach (var annotator in annotators)
        {
            Run(bulk, $"""
                INSERT INTO Judgments (ComparisonId, StudyId, PolicyId, PromptId, AnnotatorId, Origin, Verdict, Ranking, Reasons, OrderUntouched,
                  SidesShown, Seconds, GuidelinesVersion, IsSuperseded, RequestId, CreatedAt)
                SELECT Id, StudyId, PolicyId, PromptId, '{annotator}', 0, 0, '[[0],[1]]', '[]', 0, '[0,1]', 5, 1, 0, new_guid(), '2026-02-01 12:00:00'
                FROM Comparisons WHERE StudyId = {studyId} AND Purpose = 0 AND RetiredAt IS NULL AND OpenPlaces > 0
                ORDER BY QueueOrder LIMIT {each};
                UPDATE Comparisons SET OpenPlaces = OpenPlaces - 1, JudgmentCount = JudgmentCount + 1
                WHERE Id IN (SELECT ComparisonId FROM Judgments WHERE AnnotatorId = '{annotator}' AND StudyId = {studyId});
                """);
        }

        Run(bulk, "PRAGMA wal_checkpoint(TRUNCATE)");
    }

    /// <summary>Adds blind comparisons along the line, each policy with the one before, of texts of many lengths; each judged once, the newer one preferred in 5 of 8.</summary>
    public static void AddEvaluations(AnnotatorDbContext db, IReadOnlyList<Policy> line, IReadOnlyList<string> annotators, int count)
    {
        ArgumentNullException.ThrowIfNull(db);
        ArgumentNullException.ThrowIfNull(line);
        ArgumentNullException.ThrowIfNull(annotators);
        db.AddEvaluation(line[1], line[0], annotators[0], wins: 1, losses: 0);
        var first = db.Comparisons.OrderByDescending(c => c.Id).First();
        var judgment = db.Judgments.Single(j => j.ComparisonId == first.Id).Id;
        // The newer policy's response stands at position 0, as that of the first of them does.
        var responses = db.ComparisonResponses.Where(r => r.ComparisonId == first.Id).OrderBy(r => r.Position).Select(r => r.ResponseId).ToList();
        using var bulk = Bulk(db);
        bulk.CreateFunction("new_guid", () => Guid.NewGuid().ToString().ToUpperInvariant());
        bulk.CreateFunction("newer_policy", (long n) => line[(int)(1 + (n % (line.Count - 1)))].Id, isDeterministic: true);
        bulk.CreateFunction("older_policy", (long n) => line[(int)(n % (line.Count - 1))].Id, isDeterministic: true);
        bulk.CreateFunction("annotator", (long n) => annotators[(int)(n % annotators.Count)], isDeterministic: true);
        bulk.CreateFunction("some_text", (long n) => new string('a', 40 + (int)(n * 2654435761 % 4099 % 400)), isDeterministic: true);
        Copy(bulk, "Comparisons", count - 1, $"Id = {first.Id}", ("Id", $"{first.Id} + n"), ("PolicyId", "newer_policy(n)"));
        foreach (var (position, policy) in new[] { (0, "newer_policy(n)"), (1, "older_policy(n)") })
        {
            Copy(bulk, "Responses", count - 1, $"Id = {responses[position]}",
                ("Id", $"{responses.Max()} + 2 * n - {position}"), ("PolicyId", policy), ("Text", $"some_text(2 * n + {position})"));
            Copy(bulk, "ComparisonResponses", count - 1, $"ComparisonId = {first.Id} AND Position = {position}",
                ("ComparisonId", $"{first.Id} + n"), ("ResponseId", $"{responses.Max()} + 2 * n - {position}"));
        }

        Copy(bulk, "Judgments", count - 1, $"Id = {judgment}",
            ("Id", $"{judgment} + n"), ("ComparisonId", $"{first.Id} + n"), ("PolicyId", "newer_policy(n)"), ("AnnotatorId", "annotator(n)"), ("RequestId", "new_guid()"),
            ("Ranking", "CASE WHEN (n * 2654435761 >> 7) % 8 < 5 THEN '[[0],[1]]' ELSE '[[1],[0]]' END"));
        Run(bulk, "PRAGMA wal_checkpoint(TRUNCATE)");
    }

    /// <summary>Has one judgment in eight say the opposite, so that about a quarter of what two have judged is contested; and has comparisons say so.</summary>
    public static void Disagree(AnnotatorDbContext db, long studyId)
    {
        ArgumentNullException.ThrowIfNull(db);
        using var bulk = Bulk(db);
        Run(bulk, $"""
            UPDATE Judgments SET Ranking = '[[1],[0]]' WHERE StudyId = {studyId} AND (Id * 2654435761 >> 7) % 8 = 0;
            UPDATE Comparisons AS c SET
              LastJudgmentId = (SELECT max(j.Id) FROM Judgments j WHERE j.ComparisonId = c.Id),
              Agreement = (SELECT CASE WHEN count(*) < 2 THEN 0 WHEN count(DISTINCT j.Ranking) = 1 THEN 1 ELSE 2 END FROM Judgments j WHERE j.ComparisonId = c.Id)
            WHERE StudyId = {studyId};
            """);
        Run(bulk, "PRAGMA wal_checkpoint(TRUNCATE)");
    }

    /// <summary>Copies the rows of a table that the condition names, so many times each; n counts the copies from 1.</summary>
    private static void Copy(SqliteConnection bulk, string table, int times, string where, params (string Column, string Value)[] changed)
    {
        var columns = new List<string>();
        using (var list = bulk.CreateCommand())
        {
            list.CommandText = $"SELECT name FROM pragma_table_info('{table}')";
            using var reader = list.ExecuteReader();
            while (reader.Read())
            {
                columns.Add(reader.GetString(0));
            }
        }

        var values = columns.Select(column => changed.FirstOrDefault(change => change.Column == column).Value ?? $"\"{column}\"");
        Run(bulk, $"""
            WITH RECURSIVE copies(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM copies WHERE n < {times})
            INSERT INTO {table} ({string.Join(", ", columns.Select(column => $"\"{column}\""))})
            SELECT {string.Join(", ", values)} FROM copies CROSS JOIN {table} WHERE {where}
            """);
    }

    /// <summary>A connection that waits for no disk: what a power cut would lose can be made again.</summary>
    private static SqliteConnection Bulk(AnnotatorDbContext db)
    {
        var bulk = new SqliteConnection(db.Database.GetConnectionString() + ";Pooling=False");
        bulk.Open();
        Run(bulk, "PRAGMA synchronous=OFF; PRAGMA foreign_keys=OFF; PRAGMA cache_size=-400000");
        return bulk;
    }

    private static void Run(SqliteConnection bulk, string sql)
    {
        using var command = bulk.CreateCommand();
        command.CommandTimeout = 600;
#pragma warning disable CA2100 // The benchmark's own words.
        command.CommandText = sql;
#pragma warning restore CA2100
        command.ExecuteNonQuery();
    }
}

using System.Collections.Concurrent;
using System.Text.Json;
using System.Threading.Channels;
using Annotator.Web.Data;
using Annotator.Web.Live;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Web.Evaluations;

/// <summary>
/// The standing judgments of blind comparisons as counts: the one way from rows to win rates and ratings. A study is read
/// through once; from then on a look reads what has come since, for rows are only ever added: those above the highest id
/// that is counted are new, and each takes away the one it supersedes. An annotator who is left out of training
/// (<see cref="LeftOutAnnotator"/>) is left out here too. What an import brings has ids of the time it was read, so after one
/// the study is read through again. What takes long is done when the app starts and when somebody is left out, so that no
/// page need wait for it.
/// </summary>
public sealed class EvaluationTally(IDbContextFactory<AnnotatorDbContext> contexts, LiveFeed feed, ILogger<EvaluationTally> logger) : BackgroundService
{
    /// <summary>What one judgment says, and of whom; j is the judgment, c its comparison.</summary>
    private const string Says = "f.PolicyId AS FirstId, s.PolicyId AS SecondId, LENGTH(f.Text) - LENGTH(s.Text) AS Longer, j.Verdict, j.Ranking, COUNT(*) AS Count";

    private const string Sides = """
        CROSS JOIN ComparisonResponses fc ON fc.ComparisonId = c.Id AND fc.Position = 0 CROSS JOIN Responses f ON f.Id = fc.ResponseId
        CROSS JOIN ComparisonResponses sc ON sc.ComparisonId = c.Id AND sc.Position = 1 CROSS JOIN Responses s ON s.Id = sc.ResponseId
        """;

    private const string Alike = "c.Purpose = 1 AND j.Origin = 0 AND f.PolicyId <> s.PolicyId GROUP BY 1, 2, 3, 4, 5";
    private const string NotLeftOut = "j.AnnotatorId NOT IN (SELECT value FROM json_each({1}))";

    /// <summary>{0} study, {1} those left out.</summary>
    private const string Everything = $"SELECT {Says} FROM Comparisons c CROSS JOIN Judgments j ON j.ComparisonId = c.Id {Sides} WHERE c.StudyId = {{0}} AND j.StudyId = {{0}} AND NOT j.IsSuperseded AND {NotLeftOut} AND {Alike}";

    /// <summary>{0} study, {1} those left out, {2} the highest id that is counted.</summary>
    private const string Come = $"SELECT {Says} FROM Judgments j CROSS JOIN Comparisons c ON c.Id = j.ComparisonId {Sides} WHERE j.StudyId = {{0}} AND j.Id > {{2}} AND NOT j.IsSuperseded AND {NotLeftOut} AND {Alike}";

    /// <inheritdoc cref="Come"/>
    private const string Gone = $"SELECT {Says} FROM Judgments n CROSS JOIN Judgments j ON j.Id = n.SupersedesId CROSS JOIN Comparisons c ON c.Id = j.ComparisonId {Sides} WHERE n.StudyId = {{0}} AND n.Id > {{2}} AND j.Id <= {{2}} AND {NotLeftOut} AND {Alike}";

    /// <summary>{0} study, {1} annotators.</summary>
    private const string OfAnnotators = $"SELECT {Says} FROM Judgments j CROSS JOIN Comparisons c ON c.Id = j.ComparisonId {Sides} WHERE j.StudyId = {{0}} AND j.AnnotatorId IN (SELECT value FROM json_each({{1}})) AND NOT j.IsSuperseded AND {Alike}";

    private readonly ConcurrentDictionary<long, Kept> studies = new();

    /// <summary>Of a whole study.</summary>
    internal async Task<IReadOnlyList<JudgedPair>> OfStudyAsync(long studyId, CancellationToken cancellation)
    {
        var kept = studies.GetOrAdd(studyId, _ => new());
        await kept.Turn.WaitAsync(cancellation);
        try
        {
            await BringUpToDateAsync(kept, studyId, cancellation);
            return [.. kept.Counts.Select(one => new JudgedPair(one.Key.FirstId, one.Key.SecondId, one.Key.Longer, one.Key.Outcome, one.Value))];
        }
        finally
        {
            kept.Turn.Release();
        }
    }

    /// <summary>Of two policies of a study, seen from the first.</summary>
    public async Task<PairResult> OfPairAsync(Policy one, Policy other, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(one);
        ArgumentNullException.ThrowIfNull(other);
        return PairResult.Of(one.Number, other.Number, one.Id,
        [
            .. (await OfStudyAsync(one.StudyId, cancellation)).Where(row => (row.FirstId == one.Id && row.SecondId == other.Id) || (row.FirstId == other.Id && row.SecondId == one.Id)),
        ]);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var looks = Channel.CreateUnbounded<long>();
        using var subscription = feed.Subscribe(what =>
        {
            if (what is LeftOutChanged)
            {
                looks.Writer.TryWrite(what.StudyId);
            }
        });
        await using (var db = await contexts.CreateDbContextAsync(stoppingToken))
        {
            foreach (var study in await db.Studies.Where(s => !s.IsArchived).Select(s => s.Id).ToListAsync(stoppingToken))
            {
                looks.Writer.TryWrite(study);
            }
        }

        await foreach (var study in looks.Reader.ReadAllAsync(stoppingToken))
        {
            try
            {
                await OfStudyAsync(study, stoppingToken);
            }
#pragma warning disable CA1031 // Whoever looks next counts it then.
            catch (Exception failure) when (failure is not OperationCanceledException)
#pragma warning restore CA1031
            {
                logger.LogError(failure, "The blind judgments of study {Study} could not be counted", study);
            }
        }
    }

    private async Task BringUpToDateAsync(Kept kept, long studyId, CancellationToken cancellation)
    {
        await using var db = await contexts.CreateDbContextAsync(cancellation);
        await using var moment = await db.ReadOneMomentAsync(cancellation);
        var last = await db.Judgments.Where(j => j.StudyId == studyId).MaxAsync(j => (long?)j.Id, cancellation) ?? 0;
        var imports = await db.Imports.CountAsync(i => i.StudyId == studyId && i.EndedAt != null, cancellation);
        var leftOut = (await db.LeftOutAnnotators.Where(l => l.StudyId == studyId).Select(l => l.AnnotatorId).ToListAsync(cancellation)).ToHashSet();
        var isFirst = kept.Imports != imports;
        var changes = new List<(int Sign, IReadOnlyList<Row> Rows)>();
        if (isFirst)
        {
            await AddAsync(1, Everything, studyId, Json(leftOut));
        }
        else
        {
            if (last > kept.Last)
            {
                await AddAsync(1, Come, studyId, Json(kept.LeftOut), kept.Last);
                await AddAsync(-1, Gone, studyId, Json(kept.LeftOut), kept.Last);
            }

            if (!leftOut.SetEquals(kept.LeftOut))
            {
                await AddAsync(-1, OfAnnotators, studyId, Json(leftOut.Except(kept.LeftOut)));
                await AddAsync(1, OfAnnotators, studyId, Json(kept.LeftOut.Except(leftOut)));
            }
        }

        // From here on nothing can be cancelled half-way.
        kept.Take(isFirst, changes.SelectMany(change => change.Rows.Select(row => (row, change.Sign * row.Count))));
        (kept.Last, kept.Imports, kept.LeftOut) = (last, imports, leftOut);

        async Task AddAsync(int sign, string sql, params object[] arguments) =>
            changes.Add((sign, await db.Database.SqlQueryRaw<Row>(sql, arguments).ToListAsync(cancellation)));
    }

    private static string Json(IEnumerable<string> ids) => JsonSerializer.Serialize(ids);

    /// <summary>What is counted of a study.</summary>
    private sealed class Kept
    {
        public SemaphoreSlim Turn { get; } = new(1);
        public Dictionary<(long FirstId, long SecondId, long Longer, PairOutcome Outcome), int> Counts { get; } = [];

        /// <summary>The highest id of a judgment that is counted.</summary>
        public long Last { get; set; }

        /// <summary>Imports that had ended; below 0 before the first count.</summary>
        public int Imports { get; set; } = -1;
        public HashSet<string> LeftOut { get; set; } = [];

        public void Take(bool anew, IEnumerable<(Row Row, int Count)> changes)
        {
            if (anew)
            {
                Counts.Clear();
            }

            foreach (var (row, count) in changes)
            {
                if (row.Outcome is { } outcome)
                {
                    var key = (row.FirstId, row.SecondId, row.Longer, outcome);
                    var sum = Counts.GetValueOrDefault(key) + count;
                    if (sum == 0)
                    {
                        Counts.Remove(key);
                    }
                    else
                    {
                        Counts[key] = sum;
                    }
                }
            }
        }
    }

    private sealed record Row(long FirstId, long SecondId, long Longer, int Verdict, string? Ranking, int Count)
    {
        /// <summary>Null for what says nothing of the two: skipped, withdrawn.</summary>
        public PairOutcome? Outcome => (Verdict, Ranking) switch
        {
            ((int)Data.Verdict.BothBad, _) => PairOutcome.BothBad,
            ((int)Data.Verdict.Ranked, "[[0],[1]]") => PairOutcome.First,
            ((int)Data.Verdict.Ranked, "[[1],[0]]") => PairOutcome.Second,
            ((int)Data.Verdict.Ranked, "[[0,1]]" or "[[1,0]]") => PairOutcome.Tie,
            _ => null,
        };
    }
}

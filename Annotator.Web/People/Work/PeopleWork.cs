using Annotator.Web.Data;
using Annotator.Web.Languages;
using Annotator.Web.Live;
using Annotator.Web.Rounds;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Localization;

namespace Annotator.Web.People.Work;

/// <summary>Somebody in the figures.</summary>
/// <param name="Name">The user name for admins, the pseudonym for everybody else.</param>
/// <param name="IsLeftOut">Nobody is to learn from their judgments: <see cref="LeftOutAnnotator"/>.</param>
public sealed record PersonOfWork(string Name, string Pseudonym, bool IsLeftOut);

/// <summary>The figures of a study as somebody may see them.</summary>
/// <param name="Work">Null while they are counted for the first time.</param>
/// <param name="At">When they were counted (UTC).</param>
/// <param name="Newer">Ends when newer ones are there; null if these are up to date.</param>
/// <param name="People">Everybody in them, by id.</param>
public sealed record WorkView(StudyWork? Work, DateTime At, Task? Newer, IReadOnlyDictionary<string, PersonOfWork> People);

/// <summary>What leaving an annotator's judgments out of training would change, or taking them in again.</summary>
/// <param name="Judgments">Their current ones in the study.</param>
/// <param name="Train">Of these, preferences that a round trains on.</param>
/// <param name="Eval">Preferences that a round measures itself by.</param>
/// <param name="OnlyTheirs">Comparisons that nobody else has judged: nothing would be left of them.</param>
public sealed record LeaveOutPreview(int Judgments, int Train, int Eval, int OnlyTheirs);

/// <summary>What people's judgments say of their work, and whose are left out of training.</summary>
public sealed class PeopleWork : IDisposable
{
    private readonly IDbContextFactory<AnnotatorDbContext> contexts;
    private readonly LiveFeed feed;
    private readonly TimeProvider time;
    private readonly IStringLocalizer<Words> words;
    private readonly StudyFigures<StudyWork> figures;

    public PeopleWork(IDbContextFactory<AnnotatorDbContext> contexts, LiveFeed feed, TimeProvider time, IStringLocalizer<Words> words)
    {
        (this.contexts, this.feed, this.time, this.words) = (contexts, feed, time, words);
        figures = new(contexts, time, CountAsync);
    }

    /// <summary>The figures of a study.</summary>
    /// <exception cref="NotAllowedException">Neither an admin nor a viewer.</exception>
    public async Task<WorkView> ReadAsync(CurrentPerson who, long studyId, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(who);
        who.RequireViewer();
        var (work, at, newer) = await figures.ReadAsync(studyId, cancellation);
        await using var db = await contexts.CreateDbContextAsync(cancellation);
        var leftOut = await db.LeftOutAnnotators.Where(l => l.StudyId == studyId).Select(l => l.AnnotatorId).ToListAsync(cancellation);
        var ids = work?.People.Select(person => person.AnnotatorId).ToList() ?? [];
        var people = await db.Users.AsNoTracking().Where(p => ids.Contains(p.Id)).ToDictionaryAsync(
            p => p.Id, p => new PersonOfWork(who.IsAdmin && p is { IsImported: false, DeletedAt: null } ? p.UserName! : p.Pseudonym, p.Pseudonym, leftOut.Contains(p.Id)), cancellation);
        return new(work, at, newer, people);
    }

    /// <summary>What leaving somebody out would change; nothing is changed.</summary>
    /// <exception cref="NotAllowedException">Not an admin.</exception>
    public async Task<LeaveOutPreview> PreviewLeavingOutAsync(CurrentPerson by, long studyId, string annotatorId, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(by);
        by.RequireAdmin();
        await using var db = await contexts.CreateDbContextAsync(cancellation);
        await db.Database.OpenConnectionAsync(cancellation);
        ((SqliteConnection)db.Database.GetDbConnection()).CreateFunction("measures", (string prompt) => RoundSelection.IsForEvaluation(prompt, studyId), isDeterministic: true);
        // What judgments have in common that a round goes by, counted within SQLite: a busy annotator has tens of thousands. Texts
        // are looked at in what was imported alone, for of what is sampled and of what is edited no two are the same.
        var alike = await db.Database.SqlQuery<AlikeJudgments>($"""
            SELECT j.Verdict, j.Origin, c.Purpose, c.Agreement, p.Split, coalesce(json_array_length(j.Ranking) > 1, 0) AS Prefers, c.JudgmentCount = 1 AS IsAlone,
              CASE WHEN j.Verdict = 0 AND c.Purpose <> 1 THEN measures(p.Text) ELSE 0 END AS Measures,
              CASE WHEN c.ImportId IS NULL THEN 0 ELSE (SELECT count(DISTINCT r.Text) FROM json_each(j.Ranking) tier, json_each(tier.value) place
                JOIN ComparisonResponses cr ON cr.ComparisonId = c.Id AND cr.Position = place.value JOIN Responses r ON r.Id = cr.ResponseId) = 1 END AS AreSame, COUNT(*) AS Count
            FROM Judgments j CROSS JOIN Comparisons c ON c.Id = j.ComparisonId CROSS JOIN Prompts p ON p.Id = c.PromptId
            WHERE j.AnnotatorId = {annotatorId} AND j.StudyId = {studyId} AND NOT j.IsSuperseded
            GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9
            """).ToListAsync(cancellation);
        var taken = alike.Where(same => RoundSelection.ReasonToLeaveOut(same.One()) is null).ToList();
        return new(
            alike.Where(same => same.Verdict != Verdict.Withdrawn).Sum(same => same.Count),
            taken.Where(same => !same.Measures).Sum(same => same.Count),
            taken.Where(same => same.Measures).Sum(same => same.Count),
            alike.Where(same => same is { IsAlone: true, Verdict: Verdict.Ranked, Origin: JudgmentOrigin.Queue }).Sum(same => same.Count));
    }

    /// <summary>Leaves somebody's judgments out of training and of win rates, or takes them in again. Rounds that have their snapshot keep it.</summary>
    /// <exception cref="NotAllowedException">Not an admin.</exception>
    /// <exception cref="RefusedException">There is no such person or study.</exception>
    public async Task SetLeftOutAsync(CurrentPerson by, long studyId, string annotatorId, bool leftOut, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(by);
        by.RequireAdmin();
        await using var db = await contexts.CreateDbContextAsync(cancellation);
        await using var transaction = await db.Database.BeginTransactionAsync(cancellation);
        var person = await db.Users.AsNoTracking().SingleOrDefaultAsync(p => p.Id == annotatorId, cancellation);
        var study = await db.Studies.Where(s => s.Id == studyId).Select(s => s.Name).SingleOrDefaultAsync(cancellation);
        if (person is null || study is null)
        {
            throw new RefusedException(words["That person or study is not there any more: reload the page."]);
        }

        var there = await db.LeftOutAnnotators.SingleOrDefaultAsync(l => l.StudyId == studyId && l.AnnotatorId == annotatorId, cancellation);
        if (leftOut == there is not null)
        {
            return;
        }

        var (now, name) = (time.GetUtcNow().UtcDateTime, person is { IsImported: false, DeletedAt: null } ? person.UserName : person.Pseudonym);
        if (there is null)
        {
            db.LeftOutAnnotators.Add(new() { StudyId = studyId, AnnotatorId = annotatorId, At = now });
        }
        else
        {
            db.LeftOutAnnotators.Remove(there);
        }

        db.AuditEntries.Add(new()
        {
            PersonId = by.Id, Action = leftOut ? "study.leave-out" : "study.take-in", At = now,
            Detail = leftOut ? $"{by.Name} left the judgments of {name} out of training in {study}." : $"{by.Name} took the judgments of {name} into training in {study} again.",
        });
        await db.SaveChangesAsync(cancellation);
        await transaction.CommitAsync(cancellation);
        feed.Publish(new LeftOutChanged(studyId));
    }

    public void Dispose() => figures.Dispose();

    /// <summary>Reads the study once, comparison by comparison.</summary>
    private async Task<StudyWork> CountAsync(long studyId, CancellationToken cancellation)
    {
        await using var db = await contexts.CreateDbContextAsync(cancellation);
        var count = new WorkCount();
        var rows = db.Judgments.AsNoTracking()
            .Where(j => j.StudyId == studyId && !j.IsSuperseded && j.Verdict != Verdict.Withdrawn && (j.Origin == JudgmentOrigin.Queue || j.Origin == JudgmentOrigin.Repeat))
            .OrderBy(j => j.ComparisonId)
            // What was imported from another tool followed no guidelines of ours, and was shown nobody knows how.
            .Select(j => new { j.ComparisonId, Answer = new WorkAnswer(j.AnnotatorId, j.Verdict, j.Ranking, j.SidesShown, j.Seconds, j.CreatedAt, j.Origin == JudgmentOrigin.Repeat, j.GuidelinesVersion > 0) });
        var (current, answers) = (0L, new List<WorkAnswer>());
        await foreach (var row in rows.AsAsyncEnumerable().WithCancellation(cancellation))
        {
            if (row.ComparisonId != current)
            {
                count.Add(answers);
                (current, answers) = (row.ComparisonId, []);
            }

            answers.Add(row.Answer);
        }

        count.Add(answers);
        // First answers: what was revised after the right one was told does not count.
        foreach (var gold in await db.Judgments.Where(j => j.StudyId == studyId && j.GoldCorrect != null && j.SupersedesId == null)
            .GroupBy(j => j.AnnotatorId).Select(own => new { own.Key, Correct = own.Count(j => j.GoldCorrect == true), Answered = own.Count() }).ToListAsync(cancellation))
        {
            count.AddGold(gold.Key, gold.Correct, gold.Answered);
        }

        return count.Result();
    }

    /// <summary>Judgments between which the selection of a round makes no difference.</summary>
    private sealed record AlikeJudgments(
        Verdict Verdict, JudgmentOrigin Origin, ComparisonPurpose Purpose, ComparisonAgreement Agreement, PromptSplit Split, bool Prefers, bool IsAlone, bool Measures, bool AreSame, int Count)
    {
        /// <summary>Any one of them, as if nobody were left out.</summary>
        public JudgedComparison One() => new()
        {
            JudgmentId = 0, ComparisonId = 0, Verdict = Verdict, Origin = Origin, Purpose = Purpose, IsAdjudicated = Agreement == ComparisonAgreement.Adjudicated, PromptSplit = Split, Prompt = "",
            Ranking = Prefers ? [[0], [1]] : null, Responses = [new("", null, null, null), new(AreSame ? "" : "another", null, null, null)],
        };
    }
}

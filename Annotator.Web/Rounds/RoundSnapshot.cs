using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using Annotator.Model.Preferences;
using Annotator.Web.Data;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Web.Rounds;

/// <summary>
/// Turns a study's judgments into a round's <c>preferences.jsonl</c>: one query, read row by row, so that the file is
/// one moment's truth and memory stays flat.
/// </summary>
public sealed class RoundSnapshot(IDbContextFactory<AnnotatorDbContext> contexts)
{
    /// <summary>The name of the counts' file in the round directory; the trainer doesn't read it.</summary>
    public const string CountsFile = "snapshot.json";

    private static readonly JsonSerializerOptions CountsSpelling = new(JsonSerializerDefaults.Web)
    {
        WriteIndented = true,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower) },
        DictionaryKeyPolicy = JsonNamingPolicy.SnakeCaseLower,
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
    };

    /// <summary>What a round started now would train on.</summary>
    public Task<SelectionCounts> CountAsync(long studyId, RoundData data, CancellationToken cancellation = default) => CountAsync(studyId, data, (_, _) => { }, cancellation);

    /// <summary>The same, and each judgment is shown, with the reason why it is left out or null.</summary>
    internal async Task<SelectionCounts> CountAsync(long studyId, RoundData data, Action<JudgedComparison, LeftOut?> look, CancellationToken cancellation)
    {
        var counts = new SelectionCounts();
        await using var db = await contexts.CreateDbContextAsync(cancellation);
        await foreach (var judged in Judged(db, studyId, await AfterAsync(db, studyId, data, cancellation), withTokens: false, cancellation: cancellation))
        {
            counts = Counted(counts, judged, studyId);
            look(judged, RoundSelection.ReasonToLeaveOut(judged));
        }

        return counts;
    }

    /// <summary>Judgments later than <paramref name="afterJudgmentId"/> that a round would take: what the study's rule counts.</summary>
    public async Task<int> CountPreferencesAsync(long studyId, long afterJudgmentId, CancellationToken cancellation = default)
    {
        var counts = new SelectionCounts();
        await using var db = await contexts.CreateDbContextAsync(cancellation);
        await foreach (var judged in Judged(db, studyId, afterJudgmentId, withTokens: false, cancellation: cancellation))
        {
            counts = Counted(counts, judged, studyId);
        }

        return counts.Preferences;
    }

    /// <summary>Writes the round's preferences and their counts, replacing what was there.</summary>
    /// <param name="studyId">The study.</param>
    /// <param name="data">Which of its judgments.</param>
    /// <param name="reference">The hash of the round's reference: log-probabilities under it that are known go along.</param>
    /// <param name="directory">Where to.</param>
    /// <param name="cancellation">Leaves the files unfinished.</param>
    public async Task<SelectionCounts> WriteAsync(long studyId, RoundData data, string reference, RoundDirectory directory, CancellationToken cancellation = default)
    {
        Directory.CreateDirectory(directory.Root);
        var counts = new SelectionCounts();
        await using (var db = await contexts.CreateDbContextAsync(cancellation))
        await using (var writer = new StreamWriter(directory.Preferences, append: false, new UTF8Encoding(false)) { NewLine = "\n" })
        {
            var after = await AfterAsync(db, studyId, data, cancellation);
            await foreach (var judged in Judged(db, studyId, after, withTokens: true, reference, cancellation: cancellation))
            {
                if (RoundSelection.ReasonToLeaveOut(judged) is null)
                {
                    await writer.WriteLineAsync(JsonLines.Format(RoundSelection.Line(judged, studyId)).AsMemory(), cancellation);
                }

                counts = Counted(counts, judged, studyId);
            }
        }

        await File.WriteAllTextAsync(Path.Combine(directory.Root, CountsFile), JsonSerializer.Serialize(counts, CountsSpelling) + "\n", cancellation);
        return counts;
    }

    /// <summary>The counts that <see cref="WriteAsync"/> left in the directory, or null if there are none.</summary>
    public static async Task<SelectionCounts?> ReadCountsAsync(RoundDirectory directory, CancellationToken cancellation = default)
    {
        var path = Path.Combine(directory.Root, CountsFile);
        if (!File.Exists(path))
        {
            return null;
        }

        await using var file = File.OpenRead(path);
        return await JsonSerializer.DeserializeAsync<SelectionCounts>(file, CountsSpelling, cancellation);
    }

    /// <summary>
    /// The study's current judgments with an id above <paramref name="after"/>, in the order they were made, with their
    /// responses (<see cref="SideBySide"/>).
    /// </summary>
    internal static async IAsyncEnumerable<JudgedComparison> Judged(
        AnnotatorDbContext db, long studyId, long after, bool withTokens, string? reference = null, [EnumeratorCancellation] CancellationToken cancellation = default)
    {
        var judgments = db.Judgments.AsNoTracking().Where(j => j.StudyId == studyId && !j.IsSuperseded && j.Id > after);
        var rows = judgments.OrderBy(j => j.Id).Select(j => new JudgedComparison
        {
            JudgmentId = j.Id,
            ComparisonId = j.ComparisonId,
            PolicyId = j.PolicyId,
            JudgmentsOfComparison = j.Comparison!.JudgmentCount,
            AnnotatorId = j.AnnotatorId,
            CreatedAt = j.CreatedAt,
            PromptId = j.PromptId,
            Comment = j.Comment,
            Origin = j.Origin,
            IsAnnotatorLeftOut = db.LeftOutAnnotators.Any(l => l.StudyId == j.StudyId && l.AnnotatorId == j.AnnotatorId),
            IsAdjudicated = j.Comparison.Agreement == ComparisonAgreement.Adjudicated,
            Verdict = j.Verdict,
            Ranking = j.Ranking,
            Strength = j.Strength,
            Source = j.Source,
            Purpose = j.Comparison.Purpose,
            Prompt = j.Comparison.Prompt!.Text,
            Messages = j.Comparison.Prompt.Messages,
            PromptSplit = j.Comparison.Prompt.Split,
            Responses = Array.Empty<JudgedResponse>(),
        });
        var responses = judgments
            .SelectMany(j => j.Comparison!.Responses, (j, r) => new
            {
                j.Id,
                r.Position,
                Response = new JudgedResponse(
                    r.Response!.Text,
                    withTokens ? r.Response.TokenIds : null,
                    withTokens ? r.Response.PromptTokenIds : null,
                    r.Response.Policy == null ? r.Response.SourcePolicy : r.Response.Policy.Hash,
                    reference == null ? null : r.Response.ReferenceLogProbabilities.Where(l => l.PolicyHash == reference).Select(l => (double?)l.LogProbability).FirstOrDefault())
                {
                    Author = r.Response.AuthorId == null ? null : TextAuthor.Person,
                    IsForeign = r.Response.PolicyId == null && r.Response.AuthorId == null,
                },
            })
            .OrderBy(row => row.Id).ThenBy(row => row.Position);
        await using var moment = db.Database.CurrentTransaction is null ? await db.ReadOneMomentAsync(cancellation) : null;
        await foreach (var (judged, own) in rows.AsAsyncEnumerable().WithPartsAsync(judged => judged.JudgmentId, responses.AsAsyncEnumerable(), response => response.Id, response => response.Response, cancellation))
        {
            yield return judged with { Responses = own };
        }
    }

    private static async Task<long> AfterAsync(AnnotatorDbContext db, long studyId, RoundData data, CancellationToken cancellation) =>
        data == RoundData.All
            ? 0
            : await db.Rounds
                .Where(r => r.StudyId == studyId && (r.State == RoundState.Succeeded || (r.State == RoundState.Deleted && r.ResultPolicyId != null)))
                .MaxAsync(r => r.LastJudgmentId, cancellation) ?? 0;

    private static SelectionCounts Counted(SelectionCounts counts, JudgedComparison judged, long studyId) =>
        counts.With(
            judged.JudgmentId,
            RoundSelection.ReasonToLeaveOut(judged),
            RoundSelection.IsForEvaluation(judged.Prompt, studyId) ? PreferenceSplit.Eval : PreferenceSplit.Train);
}

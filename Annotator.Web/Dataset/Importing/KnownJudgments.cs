using Annotator.Model.Preferences;
using Annotator.Web.Data;
using Annotator.Web.Rounds;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Web.Dataset.Importing;

/// <summary>What a study has before an import: 16 bytes for each prompt and judgment, and of a log the ids.</summary>
internal sealed class KnownJudgments
{
    /// <summary>Of a log: what the id stands for here.</summary>
    public sealed record LoggedJudgment(long Id, long ComparisonId, DateTime CreatedAt, string Annotator);

    /// <summary>The prompts by <see cref="ImportedLine.PromptKey"/>.</summary>
    public required Dictionary<UInt128, (long Id, PromptSplit Split)> Prompts { get; init; }

    /// <summary>The same by id.</summary>
    public Dictionary<long, UInt128> PromptIds { get; } = [];

    /// <summary>Current judgments by <see cref="ImportedLine.Content"/>; empty where the file is a log.</summary>
    public required HashSet<UInt128> Contents { get; init; }

    /// <summary>All judgments by the id that a log of the study gives them; empty where the file is none.</summary>
    public required Dictionary<long, LoggedJudgment> Logged { get; init; }

    /// <summary>Ids that a log of the study gives comparisons and responses.</summary>
    public required HashSet<long> Comparisons { get; init; }
    public required HashSet<long> Responses { get; init; }

    /// <summary>Of a study that has nothing.</summary>
    public static KnownJudgments None => new() { Prompts = [], Contents = [], Logged = [], Comparisons = [], Responses = [] };

    public static async Task<KnownJudgments> ReadAsync(AnnotatorDbContext db, ImportRequest request, CancellationToken cancellation)
    {
        var known = None;
        await foreach (var prompt in db.Prompts.AsNoTracking().Where(p => p.StudyId == request.StudyId).OrderBy(p => p.Id).AsAsyncEnumerable().WithCancellation(cancellation))
        {
            var key = ImportedLine.PromptKey(prompt.Text, prompt.Messages);
            known.Prompts.TryAdd(key, (prompt.Id, prompt.Split));
            known.PromptIds.Add(prompt.Id, key);
        }

        await (request.Format == ImportRequest.LogFormat ? known.ReadLogAsync(db, request.StudyId, cancellation) : known.ReadContentsAsync(db, request.StudyId, cancellation));
        return known;
    }

    private async Task ReadContentsAsync(AnnotatorDbContext db, long studyId, CancellationToken cancellation)
    {
        await foreach (var judged in RoundSnapshot.Judged(db, studyId, after: 0, withTokens: false, cancellation: cancellation))
        {
            Contents.Add(ImportedLine.ContentOf(judged.PromptAsAsked, [.. judged.Responses.Select(response => response.Text)], judged.Verdict, judged.Ranking));
        }
    }

    private async Task ReadLogAsync(AnnotatorDbContext db, long studyId, CancellationToken cancellation)
    {
        var judgments = db.Judgments.AsNoTracking().Where(j => j.StudyId == studyId)
            .Select(j => new { j.Id, j.ComparisonId, j.Source, j.CreatedAt, Annotator = j.Annotator!.Pseudonym });
        await foreach (var judgment in judgments.AsAsyncEnumerable().WithCancellation(cancellation))
        {
            Logged.TryAdd(judgment.Source?.Log?.Id ?? judgment.Id, new(judgment.Id, judgment.ComparisonId, judgment.CreatedAt, judgment.Annotator));
            Comparisons.Add(judgment.Source?.Log?.Comparison ?? judgment.ComparisonId);
            Responses.UnionWith(judgment.Source?.Log?.Responses ?? []);
        }

        var own = db.Comparisons.Where(c => c.StudyId == studyId && c.ImportId == null);
        await foreach (var id in own.Select(c => c.Id).AsAsyncEnumerable().WithCancellation(cancellation))
        {
            Comparisons.Add(id);
        }

        await foreach (var id in own.SelectMany(c => c.Responses).Select(r => r.ResponseId).AsAsyncEnumerable().WithCancellation(cancellation))
        {
            Responses.Add(id);
        }
    }
}

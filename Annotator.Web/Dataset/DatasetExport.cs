using System.Runtime.CompilerServices;
using Annotator.Model.Preferences;
using Annotator.Web.Data;
using Annotator.Web.Rounds;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Web.Dataset;

/// <summary>
/// A study's judgments as datasets. Each export is one query read row by row: one moment's truth, in flat memory however
/// many rows there are.
/// </summary>
public sealed partial class DatasetExport(IDbContextFactory<AnnotatorDbContext> contexts)
{
    /// <summary>The <c>trl</c> format: a line for each preference of the current judgments, in the order they were made.</summary>
    /// <exception cref="NotAllowedException">Neither an admin nor a viewer.</exception>
    public IAsyncEnumerable<TrlLine> Trl(CurrentPerson who, long studyId)
    {
        who.RequireViewer();
        return Pairs(studyId);
    }

    /// <summary>
    /// The <c>ranking</c> format: a line for each current judgment that ranks, ties too, in the order they were made; the
    /// lines are those of a round's <c>preferences.jsonl</c>.
    /// </summary>
    /// <exception cref="NotAllowedException">Neither an admin nor a viewer.</exception>
    public IAsyncEnumerable<PreferenceLine> Rankings(CurrentPerson who, long studyId)
    {
        who.RequireViewer();
        return RankingLines(studyId);
    }

    /// <summary>The <c>log</c> format: a line for every judgment ever made, superseded and withdrawn ones too.</summary>
    /// <exception cref="NotAllowedException">Neither an admin nor a viewer.</exception>
    public IAsyncEnumerable<JudgmentLogLine> Log(CurrentPerson who, long studyId)
    {
        who.RequireViewer();
        return Lines(studyId);
    }

    /// <summary>What the exports hold, and what they leave out.</summary>
    /// <exception cref="NotAllowedException">Neither an admin nor a viewer.</exception>
    public async Task<DatasetCounts> CountAsync(CurrentPerson who, long studyId, CancellationToken cancellation = default)
    {
        who.RequireViewer();
        await using var db = await contexts.CreateDbContextAsync(cancellation);
        var (current, pairs) = (new SelectionCounts(), 0);
        await foreach (var judged in RoundSnapshot.Judged(db, studyId, after: 0, withTokens: false).AsAsyncEnumerable().WithCancellation(cancellation))
        {
            current = current.With(judged.JudgmentId, RoundSelection.ReasonToLeaveOut(judged), PreferenceSplit.Train);
            pairs += PreferencePairs.Of(judged).Count();
        }

        var rows = db.Judgments.Where(j => j.StudyId == studyId);
        return new()
        {
            LogLines = await rows.CountAsync(cancellation),
            Superseded = await rows.CountAsync(j => j.IsSuperseded, cancellation),
            Pairs = pairs,
            Current = current,
        };
    }

    /// <summary>The latest preferences, newest first.</summary>
    /// <exception cref="NotAllowedException">Neither an admin nor a viewer.</exception>
    public async Task<IReadOnlyList<TrlLine>> LatestAsync(CurrentPerson who, long studyId, int count, CancellationToken cancellation = default)
    {
        who.RequireViewer();
        await using var db = await contexts.CreateDbContextAsync(cancellation);
        var latest = new List<TrlLine>();
        await foreach (var judged in RoundSnapshot.Judged(db, studyId, after: 0, withTokens: false).OrderByDescending(j => j.JudgmentId)
            .AsAsyncEnumerable().WithCancellation(cancellation))
        {
            latest.AddRange(PreferencePairs.Of(judged));
            if (latest.Count >= count)
            {
                break;
            }
        }

        return [.. latest.Take(count)];
    }

    private async IAsyncEnumerable<TrlLine> Pairs(long studyId, [EnumeratorCancellation] CancellationToken cancellation = default)
    {
        await using var db = await contexts.CreateDbContextAsync(cancellation);
        await foreach (var judged in RoundSnapshot.Judged(db, studyId, after: 0, withTokens: false).AsAsyncEnumerable().WithCancellation(cancellation))
        {
            foreach (var line in PreferencePairs.Of(judged))
            {
                yield return line;
            }
        }
    }

    private async IAsyncEnumerable<PreferenceLine> RankingLines(long studyId, [EnumeratorCancellation] CancellationToken cancellation = default)
    {
        await using var db = await contexts.CreateDbContextAsync(cancellation);
        await foreach (var judged in RoundSnapshot.Judged(db, studyId, after: 0, withTokens: true).AsAsyncEnumerable().WithCancellation(cancellation))
        {
            if (judged.Ranking is not null && RoundSelection.ReasonToLeaveOut(judged) is null or LeftOut.Tie)
            {
                yield return RoundSelection.ExportLine(judged, studyId);
            }
        }
    }

    private async IAsyncEnumerable<JudgmentLogLine> Lines(long studyId, [EnumeratorCancellation] CancellationToken cancellation = default)
    {
        await using var db = await contexts.CreateDbContextAsync(cancellation);
        var lines = db.Judgments.AsNoTracking()
            .Where(j => j.StudyId == studyId)
            .OrderBy(j => j.Id)
            .Select(j => new { j.Source, Line = new JudgmentLogLine
            {
                Id = j.Id,
                Comparison = j.ComparisonId,
                Purpose = j.Comparison!.Purpose,
                Annotator = j.Annotator!.Pseudonym,
                CreatedAt = j.CreatedAt,
                Origin = j.Origin,
                GivenWith = j.GivenWithId,
                Verdict = j.Verdict,
                Ranking = j.Ranking,
                Strength = j.Strength,
                SkipReason = j.SkipReason,
                Comment = j.Comment,
                Reasons = j.Reasons,
                Flags = JudgmentLogLine.InWords(j.Flags),
                OrderUntouched = j.OrderUntouched ? true : null,
                GoldRanking = j.Comparison.GoldRanking,
                GoldCorrect = j.GoldCorrect,
                SidesShown = j.SidesShown,
                Seconds = j.Seconds,
                GuidelinesVersion = j.GuidelinesVersion,
                Supersedes = j.SupersedesId,
                SupersededBy = db.Judgments.Where(later => later.SupersedesId == j.Id).Select(later => (long?)later.Id).FirstOrDefault(),
                Prompt = new LogPrompt(j.Comparison.PromptId, j.Comparison.Prompt!.Text, j.Comparison.Prompt.Split, j.Comparison.Prompt.Messages),
                Responses = j.Comparison.Responses
                    .OrderBy(r => r.Position)
                    .Select(r => new LogResponse
                    {
                        Position = r.Position,
                        Id = r.ResponseId,
                        Text = r.Response!.Text,
                        TokenIds = r.Response.TokenIds,
                        PromptTokenIds = r.Response.PromptTokenIds,
                        LogProbability = r.Response.LogProbability,
                        Policy = r.Response.Policy == null ? r.Response.SourcePolicy : r.Response.Policy.Hash,
                        PolicyNumber = r.Response.Policy == null ? r.Response.SourcePolicyNumber : r.Response.Policy.Number,
                        Temperature = r.Response.Sampling.Temperature,
                        TopP = r.Response.Sampling.TopP,
                        TopK = r.Response.Sampling.TopK,
                        MaxTokens = r.Response.Sampling.MaxTokens,
                        Seed = r.Response.Seed,
                        FinishReason = r.Response.FinishReason,
                        Author = r.Response.Author == null ? null : r.Response.Author.Pseudonym,
                        EditedFrom = r.Response.EditedFromId,
                        CreatedAt = r.Response.CreatedAt,
                    })
                    .ToList(),
            } });
        await foreach (var row in lines.AsAsyncEnumerable().WithCancellation(cancellation))
        {
            yield return row.Source?.Log is { } ids ? row.Line.WithIds(ids) : row.Line;
        }
    }
}

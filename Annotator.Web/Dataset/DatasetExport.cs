using System.Runtime.CompilerServices;
using Annotator.Model.Preferences;
using Annotator.Web.Data;
using Annotator.Web.Languages;
using Annotator.Web.Rounds;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Localization;

namespace Annotator.Web.Dataset;

/// <summary>
/// A study's judgments as datasets. Each export is one query read row by row: one moment's truth, in flat memory however
/// many rows there are.
/// </summary>
public sealed partial class DatasetExport(IDbContextFactory<AnnotatorDbContext> contexts, IStringLocalizer<Words> words)
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
        return await CountAsync(studyId, cancellation);
    }

    internal async Task<DatasetCounts> CountAsync(long studyId, CancellationToken cancellation)
    {
        await using var db = await contexts.CreateDbContextAsync(cancellation);
        var (current, pairs) = (new SelectionCounts(), 0);
        await foreach (var judged in RoundSnapshot.Judged(db, studyId, after: 0, withTokens: false, cancellation: cancellation))
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

    private async IAsyncEnumerable<TrlLine> Pairs(long studyId, [EnumeratorCancellation] CancellationToken cancellation = default)
    {
        await using var db = await contexts.CreateDbContextAsync(cancellation);
        await foreach (var judged in RoundSnapshot.Judged(db, studyId, after: 0, withTokens: false, cancellation: cancellation))
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
        await foreach (var judged in RoundSnapshot.Judged(db, studyId, after: 0, withTokens: true, cancellation: cancellation))
        {
            if (judged.Ranking is not null && RoundSelection.ReasonToLeaveOut(judged) is null or LeftOut.Tie)
            {
                yield return RoundSelection.ExportLine(judged, studyId);
            }
        }
    }

    /// <summary>As <see cref="RoundSnapshot.Judged"/>: two queries side by side, of judgments and of their responses.</summary>
    private async IAsyncEnumerable<JudgmentLogLine> Lines(long studyId, [EnumeratorCancellation] CancellationToken cancellation = default)
    {
        await using var db = await contexts.CreateDbContextAsync(cancellation);
        await using var moment = await db.ReadOneMomentAsync(cancellation);
        var judgments = db.Judgments.AsNoTracking().Where(j => j.StudyId == studyId);
        var rows = judgments.OrderBy(j => j.Id).Select(j => new
        {
            j.Id,
            j.Source,
            Line = new JudgmentLogLine
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
                SupersededBy = j.IsSuperseded ? db.Judgments.Where(later => later.SupersedesId == j.Id).Select(later => (long?)later.Id).FirstOrDefault() : null,
                Prompt = new LogPrompt(j.Comparison.PromptId, j.Comparison.Prompt!.Text, j.Comparison.Prompt.Split, j.Comparison.Prompt.Messages),
                Responses = Array.Empty<LogResponse>(),
            },
        });
        var responses = judgments
            .SelectMany(j => j.Comparison!.Responses, (j, r) => new
            {
                j.Id,
                r.Position,
                Response = new LogResponse
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
                },
            })
            .OrderBy(row => row.Id).ThenBy(row => row.Position);
        await foreach (var (row, own) in rows.AsAsyncEnumerable().WithPartsAsync(row => row.Id, responses.AsAsyncEnumerable(), response => response.Id, response => response.Response, cancellation))
        {
            var line = row.Line with { Responses = own };
            yield return row.Source?.Log is { } ids ? line.WithIds(ids) : line;
        }
    }
}

using System.Runtime.CompilerServices;
using Annotator.Model.Preferences;
using Annotator.Model.Preferences.Datasets;
using Annotator.Web.Data;
using Annotator.Web.Rounds;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Web.Dataset;

/// <content>The exports as files.</content>
public sealed partial class DatasetExport
{
    private const int LinesAhead = 256;

    /// <summary>Streams a file; the stream stays open.</summary>
    /// <returns>How many lines or rows it has.</returns>
    /// <exception cref="NotAllowedException">Neither an admin nor a viewer.</exception>
    /// <exception cref="RefusedException">The study's judgments can't be put into such a file.</exception>
    public async Task<long> WriteAsync(CurrentPerson who, long studyId, DatasetFile file, Stream stream, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(file);
        who.RequireViewer();
        return (file.Format, file.Ending) switch
        {
            ("trl", "jsonl") => await LinesAsync(stream, Pairs(studyId, cancellation), cancellation),
            ("trl", "csv") => await CsvTable.WriteAsync(stream, TrlColumns.OfAny, Pairs(studyId, cancellation), cancellation),
            ("trl", "parquet") => await ParquetTable.WriteAsync(stream, await ColumnsAsync(studyId, cancellation), Pairs(studyId, cancellation), cancellation),
            ("ranking", _) => await LinesAsync(stream, RankingLines(studyId, cancellation), cancellation),
            ("log", "jsonl") => await LinesAsync(stream, Lines(studyId, cancellation), cancellation),
            ("log", "csv") => await CsvTable.WriteAsync(stream, LogColumns.All, Lines(studyId, cancellation), cancellation),
            ("log", "parquet") => await ParquetTable.WriteAsync(stream, LogColumns.All, Lines(studyId, cancellation), cancellation),
            _ => await TextAsync(stream, DatasetFormats.Find(file.Format) ?? throw new ArgumentException($"There is no format {file.Format}.", nameof(file)), studyId, cancellation),
        };
    }

    /// <summary>Why the study's judgments can't be put into such a file, before anything of it is written; null if they can.</summary>
    public async Task<string?> ProblemAsync(CurrentPerson who, long studyId, DatasetFile file, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(file);
        who.RequireViewer();
        try
        {
            _ = file == new DatasetFile("trl", "parquet") ? await ColumnsAsync(studyId, cancellation) : null;
            return null;
        }
        catch (RefusedException e)
        {
            return e.Message;
        }
    }

    /// <summary>A judgment with all that any format has a place for.</summary>
    private async IAsyncEnumerable<DatasetRow> Rows(long studyId, [EnumeratorCancellation] CancellationToken cancellation = default)
    {
        await using var db = await contexts.CreateDbContextAsync(cancellation);
        var people = await db.Users.AsNoTracking().ToDictionaryAsync(p => p.Id, p => p.Pseudonym, cancellation);
        var policies = await db.Policies.AsNoTracking().Where(p => p.StudyId == studyId).GroupBy(p => p.Hash)
            .Select(same => new { Hash = same.Key, Number = same.Min(p => p.Number) }).ToDictionaryAsync(p => p.Hash, p => $"policy-{p.Number}", cancellation);
        await foreach (var judged in RoundSnapshot.Judged(db, studyId, after: 0, withTokens: false, cancellation: cancellation))
        {
            if (RoundSelection.ReasonToLeaveOut(judged) is not (null or LeftOut.Tie or LeftOut.BothBad))
            {
                continue;
            }

            yield return new()
            {
                Id = $"{judged.ComparisonId}/{judged.JudgmentId}",
                PromptId = $"{judged.PromptId}",
                Prompt = judged.PromptAsAsked,
                Completions = [.. judged.Responses.Select(response => new PreferenceCompletion
                {
                    Text = response.Text, Author = response.Author, Policy = response.PolicyHash is { } hash ? policies.GetValueOrDefault(hash, hash) : null,
                })],
                Ranking = judged.Ranking is { } tiers ? new Ranking(tiers) : null,
                Margin = judged.Source?.Margin ?? judged.Strength,
                Split = RoundSelection.IsForEvaluation(judged.Prompt, studyId) ? PreferenceSplit.Eval : PreferenceSplit.Train,
                Annotator = people[judged.AnnotatorId!],
                At = judged.CreatedAt,
                Comment = judged.Comment,
            };
        }
    }

    private async Task<long> TextAsync(Stream stream, IDatasetFormat format, long studyId, CancellationToken cancellation)
    {
        await using var writer = new StreamWriter(stream, leaveOpen: true) { NewLine = "\n" };
        var count = 0L;
        await foreach (var row in Rows(studyId, cancellation))
        {
            // Of a row that a reader would refuse, such as an empty answer, nothing could be learnt.
            foreach (var line in row.Problem() is null ? format.Write(row) : [])
            {
                await writer.WriteLineAsync(line.AsMemory(), cancellation);
                count++;
            }
        }

        return count;
    }

    private static async Task<long> LinesAsync<T>(Stream stream, IAsyncEnumerable<T> lines, CancellationToken cancellation)
    {
        var count = 0L;
        await JsonLines.WriteAsync(stream, lines.ReadAheadAsync(LinesAhead, cancellation).Select(line =>
        {
            count++;
            return line;
        }), cancellation);
        return count;
    }

    /// <summary>A column of Parquet has one type.</summary>
    private async Task<IReadOnlyList<TableColumn<TrlLine>>> ColumnsAsync(long studyId, CancellationToken cancellation)
    {
        await using var db = await contexts.CreateDbContextAsync(cancellation);
        var judged = db.Judgments.Where(j => j.StudyId == studyId);
        var chats = await judged.AnyAsync(j => j.Comparison!.Prompt!.Messages != null, cancellation);
        if (chats && await judged.AnyAsync(j => j.Comparison!.Prompt!.Messages == null, cancellation))
        {
            throw new RefusedException(words["This study has texts and chats among its prompts, and a column of Parquet holds one or the other: take trl.jsonl."]);
        }

        return chats ? TrlColumns.OfChats : TrlColumns.OfTexts;
    }
}

using System.Runtime.CompilerServices;
using Annotator.Model.Preferences.Datasets;
using Annotator.Web.Data;
using Annotator.Web.Languages;
using Annotator.Web.Rounds;
using Microsoft.Extensions.Localization;

namespace Annotator.Web.Dataset.Importing;

/// <summary>
/// One reading of a file against what a study has. The same file gives the same lines each time, so that what was looked
/// at is what is stored. Memory grows by some dozens of bytes a line (to tell repeated ones), never with their texts.
/// </summary>
/// <param name="tooLong">The rows, counted from 0, that do not fit the policy's context; null if that is not known.</param>
internal sealed class ImportReading(Upload upload, ImportRequest request, KnownJudgments known, IReadOnlySet<int>? tooLong, DateTime now, IStringLocalizer<Words> words)
{
    private const int Shown = 5;

    private readonly LineGroups refused = new(), groups = new();
    private readonly LogConsistency log = new(words);
    private readonly HashSet<UInt128> contents = [];
    private readonly Dictionary<UInt128, PromptSplit> prompts = [];
    private readonly HashSet<string> annotators = new(StringComparer.Ordinal);
    private readonly List<JudgmentLogLine> first = [];
    private readonly HashSet<long> judgmentIds = [], comparisonIds = [], responseIds = [];
    private bool idsAreTaken;
    private int records, rows, taken, preferences, heldOut;

    /// <summary>Comparisons and judgments of a log that the study has already, by the log's ids.</summary>
    public Dictionary<long, long> KnownComparisons { get; } = [];
    public Dictionary<long, long> KnownIds { get; } = [];

    /// <summary>The lines that are taken, in the file's order. Read them to the end before asking for the <see cref="Report"/>.</summary>
    /// <exception cref="DatasetFileException">The file as a whole can't be read.</exception>
    public async IAsyncEnumerable<ImportedLine> TakenAsync([EnumeratorCancellation] CancellationToken cancellation = default)
    {
        await foreach (var line in LinesAsync(cancellation))
        {
            if (Takes(line))
            {
                Count(line);
                yield return line;
            }
        }
    }

    public ImportReport Report() => new()
    {
        Records = records,
        Judgments = taken,
        Preferences = preferences,
        Refused = refused.All,
        Repeated = groups.Of(nameof(ImportReport.Repeated)),
        Known = groups.Of(nameof(ImportReport.Known)),
        TooLong = tooLong is null ? null : groups.Of(nameof(ImportReport.TooLong)),
        HeldOut = heldOut,
        NewPrompts = prompts.Keys.Count(key => !known.Prompts.ContainsKey(key)),
        Annotators = annotators.Count,
        KeepsIds = request.Format == ImportRequest.LogFormat && !idsAreTaken
            && !judgmentIds.Overlaps(known.Logged.Keys) && !comparisonIds.Overlaps(known.Comparisons) && !responseIds.Overlaps(known.Responses),
        Fault = request.Format == ImportRequest.LogFormat ? log.Missing() : null,
        First = first,
    };

    /// <summary>Every judgment that can be read, refused records aside.</summary>
    internal async IAsyncEnumerable<ImportedLine> LinesAsync([EnumeratorCancellation] CancellationToken cancellation = default)
    {
        var format = DatasetFormats.Find(request.Format);
        await using var file = upload.Open();
        await foreach (var record in Records.ReadAsync(file, request.Kind, cancellation))
        {
            records++;
            if (record.Refusal is { } unreadable)
            {
                refused.Add(unreadable, record.Line);
            }
            else if (format is null)
            {
                var (line, refusal) = LogLines.Read(record.Json!, request.Kind, words);
                if (line is null)
                {
                    refused.Add(refusal!, record.Line);
                }
                else
                {
                    yield return ImportedLine.From(record.Line, line);
                }
            }
            else
            {
                var reading = format.Read(record.Json!);
                if (reading.Refusal is { } refusal)
                {
                    refused.Add(refusal, record.Line);
                }

                foreach (var row in reading.Rows)
                {
                    yield return ImportedLine.From(record.Line, row, now);
                }
            }
        }
    }

    private bool Takes(ImportedLine line)
    {
        var row = rows++;
        if (IsKnown(line))
        {
            groups.Add(nameof(ImportReport.Known), line.Line);
            if (request.SkipKnown || line.IsOfLog)
            {
                return false;
            }
        }

        if (line.IsOfLog && log.Problem(line.Judgment, line.Line) is { } problem)
        {
            refused.Add(problem, line.Line);
            return false;
        }

        if (tooLong?.Contains(row) == true)
        {
            groups.Add(nameof(ImportReport.TooLong), line.Line);
            // A log is taken whole or not at all: its lines hold one another.
            return !request.SkipTooLong || line.IsOfLog;
        }

        return true;
    }

    private bool IsKnown(ImportedLine line)
    {
        if (!line.IsOfLog)
        {
            return known.Contents.Contains(line.Content);
        }

        var judgment = line.Judgment;
        if (!known.Logged.TryGetValue(judgment.Id, out var there) || there.CreatedAt != judgment.CreatedAt || there.Annotator != judgment.Annotator)
        {
            return false;
        }

        log.PassKnown(judgment);
        KnownIds[judgment.Id] = there.Id;
        KnownComparisons[judgment.Comparison] = there.ComparisonId;
        return true;
    }

    private void Count(ImportedLine line)
    {
        taken++;
        var judgment = line.Judgment;
        if (!line.IsOfLog && !contents.Add(line.Content))
        {
            groups.Add(nameof(ImportReport.Repeated), line.Line);
        }

        annotators.Add(judgment.Annotator);
        var key = ImportedLine.PromptKey(judgment.Prompt.Text, judgment.Prompt.Messages);
        var split = known.Prompts.TryGetValue(key, out var there) ? there.Split : prompts.GetValueOrDefault(key, judgment.Prompt.Split);
        prompts.TryAdd(key, split);
        heldOut += split == PromptSplit.Heldout ? 1 : 0;
        preferences += judgment.SupersededBy is null && IsPreference(line, split) ? 1 : 0;
        if (line.IsOfLog)
        {
            judgmentIds.Add(judgment.Id);
            responseIds.UnionWith(judgment.Responses.Select(response => response.Id));
            if (!KnownComparisons.ContainsKey(judgment.Comparison))
            {
                comparisonIds.Add(judgment.Comparison);
            }

            idsAreTaken |= known.PromptIds.TryGetValue(judgment.Prompt.Id, out var other) && other != key;
        }

        if (first.Count < Shown)
        {
            first.Add(judgment);
        }
    }

    /// <summary>By the one rule that rounds follow.</summary>
    private static bool IsPreference(ImportedLine line, PromptSplit split) => RoundSelection.ReasonToLeaveOut(new()
    {
        JudgmentId = 0, ComparisonId = 0, Origin = line.Judgment.Origin, Verdict = line.Judgment.Verdict, Ranking = line.Judgment.Ranking, Purpose = line.Judgment.Purpose,
        Prompt = line.Judgment.Prompt.Text, PromptSplit = split, Responses = [.. line.Judgment.Responses.Select(response => new JudgedResponse(response.Text, null, null, null))],
    }) is null;
}

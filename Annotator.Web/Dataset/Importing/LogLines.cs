using System.Text.Json;
using Annotator.Model.Preferences;
using Annotator.Model.Preferences.Datasets;
using Annotator.Web.Data;
using Annotator.Web.Languages;
using Microsoft.Extensions.Localization;

namespace Annotator.Web.Dataset.Importing;

/// <summary>Reads lines of the <c>log</c> format. Pure.</summary>
internal static class LogLines
{
    private const int LongestName = 200;

    /// <summary>New rows get ids above those of a log: there must be room for them.</summary>
    private const long LargestId = 1_000_000_000;

    /// <summary>Whether a file that begins with this object is a log.</summary>
    public static bool Recognises(string json)
    {
        try
        {
            using var document = JsonDocument.Parse(json);
            return document.RootElement is { ValueKind: JsonValueKind.Object } root && root.TryGetProperty("comparison", out _) && root.TryGetProperty("verdict", out _);
        }
        catch (JsonException)
        {
            return false;
        }
    }

    /// <summary>The line, or why it is refused; exactly one is not null.</summary>
    public static (JudgmentLogLine? Line, string? Refusal) Read(string json, RecordKind kind, IStringLocalizer<Words> words)
    {
        try
        {
            var line = JsonSerializer.Deserialize<JudgmentLogLine>(kind is RecordKind.JsonLines or RecordKind.PlainLines ? json : LogColumns.Line(json), JsonLines.Spelling);
            return line is null ? (null, words["It must be a JSON object; it is null."]) : Problem(line, words) is { } problem ? (null, problem) : (line, null);
        }
        catch (JsonException e)
        {
            return (null, words["It is no line of a log: {0}", e.Message.Split(" Path: ")[0].Split(" LineNumber: ")[0]]);
        }
    }

    /// <summary>What contradicts itself within one line.</summary>
    private static string? Problem(JudgmentLogLine line, IStringLocalizer<Words> words)
    {
        var positions = Enumerable.Range(0, line.Responses.Count).ToList();
        return true switch
        {
            _ when line.Responses.Count < 2 => words["There must be at least two responses."],
            _ when !line.Responses.Select(response => response.Position).SequenceEqual(positions) => words["The responses must stand in the order of their positions, from 0."],
            _ when Ids(line).Any(id => id is < 1 or > LargestId) => words["An id must be from 1 to {0:N0}.", LargestId],
            _ when line.Annotator.Length is 0 or > LongestName || line.Responses.Any(response => response.Author is { Length: 0 or > LongestName }) => words["A pseudonym must have 1 to {0} characters.", LongestName],
            _ when (line.Verdict == Verdict.Ranked) != (line.Ranking is not null) => words["A ranking goes with the verdict ranked, and with no other."],
            _ when line.Ranking is { } ranking && RankingProblem(ranking, positions.Count, words) is { } problem => problem,
            _ when line.GoldRanking is { } gold && RankingProblem(gold, positions.Count, words) is { } problem => problem,
            _ when !line.SidesShown.Order().SequenceEqual(positions) => words["The sides shown must name each position once."],
            _ when line.Flags is { } flags && flags.Count != positions.Count => words["There must be as many flags as responses."],
            _ when line.Strength is not (null or >= 1 and <= 3) => words["The strength must be 1, 2 or 3."],
            _ when !double.IsFinite(line.Seconds) || line.Seconds < 0 => words["The seconds must be a number from 0 on."],
            _ when line.CreatedAt.Kind != DateTimeKind.Utc || line.Responses.Any(response => response.CreatedAt.Kind != DateTimeKind.Utc) => words["Times must be UTC, with a Z at their end."],
            _ => null,
        };
    }

    private static IEnumerable<long?> Ids(JudgmentLogLine line) =>
        [line.Id, line.Comparison, line.Prompt.Id, line.GivenWith, line.Supersedes, line.SupersededBy, .. line.Responses.SelectMany(response => new[] { response.Id, response.EditedFrom })];

    private static string? RankingProblem(int[][] tiers, int count, IStringLocalizer<Words> words)
    {
        try
        {
            return new Ranking(tiers).Tiers.SelectMany(tier => tier).Max() < count ? null : words["The ranking names a position that is not there."].Value;
        }
        catch (ArgumentException e)
        {
            return e.Message.Split(" (Parameter")[0];
        }
    }
}

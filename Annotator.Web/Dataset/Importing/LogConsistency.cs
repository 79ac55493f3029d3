using Annotator.Model.Preferences;
using Annotator.Web.Data;
using Annotator.Web.Languages;
using Microsoft.Extensions.Localization;

namespace Annotator.Web.Dataset.Importing;

/// <summary>
/// Holds the lines of a log against one another, as they come: ids that are given once, revisions of what is there,
/// comparisons that stay the same. What passes can be stored without breaking a rule of the database.
/// </summary>
internal sealed class LogConsistency(IStringLocalizer<Words> words)
{
    private readonly HashSet<long> ids = [];
    private readonly HashSet<(long Comparison, string Annotator, JudgmentOrigin Origin)> current = [];
    private readonly Dictionary<long, (long Earlier, int Line)> awaited = [];
    private readonly Dictionary<long, UInt128> comparisons = [], responses = [];

    /// <summary>Ids of lines that the study has already: they are left out, and a new line may not replace them.</summary>
    private readonly HashSet<long> known = [];

    public void PassKnown(JudgmentLogLine line)
    {
        ids.Add(line.Id);
        known.Add(line.Id);
    }

    /// <summary>Why the line contradicts earlier ones; null if it does not, and then it counts as an earlier one.</summary>
    public string? Problem(JudgmentLogLine line, int number)
    {
        string? problem = true switch
        {
            _ when ids.Contains(line.Id) => words["An earlier line has the same id."].Value,
            _ when line.Supersedes is { } earlier && known.Contains(earlier) => words["It supersedes a judgment that the study has already."],
            _ when line.Supersedes is { } earlier && !(awaited.TryGetValue(line.Id, out var expected) && expected.Earlier == earlier) => words["It supersedes a judgment that is not in the file before it, or that says otherwise."],
            _ when line.Supersedes is null && awaited.ContainsKey(line.Id) => words["An earlier line says that it is superseded by this one, which says otherwise."],
            _ when line.SupersededBy is { } later && (ids.Contains(later) || awaited.ContainsKey(later)) => words["It is superseded by a judgment that comes before it, or that supersedes another."],
            _ when line.GivenWith is { } with && !ids.Contains(with) => words["It was given with a judgment that is not in the file before it."],
            _ when line.SupersededBy is null && current.Contains((line.Comparison, line.Annotator, line.Origin)) => words["The annotator has another current judgment on this comparison."],
            _ when Differs(comparisons, line.Comparison, Key(line)) => words["The comparison is another one than in an earlier line."],
            _ when line.Responses.Any(response => Differs(responses, response.Id, Key(response))) => words["A response is another one than in an earlier line."],
            _ => null,
        };
        if (problem is null)
        {
            Remember(line, number);
        }

        return problem;
    }

    /// <summary>What is missing at the end of the file; null if nothing is.</summary>
    public string? Missing() => awaited.Count == 0 ? null
        : words["The log is not whole: line {0} is superseded by a judgment that is not in it. Nothing of it can be imported.", awaited.Values.Min(one => one.Line)].Value;

    private void Remember(JudgmentLogLine line, int number)
    {
        ids.Add(line.Id);
        awaited.Remove(line.Id);
        if (line.SupersededBy is { } later)
        {
            awaited.Add(later, (line.Id, number));
        }
        else
        {
            current.Add((line.Comparison, line.Annotator, line.Origin));
        }

        comparisons.TryAdd(line.Comparison, Key(line));
        foreach (var response in line.Responses)
        {
            responses.TryAdd(response.Id, Key(response));
        }
    }

    private static bool Differs(Dictionary<long, UInt128> seen, long id, UInt128 key) => seen.TryGetValue(id, out var earlier) && earlier != key;

    private static UInt128 Key(JudgmentLogLine line) =>
        ImportedLine.Hash($"{line.Purpose} {JsonLines.Format(line.Prompt)} {JsonLines.Format(line.GoldRanking ?? [])} {string.Join(' ', line.Responses.Select(response => response.Id))}");

    private static UInt128 Key(LogResponse response) => ImportedLine.Hash(JsonLines.Format(response with { Position = 0 }));
}

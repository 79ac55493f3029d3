using System.Text.Json;
using System.Text.Json.Nodes;
using Annotator.Model.Preferences;
using Annotator.Model.Preferences.Datasets;

namespace Annotator.Web.Dataset;

/// <summary>The <c>log</c> as a table: a column for each field of a line; a field of several parts is its JSON.</summary>
public static class LogColumns
{
    public static IReadOnlyList<TableColumn<JudgmentLogLine>> All { get; } =
    [
        new("id", ColumnType.Whole, line => line.Id),
        new("comparison", ColumnType.Whole, line => line.Comparison),
        new("purpose", ColumnType.Text, line => Word(line.Purpose)),
        new("annotator", ColumnType.Text, line => line.Annotator),
        new("created_at", ColumnType.Time, line => line.CreatedAt),
        new("origin", ColumnType.Text, line => Word(line.Origin)),
        new("given_with", ColumnType.Whole, line => line.GivenWith),
        new("verdict", ColumnType.Text, line => Word(line.Verdict)),
        new("ranking", ColumnType.Text, line => Json(line.Ranking)),
        new("strength", ColumnType.Whole, line => (long?)line.Strength),
        new("skip_reason", ColumnType.Text, line => line.SkipReason is { } reason ? Word(reason) : null),
        new("comment", ColumnType.Text, line => line.Comment),
        new("reasons", ColumnType.Text, line => Json(line.Reasons)),
        new("flags", ColumnType.Text, line => Json(line.Flags)),
        new("order_untouched", ColumnType.Flag, line => line.OrderUntouched),
        new("gold_ranking", ColumnType.Text, line => Json(line.GoldRanking)),
        new("gold_correct", ColumnType.Flag, line => line.GoldCorrect),
        new("sides_shown", ColumnType.Text, line => Json(line.SidesShown)),
        new("seconds", ColumnType.Number, line => line.Seconds),
        new("guidelines_version", ColumnType.Whole, line => (long)line.GuidelinesVersion),
        new("supersedes", ColumnType.Whole, line => line.Supersedes),
        new("superseded_by", ColumnType.Whole, line => line.SupersededBy),
        new("prompt", ColumnType.Text, line => Json(line.Prompt)),
        new("responses", ColumnType.Text, line => Json(line.Responses)),
    ];

    private static readonly HashSet<string> Parts = ["ranking", "reasons", "flags", "gold_ranking", "sides_shown", "prompt", "responses"];

    private static readonly HashSet<string> Texts =
        [.. All.Where(column => column.Type is ColumnType.Text or ColumnType.Time).Select(column => column.Name).Except(Parts)];

    /// <summary>A table's row as the line of a <c>log</c>: cells of text become what their columns hold.</summary>
    /// <exception cref="JsonException">A cell is not what its column holds.</exception>
    public static string Line(string row)
    {
        var line = JsonNode.Parse(row) as JsonObject ?? throw new JsonException("It must be a JSON object.");
        foreach (var (name, value) in line.ToList())
        {
            if (!Texts.Contains(name) && value is JsonValue cell && cell.TryGetValue<string>(out var text))
            {
                line[name] = JsonNode.Parse(text);
            }
        }

        return line.ToJsonString(JsonLines.Spelling);
    }

    private static string Word<T>(T value)
        where T : struct, Enum => JsonNamingPolicy.SnakeCaseLower.ConvertName(value.ToString());

    private static string? Json<T>(T? value) => value is null ? null : JsonLines.Format(value);
}

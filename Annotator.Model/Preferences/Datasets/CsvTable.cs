using System.Buffers;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;

namespace Annotator.Model.Preferences.Datasets;

/// <summary>
/// Tables as CSV (RFC 4180), for spreadsheets, which take a cell that begins with <c>= + - @</c> for a formula: such a text is
/// written with an apostrophe in front, which reading takes away again. Read with commas, semicolons or tabs between cells.
/// </summary>
public static class CsvTable
{
    /// <summary>Streams a table with its heading; the stream stays open.</summary>
    /// <returns>How many rows were written, the heading aside.</returns>
    public static async Task<long> WriteAsync<T>(
        Stream stream, IReadOnlyList<TableColumn<T>> columns, IAsyncEnumerable<T> rows, CancellationToken cancellation = default)
    {
        // With its mark Excel takes it for what it is.
        await using var writer = new StreamWriter(stream, new UTF8Encoding(encoderShouldEmitUTF8Identifier: true), leaveOpen: true) { NewLine = "\r\n" };
        await writer.WriteLineAsync(string.Join(',', columns.Select(column => Quoted(column.Name))).AsMemory(), cancellation);
        var count = 0L;
        await foreach (var row in rows.WithCancellation(cancellation))
        {
            await writer.WriteLineAsync(string.Join(',', columns.Select(column => Cell(column.Value(row)))).AsMemory(), cancellation);
            count++;
        }
        return count;
    }

    /// <summary>Each row as a JSON object. An empty cell is left out; one that holds a list or an object in JSON is that, any other is a text, or a number where it is spelled as one in a column of numbers.</summary>
    /// <exception cref="DatasetFileException">No heading, or not UTF-8.</exception>
    internal static async IAsyncEnumerable<Record> ReadAsync(Stream file, [EnumeratorCancellation] CancellationToken cancellation)
    {
        using var cells = new CsvCells(file);
        var heading = await cells.NextAsync(cancellation) ?? throw new DatasetFileException("The file is empty: a table begins with the names of its columns.");
        if (heading.Refusal is { } fault)
            throw new DatasetFileException($"The heading can't be read: {fault}");
        if (heading.Cells.Distinct().Count() < heading.Cells.Count)
            throw new DatasetFileException("The heading names a column twice.");
        while (await cells.NextAsync(cancellation) is { } row)
        {
            if (row.Refusal is null && row.Cells is [""])
                continue;
            yield return row.Refusal is { } refusal ? new(row.Line, null, refusal)
                : row.Cells.Count != heading.Cells.Count ? new(row.Line, null, $"It has {row.Cells.Count} cells, but the heading has {heading.Cells.Count}.")
                : new(row.Line, Json(heading.Cells, row.Cells), null);
        }
    }

    /// <summary>A text that a spreadsheet would take for a formula, or that looks like one of ours, gets an apostrophe in front.</summary>
    internal static string Defused(string text) => IsDangerous(text.AsSpan().TrimStart('\'')) ? $"'{text}" : text;

    /// <summary>The inverse of <see cref="Defused"/>.</summary>
    internal static string Armed(string cell) => cell.StartsWith('\'') && IsDangerous(cell.AsSpan().TrimStart('\'')) ? cell[1..] : cell;

    private static bool IsDangerous(ReadOnlySpan<char> text) => text is ['=' or '+' or '-' or '@' or '\t' or '\r', ..];

    private static string Cell(object? value) => value switch
    {
        null => "",
        string text => Quoted(Defused(text)),
        bool flag => flag ? "true" : "false",
        DateTime time => time.ToString("O", CultureInfo.InvariantCulture),
        IEnumerable<ChatMessage> messages => Quoted(JsonSerializer.Serialize(messages, JsonLines.Spelling)),
        IFormattable number => number.ToString(null, CultureInfo.InvariantCulture),
        _ => throw new ArgumentException($"A cell can't hold a {value.GetType().Name}.", nameof(value)),
    };

    private static readonly SearchValues<char> ToBeQuoted = SearchValues.Create("\",;\t\r\n");

    /// <summary>An empty text is quoted, which tells it from nothing to those who look.</summary>
    private static string Quoted(string text) =>
        text.Length == 0 || text.AsSpan().ContainsAny(ToBeQuoted) || text[0] == ' ' || text[^1] == ' ' ? $"\"{text.Replace("\"", "\"\"", StringComparison.Ordinal)}\"" : text;

    /// <summary>The columns that are read as numbers or flags; texts everywhere else, be they "1" or "true".</summary>
    private static readonly HashSet<string> Typed =
        ["margin", "score_chosen", "score_rejected", "weight", "choice", "label", "turn", "tstamp", "priority"];

    private static string Json(IReadOnlyList<string> names, IReadOnlyList<string> cells) => DatasetJson.Line(json =>
    {
        foreach (var (name, cell) in names.Zip(cells).Where(pair => pair.Second.Length > 0))
        {
            json.WritePropertyName(name);
            if (Typed.Contains(name) && (double.TryParse(cell, NumberStyles.Float, CultureInfo.InvariantCulture, out _) || cell is "true" or "false") && IsJson(cell))
                json.WriteRawValue(cell);
            else if (cell[0] is '[' or '{' && IsJson(cell))
                json.WriteRawValue(cell);
            else
                json.WriteStringValue(Armed(cell));
        }
    });

    private static bool IsJson(string cell)
    {
        try
        {
            using var document = JsonDocument.Parse(cell);
            return true;
        }
        catch (JsonException)
        {
            return false;
        }
    }
}

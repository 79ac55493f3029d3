using System.Text.Json;

namespace Annotator.Model.Preferences;

/// <summary>
/// A JSONL file of preferences to learn from: lines of a round's <c>preferences.jsonl</c>, or of the <c>trl</c> dataset
/// (<c>prompt</c>, <c>chosen</c>, <c>rejected</c>).
/// </summary>
public static class PreferenceFile
{
    /// <summary>The lines with their numbers, from 1; empty ones are passed over.</summary>
    /// <exception cref="JsonLineException">A line is of neither kind.</exception>
    public static IEnumerable<(int Number, PreferenceLine Line)> ReadNumbered(string path)
    {
        var number = 0;
        foreach (var line in File.ReadLines(path))
        {
            number++;
            if (!string.IsNullOrWhiteSpace(line))
                yield return (number, IsTrl(line) ? Of(JsonLines.Parse<TrlLine>(line, path, number), number) : JsonLines.Parse<PreferenceLine>(line, path, number));
        }
    }

    private static bool IsTrl(string line)
    {
        try
        {
            using var json = JsonDocument.Parse(line);
            return json.RootElement.ValueKind == JsonValueKind.Object && json.RootElement.TryGetProperty("chosen", out _);
        }
        catch (JsonException)
        {
            return false;                                                                         // the reader of the line says what is wrong with it
        }
    }

    private static PreferenceLine Of(TrlLine line, int number) => new()
    {
        Id = $"line {number}",
        Prompt = line.Prompt,
        Completions = [new() { Text = TextOf(line.Chosen) }, new() { Text = TextOf(line.Rejected) }],
        Ranking = Ranking.Prefer(0, 1),
    };

    /// <summary>In a chat a side holds the assistant's turn only.</summary>
    private static string TextOf(TextOrMessages side) => side.Text ?? string.Concat(side.Messages!.Select(message => message.Content));
}

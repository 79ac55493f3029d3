using System.Globalization;
using System.Text;
using Annotator.Model.Preferences;

namespace Annotator.Web.Rounds;

/// <summary>Finds one judgment in a round's <c>preferences.jsonl</c> without reading the file: its lines stand in the order of the judgments' ids.</summary>
public static class SnapshotSearch
{
    private const int HeadLength = 64;

    /// <summary>The part of the round's data that the judgment is in; null if it is in none, or the file is not there.</summary>
    public static PreferenceSplit? Find(string path, long comparisonId, long judgmentId)
    {
        if (!File.Exists(path))
        {
            return null;
        }

        using var file = File.OpenRead(path);
        // Somewhere in [low, high) begins the line, if it is there at all.
        var (low, high) = (0L, file.Length);
        while (low < high)
        {
            var start = StartOfLine(file, low + ((high - low) / 2), low);
            if (Ids(file, start) is not { } ids)
            {
                return null;
            }

            if (ids.Judgment == judgmentId)
            {
                return ids.Comparison == comparisonId ? JsonLines.Parse<PreferenceLine>(LineAt(file, start), path, 0).Split : null;
            }

            (low, high) = ids.Judgment < judgmentId ? (start + LineLength(file, start), high) : (low, start);
        }

        return null;
    }

    /// <summary>Where the line that holds this byte begins; not before <paramref name="least"/>, where one does.</summary>
    private static long StartOfLine(FileStream file, long at, long least)
    {
        var buffer = new byte[4096];
        while (at > least)
        {
            var from = Math.Max(least, at - buffer.Length);
            file.Position = from;
            var read = file.ReadAtLeast(buffer.AsSpan(0, (int)(at - from)), (int)(at - from));
            var newline = buffer.AsSpan(0, read).LastIndexOf((byte)'\n');
            if (newline >= 0)
            {
                return from + newline + 1;
            }

            at = from;
        }

        return least;
    }

    /// <summary>The two numbers of <c>{"id":"comparison/judgment"</c>.</summary>
    private static (long Comparison, long Judgment)? Ids(FileStream file, long start)
    {
        var head = new byte[HeadLength];
        file.Position = start;
        var text = Encoding.UTF8.GetString(head, 0, file.ReadAtLeast(head, HeadLength, throwOnEndOfStream: false));
        const string before = "{\"id\":\"";
        var (slash, quote) = (text.IndexOf('/'), text.IndexOf('"', before.Length + 1));
        return text.StartsWith(before, StringComparison.Ordinal) && slash > 0 && quote > slash
            && long.TryParse(text.AsSpan(before.Length, slash - before.Length), CultureInfo.InvariantCulture, out var comparison)
            && long.TryParse(text.AsSpan(slash + 1, quote - slash - 1), CultureInfo.InvariantCulture, out var judgment)
            ? (comparison, judgment)
            : null;
    }

    private static long LineLength(FileStream file, long start)
    {
        var buffer = new byte[4096];
        file.Position = start;
        for (var length = 0L; ;)
        {
            var read = file.Read(buffer);
            var newline = buffer.AsSpan(0, read).IndexOf((byte)'\n');
            if (read == 0 || newline >= 0)
            {
                return length + newline + 1;
            }

            length += read;
        }
    }

    private static string LineAt(FileStream file, long start)
    {
        var line = new byte[LineLength(file, start)];
        file.Position = start;
        file.ReadExactly(line);
        return Encoding.UTF8.GetString(line).TrimEnd('\n');
    }
}

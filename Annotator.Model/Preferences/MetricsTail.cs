using System.Text;

namespace Annotator.Model.Preferences;

/// <summary>
/// Reads a <c>metrics.jsonl</c> that another process is still writing: each call gives the whole lines that came
/// since the last one. A line without its end is left for the next call.
/// </summary>
public sealed class MetricsTail(string path)
{
    private long _position;
    private int _lines;

    /// <summary>The new lines, oldest first; none while the file is not there yet.</summary>
    /// <exception cref="JsonLineException">A whole line is not a <see cref="RoundMetrics"/>.</exception>
    public IReadOnlyList<RoundMetrics> ReadNew()
    {
        if (!File.Exists(path))
            return [];
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        if (file.Length < _position)
            (_position, _lines) = (0, 0); // The round was started over: so does the tail.
        file.Position = _position;
        var bytes = new byte[file.Length - _position];
        var read = file.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
        var whole = bytes.AsSpan(0, read).LastIndexOf((byte)'\n') + 1;
        _position += whole;
        var metrics = new List<RoundMetrics>();
        foreach (var line in Encoding.UTF8.GetString(bytes, 0, whole).Split('\n')[..^1])
        {
            _lines++;
            if (!string.IsNullOrWhiteSpace(line))
                metrics.Add(JsonLines.Parse<RoundMetrics>(line, path, _lines));
        }
        return metrics;
    }
}

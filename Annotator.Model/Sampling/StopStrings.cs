namespace Annotator.Model.Sampling;

/// <summary>
/// Watches a response's text for stop strings as it grows. Text that may yet turn out to be the beginning of a stop
/// string is held back, so that a reader of the stream never sees part of one.
/// </summary>
/// <param name="stop">Compared ordinally; none means that all text passes at once.</param>
public sealed class StopStrings(IReadOnlyList<string> stop)
{
    private string _held = "";

    /// <summary>A stop string has come; nothing passes from here on.</summary>
    public bool Reached { get; private set; }

    /// <summary>Adds text and returns what is now certain to belong to the response.</summary>
    public string Push(string text)
    {
        if (Reached)
            return "";
        if (stop.Count == 0)
            return text;

        _held += text;
        var first = stop.Select(s => _held.IndexOf(s, StringComparison.Ordinal)).Where(at => at >= 0).DefaultIfEmpty(-1).Min();
        Reached = first >= 0;
        return Release(Reached ? first : _held.Length - LongestBeginning());
    }

    /// <summary>What was held back, at the end of a response that did not reach a stop string.</summary>
    public string Flush() => Reached ? "" : Release(_held.Length);

    private string Release(int length)
    {
        var released = _held[..length];
        _held = Reached ? "" : _held[length..];
        return released;
    }

    /// <summary>Length of the longest end of the held text with which a stop string begins.</summary>
    private int LongestBeginning()
    {
        for (var length = Math.Min(_held.Length, stop.Max(s => s.Length) - 1); length > 0; length--)
        {
            var end = _held.AsSpan(_held.Length - length);
            foreach (var text in stop)
            {
                if (text.AsSpan().StartsWith(end, StringComparison.Ordinal))
                    return length;
            }
        }

        return 0;
    }
}

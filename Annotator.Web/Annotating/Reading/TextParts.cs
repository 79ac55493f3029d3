namespace Annotator.Web.Annotating.Reading;

/// <summary>Cuts a very long text into parts that are read, rendered and sent one after the other.</summary>
public static class TextParts
{
    /// <summary>About as many characters as a part has.</summary>
    public const int Length = 10_000;

    /// <summary>
    /// The parts; one for nearly every text. They end between paragraphs where there are any, and a code fence that is
    /// cut goes on in the next part.
    /// </summary>
    public static IReadOnlyList<string> Of(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        // A little over the length is not worth a second part.
        if (text.Length <= Length * 3 / 2)
        {
            return [text];
        }

        var parts = new List<string>();
        string? fence = null;
        for (var at = 0; at < text.Length;)
        {
            var end = text.Length - at <= Length * 3 / 2 ? text.Length : End(text, at);
            var part = text[at..end];
            var opened = fence;
            fence = OpenFence(part, fence);
            parts.Add((opened is null ? "" : opened + "\n") + part + (fence is null ? "" : "\n" + Closing(fence)));
            at = end;
        }

        return parts;
    }

    /// <summary>A blank line, else the end of a line, else a space in the part's second half; never within a character.</summary>
    private static int End(string text, int start)
    {
        foreach (var boundary in new[] { "\n\n", "\n", " " })
        {
            var found = text.LastIndexOf(boundary, start + Length, Length / 2, StringComparison.Ordinal);
            if (found >= 0)
            {
                return found + boundary.Length;
            }
        }

        var end = start + Length;
        return char.IsLowSurrogate(text[end]) ? end + 1 : end;
    }

    /// <summary>The line of the fence that is open at the end of the part; null if none is.</summary>
    private static string? OpenFence(string part, string? open)
    {
        foreach (var line in part.Split('\n'))
        {
            var trimmed = line.TrimStart(' ');
            if (!trimmed.StartsWith("```", StringComparison.Ordinal) && !trimmed.StartsWith("~~~", StringComparison.Ordinal))
            {
                continue;
            }

            open = open is null ? line.TrimEnd() : trimmed.TrimEnd() == Closing(open) ? null : open;
        }

        return open;
    }

    private static string Closing(string fence)
    {
        var trimmed = fence.TrimStart(' ');
        return new string(trimmed[0], trimmed.TakeWhile(c => c == trimmed[0]).Count());
    }
}

using Microsoft.Extensions.Caching.Memory;

namespace Annotator.Web.Annotating.Reading;

/// <summary>
/// Texts as HTML, kept while they are shown: a response is read by several people, and each of them may reload. What was
/// not asked for in a while makes room.
/// </summary>
public sealed class ReadableTexts : IDisposable
{
    /// <summary>In characters, about 64 MB.</summary>
    private const long Room = 32_000_000;

    private readonly MemoryCache cache = new(new MemoryCacheOptions { SizeLimit = Room });

    /// <summary>The text, or one part of a long one, from Markdown.</summary>
    public ReadableHtml Of(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        if (!cache.TryGetValue(text, out ReadableHtml? readable))
        {
            readable = ReadableHtml.From(text);
            cache.Set(text, readable, new MemoryCacheEntryOptions { Size = text.Length + readable.Html.Length });
        }

        return readable!;
    }

    public void Dispose() => cache.Dispose();
}

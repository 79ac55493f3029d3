using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace Annotator.Model.Training;

/// <summary>
/// A finished thought cut from a review: its first words are the prompt (2–8 of them, as in Rafailov et al.'s
/// controlled sentiment), the rest of its first one or two sentences the completion, which starts with the space.
/// </summary>
public sealed record ShortTake(string Prompt, string Completion)
{
    public const int FewestWords = 2, MostWords = 8;

    private static readonly HashSet<string> Abbreviations = new(StringComparer.OrdinalIgnoreCase)
    {
        "Mr", "Mrs", "Ms", "Dr", "St", "Jr", "Sr", "vs", "Prof", "Capt", "Lt", "Sgt", "Gen", "Col", "Rev", "No", "Vol", "Ep", "etc", "e.g", "i.e", "U.S", "L.A",
    };

    /// <summary>Cuts a take; pure, so that a review gives the same one each time.</summary>
    /// <param name="review">The whole text; only its first line is used.</param>
    /// <param name="seed">Of the number of words and, where both fit, of the number of sentences.</param>
    /// <param name="countTokens">Tokens of a completion.</param>
    /// <param name="fewest">Tokens that a completion must have.</param>
    /// <param name="most">Tokens that it may have.</param>
    /// <returns>Null where the review doesn't fit: no sentence's end, too short, too long, or with markup in it.</returns>
    public static ShortTake? From(string review, int seed, Func<string, int> countTokens, int fewest = 20, int most = 60)
    {
        var line = string.Join(' ', review.Trim().Split('\n')[0].Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
        var hash = SHA256.HashData(Encoding.UTF8.GetBytes($"{seed}\n{review}"));
        var words = FewestWords + (int)(BinaryPrimitives.ReadUInt32LittleEndian(hash) % (MostWords - FewestWords + 1));

        var takes = SentenceEnds(line).Take(2)
            .Select(end => Cut(line[..end], words))
            .Where(take => take is not null && countTokens(take.Completion) is var tokens && tokens >= fewest && tokens <= most)
            .ToList();
        return takes.Count == 0 ? null : takes[hash[4] % takes.Count];
    }

    private static ShortTake? Cut(string text, int words)
    {
        if (text.AsSpan().IndexOfAny('<', '>') >= 0 || text.Contains("http", StringComparison.OrdinalIgnoreCase))
        {
            return null;
        }

        var at = -1;
        for (var i = 0; i < words; i++)
        {
            at = text.IndexOf(' ', at + 1);
            if (at < 0)
            {
                return null;
            }
        }

        return new(text[..at], text[at..]);
    }

    /// <summary>The places after which a sentence has ended: a full stop, and then the line's end or a space and a capital.</summary>
    private static IEnumerable<int> SentenceEnds(string line)
    {
        for (var i = 0; i < line.Length; i++)
        {
            if (line[i] is not ('.' or '!' or '?'))
            {
                continue;
            }

            var stop = i;
            while (i + 1 < line.Length && line[i + 1] is '.' or '!' or '?' or '"' or '\'' or ')' or '”' or '’')
            {
                i++;
            }

            var end = i + 1;
            var last = end == line.Length;
            var newSentence = !last && line[end] == ' ' && end + 1 < line.Length && (char.IsUpper(line[end + 1]) || line[end + 1] is '"' or '“' or '(' || char.IsDigit(line[end + 1]));
            if (last || (newSentence && !IsAbbreviation(line, stop)))
            {
                yield return end;
            }
        }
    }

    /// <summary>Whether the full stop at a place belongs to "Mr." or to an initial.</summary>
    private static bool IsAbbreviation(string line, int stop)
    {
        if (line[stop] != '.')
        {
            return false;
        }

        var start = line.LastIndexOf(' ', stop) + 1;
        var word = line[start..stop].TrimStart('(', '"', '\'');
        return word.Length == 0 || (word.Length == 1 && char.IsUpper(word[0]) && word != "I") || Abbreviations.Contains(word);
    }
}

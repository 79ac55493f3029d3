using System.Globalization;

namespace Annotator.Model.Evaluation;

/// <summary>
/// How positive a text is: log-odds of a linear model over which words and pairs of neighbouring words stand in it. It is
/// the ground truth r*(x, y) of simulations, so it must be quick, the same everywhere, and readable: the file is a
/// table of words and weights. Each word counts once, so saying it again earns nothing.
/// </summary>
public sealed class SentimentScorer
{
    private const string BiasName = "#bias";

    private readonly Dictionary<string, double> _weights;
    private readonly Dictionary<string, double>.AlternateLookup<ReadOnlySpan<char>> _lookup;

    /// <param name="bias">Log-odds of a text in which no known word stands.</param>
    /// <param name="weights">What each word, or pair of words with a space between, adds.</param>
    public SentimentScorer(double bias, IEnumerable<KeyValuePair<string, double>> weights)
    {
        Bias = bias;
        _weights = new(weights, StringComparer.Ordinal);
        _lookup = _weights.GetAlternateLookup<ReadOnlySpan<char>>();
    }

    /// <summary>Log-odds of a text in which no known word stands.</summary>
    public double Bias { get; }

    /// <summary>What each word or pair adds.</summary>
    public IReadOnlyDictionary<string, double> Weights => _weights;

    /// <summary>log P(positive)/P(negative), in nats.</summary>
    public double Score(string text)
    {
        var sum = Bias;
        var seen = new HashSet<string>(StringComparer.Ordinal).GetAlternateLookup<ReadOnlySpan<char>>();
        ForEachFeature(text, feature =>
        {
            if (_lookup.TryGetValue(feature, out var weight) && seen.Add(feature))
                sum += weight;
        });
        return sum;
    }

    /// <summary>
    /// The words of a text, and each two neighbours, as often as they come: lower-case runs of letters, digits and
    /// apostrophes, and single exclamation and question marks. A full stop parts neighbours; so does a line's end.
    /// </summary>
    internal static void ForEachFeature(string text, Action<ReadOnlySpan<char>> visit)
    {
        var lower = text.ToLowerInvariant().Replace('’', '\'').AsSpan();
        Span<char> pair = stackalloc char[2 * MostLetters + 1];
        ReadOnlySpan<char> before = [];
        var i = 0;
        while (i < lower.Length)
        {
            if (lower[i] is '.' or '\n')
                before = [];
            var start = i++;
            if (IsOfWord(lower[start]))
            {
                while (i < lower.Length && IsOfWord(lower[i]))
                    i++;
            }
            else if (lower[start] is not ('!' or '?'))
            {
                continue;
            }

            var word = lower[start..i];
            if (word.Length > MostLetters)
            {
                before = [];
                continue;
            }
            visit(word);
            if (before.Length > 0)
            {
                before.CopyTo(pair);
                pair[before.Length] = ' ';
                word.CopyTo(pair[(before.Length + 1)..]);
                visit(pair[..(before.Length + 1 + word.Length)]);
            }
            before = word;
        }

        static bool IsOfWord(char character) => char.IsLetterOrDigit(character) || character == '\'';
    }

    /// <summary>Reads a table of weights.</summary>
    /// <exception cref="InvalidDataException">A line is not a word, a tab and a number; the message names it.</exception>
    public static SentimentScorer Read(string path)
    {
        double bias = 0;
        var weights = new Dictionary<string, double>(StringComparer.Ordinal);
        foreach (var (index, line) in File.ReadLines(path).Index())
        {
            var tab = line.IndexOf('\t', StringComparison.Ordinal);
            if (tab <= 0 || !double.TryParse(line.AsSpan(tab + 1), CultureInfo.InvariantCulture, out var weight))
                throw new InvalidDataException($"{path}, line {index + 1}: a scorer's line is a word or two, a tab and a number; this one is \"{line}\".");
            if (line.AsSpan(0, tab).SequenceEqual(BiasName))
                bias = weight;
            else
                weights[line[..tab]] = weight;
        }
        return new(bias, weights);
    }

    /// <summary>Writes the table, the weightiest first, three decimals each: what is read again is the same scorer.</summary>
    public void Write(string path)
    {
        using var writer = new StreamWriter(path) { NewLine = "\n" };
        writer.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{BiasName}\t{Bias:0.###}"));
        foreach (var (feature, weight) in _weights.OrderByDescending(one => Math.Abs(one.Value)).ThenBy(one => one.Key, StringComparer.Ordinal))
            writer.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{feature}\t{weight:0.###}"));
    }

    private const int MostLetters = 32;
}

using System.Runtime.InteropServices;
using Annotator.Model.Training;

namespace Annotator.Model.Evaluation;

/// <summary>A review and whether its author liked the film.</summary>
public sealed record LabelledText(string Text, bool IsPositive);

/// <summary>
/// Trains a <see cref="SentimentScorer"/>: logistic regression by Adagrad (Duchi et al. 2011) over the words and pairs
/// that tell the two classes apart best. Each review is learnt from whole and from its opening alone, so that the
/// log-odds of a sentence or two mean something too. One thread, a fixed order: the same texts give the same scorer.
/// </summary>
public static class SentimentTraining
{
    /// <summary>Words of an opening: about what a policy's samples have.</summary>
    public const int OpeningWords = 32;

    private const int FewestTexts = 8;
    private const int Epochs = 8;
    private const double Rate = 0.05, Shrinkage = 2e-5;

    /// <summary>Trains.</summary>
    /// <param name="texts">Of both classes.</param>
    /// <param name="features">Words and pairs to keep.</param>
    /// <param name="cancellation">Looked at between passes.</param>
    public static SentimentScorer Train(IReadOnlyList<LabelledText> texts, int features, CancellationToken cancellation = default)
    {
        var chosen = Choose(texts, features);
        var places = chosen.Index().ToDictionary(one => one.Item, one => one.Index, StringComparer.Ordinal);
        var examples = texts.SelectMany(text => new[] { text, text with { Text = Opening(text.Text) } })
            .Select(text => (Features: Places(text.Text, places), text.IsPositive)).ToList();

        var (bias, biasSquares) = (0.0, 1e-8);
        var (weights, squares) = (new double[chosen.Count], new double[chosen.Count]);
        Array.Fill(squares, 1e-8);
        for (var epoch = 0; epoch < Epochs; epoch++)
        {
            cancellation.ThrowIfCancellationRequested();
            foreach (var index in DataOrder.Batch(examples.Count, examples.Count, seed: 0, step: epoch))
            {
                var (present, isPositive) = examples[index];
                var odds = bias;
                foreach (var place in present)
                    odds += weights[place];
                var gradient = 1 / (1 + Math.Exp(-odds)) - (isPositive ? 1 : 0);                  // of −log P(label) by the log-odds
                Move(ref bias, ref biasSquares, gradient);
                foreach (var place in present)
                    Move(ref weights[place], ref squares[place], gradient + Shrinkage * weights[place]);
            }
        }
        return new(Math.Round(bias, 3), chosen.Zip(weights, (feature, weight) => KeyValuePair.Create(feature, Math.Round(weight, 3))).Where(one => one.Value != 0));

        static void Move(ref double value, ref double squares, double gradient)
        {
            squares += gradient * gradient;
            value -= Rate * gradient / Math.Sqrt(squares);
        }
    }

    /// <summary>The share of texts whose sign is right.</summary>
    public static double Accuracy(SentimentScorer scorer, IEnumerable<LabelledText> texts) =>
        texts.Average(text => scorer.Score(text.Text) > 0 == text.IsPositive ? 1.0 : 0);

    /// <summary>The first words of a review.</summary>
    public static string Opening(string text) => string.Join(' ', text.Split((char[]?)null, OpeningWords + 1, StringSplitOptions.RemoveEmptyEntries).Take(OpeningWords));

    /// <summary>Those whose presence depends most on the class: the largest χ² of the 2 × 2 table.</summary>
    private static List<string> Choose(IReadOnlyList<LabelledText> texts, int features)
    {
        var counts = new Dictionary<string, (int Positive, int Negative)>(StringComparer.Ordinal);
        var lookup = counts.GetAlternateLookup<ReadOnlySpan<char>>();
        foreach (var text in texts)
        {
            var seen = new HashSet<string>(StringComparer.Ordinal).GetAlternateLookup<ReadOnlySpan<char>>();
            SentimentScorer.ForEachFeature(text.Text, feature =>
            {
                if (!seen.Add(feature))
                    return;
                ref var count = ref CollectionsMarshal.GetValueRefOrAddDefault(lookup, feature, out _);
                count = text.IsPositive ? (count.Positive + 1, count.Negative) : (count.Positive, count.Negative + 1);
            });
        }

        double positive = texts.Count(text => text.IsPositive), negative = texts.Count - positive;
        return [.. counts
            .Where(one => one.Value.Positive + one.Value.Negative >= FewestTexts)
            .OrderByDescending(one => ChiSquared(one.Value.Positive, one.Value.Negative)).ThenBy(one => one.Key, StringComparer.Ordinal)
            .Take(features).Select(one => one.Key)];

        double ChiSquared(double withIt, double withItNegative)
        {
            var with = withIt + withItNegative;
            var difference = withIt * (negative - withItNegative) - withItNegative * (positive - withIt);
            return difference * difference * texts.Count / (with * (texts.Count - with) * positive * negative + 1e-9);
        }
    }

    private static int[] Places(string text, Dictionary<string, int> places)
    {
        var lookup = places.GetAlternateLookup<ReadOnlySpan<char>>();
        var present = new HashSet<int>();
        SentimentScorer.ForEachFeature(text, feature =>
        {
            if (lookup.TryGetValue(feature, out var place))
                present.Add(place);
        });
        return [.. present.Order()];
    }
}

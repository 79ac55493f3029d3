using System.Text.RegularExpressions;

namespace Annotator.Tests.Benchmarks;

/// <summary>The simulated annotator: the response with more positive words is better, equal counts are a tie.</summary>
public static partial class PositiveWords
{
    private static readonly HashSet<string> Words =
    [
        "amazing", "awesome", "beautiful", "beautifully", "best", "better", "brilliant", "brilliantly", "captivating", "charming", "classic",
        "clever", "compelling", "delight", "delightful", "enjoy", "enjoyable", "enjoyed", "entertaining", "enthralling", "excellent", "excellently",
        "exciting", "extraordinary", "fabulous", "fantastic", "fascinating", "favorite", "favourite", "fine", "finest", "fun", "funniest", "funny",
        "gem", "genius", "good", "gorgeous", "great", "greatest", "gripping", "happy", "heartwarming", "hilarious", "impressed", "impressive",
        "incredible", "incredibly", "inspiring", "intelligent", "interesting", "liked", "love", "loved", "lovely", "loves", "magical", "magnificent",
        "marvelous", "masterpiece", "memorable", "moving", "nice", "nicely", "original", "outstanding", "perfect", "perfectly", "pleasant",
        "pleasure", "powerful", "recommend", "recommended", "refreshing", "remarkable", "rich", "solid", "special", "stunning", "strong", "superb",
        "surprised", "sweet", "talented", "terrific", "thoughtful", "thrilling", "top", "touching", "unforgettable", "unique", "well", "witty",
        "wonderful", "wonderfully", "worth",
    ];

    /// <summary>Positive words in a text, each as often as it stands there.</summary>
    public static int Count(string text) => Word().Matches(text).Count(word => Words.Contains(word.Value.ToLowerInvariant()));

    [GeneratedRegex("[A-Za-z]+")]
    private static partial Regex Word();
}

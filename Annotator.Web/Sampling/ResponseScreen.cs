using System.Text.RegularExpressions;

namespace Annotator.Web.Sampling;

/// <summary>Which responses never reach an annotator: nothing could be learnt from comparing them, or they would break the blind.</summary>
public static partial class ResponseScreen
{
    /// <summary>Why these responses can't be put beside each other, in words that finish "because …"; null if they can.</summary>
    public static string? Refusal(IReadOnlyList<string> texts)
    {
        ArgumentNullException.ThrowIfNull(texts);
        var trimmed = texts.Select(text => text.Trim()).ToList();
        if (trimmed.Any(text => text.Length == 0))
        {
            return "a response was empty";
        }

        if (trimmed.Distinct(StringComparer.Ordinal).Count() < trimmed.Count)
        {
            return "two responses were equal";
        }

        return trimmed.Any(text => NamesItsModel().IsMatch(text)) ? "a response named its model" : null;
    }

    /// <summary>Only what a model says of itself: a review may well speak of Claude Rains or of a llama.</summary>
    [GeneratedRegex(
        """
        \bas\ an?\ (AI|artificial\ intelligence)(\ language)?\ (model|assistant)\b
        | \bas\ a\ (large\ )?language\ model\b
        | \b(I\ am|I['’]m|my\ name\ is)\ (an?\ )?(AI\ (model|assistant)|(large\ )?language\ model|Chat-?GPT|GPT-\d|Claude|Llama|Qwen|Gemini|Mistral|Pythia|SmolLM)\b
        | \bChat-?GPT\b
        | \b(trained|developed|created|made)\ by\ (OpenAI|Anthropic|Google|Meta|Mistral|Alibaba|DeepSeek|EleutherAI)\b
        """,
        RegexOptions.IgnoreCase | RegexOptions.CultureInvariant | RegexOptions.IgnorePatternWhitespace)]
    private static partial Regex NamesItsModel();
}

using System.Globalization;

namespace Annotator.Model.Checkpoints;

/// <summary>The README.md of a saved policy, as the Hugging Face hub reads it: YAML between two lines of dashes, then Markdown.</summary>
public static class ModelCard
{
    public const string File = "README.md";

    private const string Mark = "with Annotator";                                                 // in every card written here
    private const string Note = $"> Trained further {Mark}. What follows is the card of the policy that this one began from.";

    /// <summary>The card of a policy that was trained here.</summary>
    /// <param name="began">The card of the policy it began from: kept, licence and all, below a note that says so; null if there was none.</param>
    /// <param name="modelType">config.json's <c>model_type</c>.</param>
    /// <param name="parameters">Their number.</param>
    public static string Of(string? began, string modelType, long parameters)
    {
        if (began is null)
        {
            return string.Create(CultureInfo.InvariantCulture, $"""
                ---
                library_name: transformers
                pipeline_tag: text-generation
                ---
                # A {modelType} language model

                {parameters:N0} parameters, trained {Mark}. It loads with `AutoModelForCausalLM.from_pretrained`.

                """).ReplaceLineEndings("\n");
        }

        if (began.Contains(Mark, StringComparison.Ordinal))
        {
            return began;
        }

        var body = EndOfFrontMatter(began);
        return $"{began[..body]}{Note}\n\n{began[body..].TrimStart('\n', '\r')}";
    }

    private static int EndOfFrontMatter(string card)
    {
        if (!card.StartsWith("---\n", StringComparison.Ordinal) && !card.StartsWith("---\r\n", StringComparison.Ordinal))
        {
            return 0;
        }

        var end = card.IndexOf("\n---", 3, StringComparison.Ordinal);
        var line = end < 0 ? -1 : card.IndexOf('\n', end + 1);
        return line < 0 ? 0 : line + 1;
    }
}

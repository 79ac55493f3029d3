namespace Annotator.Model.Preferences;

/// <summary>One line of a round's <c>prompts.jsonl</c>: a prompt that the round never trains on, on which it is seen what has changed.</summary>
public sealed record RoundPromptLine
{
    /// <summary>A text, or a chat.</summary>
    public required TextOrMessages Prompt { get; init; }
}

/// <summary>
/// One line of a round's <c>samples.jsonl</c>: responses to one prompt, drawn at temperature 1 with the same random numbers
/// from the policy that the round began with and from the one it made.
/// </summary>
public sealed record RoundSampleLine
{
    /// <summary>As the policy reads it, decoded.</summary>
    public required string Prompt { get; init; }

    public required string Before { get; init; }

    public required string After { get; init; }
}

namespace Annotator.Model.Preferences;

/// <summary>
/// The files of one round: what the trainer reads (options, preferences) and what it writes (metrics, checkpoint,
/// policy, result). A round is a pure function of its directory.
/// </summary>
/// <param name="Root">The directory; need not exist yet.</param>
public sealed record RoundDirectory(string Root)
{
    public string Options => Path.Combine(Root, "options.json");

    public string Preferences => Path.Combine(Root, "preferences.jsonl");

    /// <summary>One <see cref="RoundPromptLine"/> a line: held-out prompts to see the change on. It need not be there.</summary>
    public string Prompts => Path.Combine(Root, "prompts.jsonl");

    /// <summary>One <see cref="RoundSampleLine"/> a line, written at the end.</summary>
    public string Samples => Path.Combine(Root, "samples.jsonl");

    /// <summary>What the trainer said, where the web app started it.</summary>
    public string Log => Path.Combine(Root, "trainer.log");

    /// <summary>One <see cref="RoundMetrics"/> a line, appended while the round trains.</summary>
    public string Metrics => Path.Combine(Root, "metrics.jsonl");

    /// <summary>What <c>--resume</c> goes on from; removed at success.</summary>
    public string Checkpoint => Path.Combine(Root, "checkpoint");

    /// <summary>The new policy as a Hugging Face directory; there only after success.</summary>
    public string Policy => Path.Combine(Root, "policy");

    /// <summary>One <see cref="ReferenceLogpsLine"/> a line, written before the first update: later rounds with this reference need not compute them again.</summary>
    public string ReferenceLogps => Path.Combine(Root, "reference_logps.jsonl");

    public string Result => Path.Combine(Root, "result.json");

    /// <summary>The file of preferences that a path means: the round's where it is a directory, else itself.</summary>
    public static string PreferencesOf(string path) => Directory.Exists(path) ? new RoundDirectory(path).Preferences : path;

    /// <summary>A path of options.json: absolute, or relative to the round directory.</summary>
    public string Resolve(string path) => Path.GetFullPath(path, Path.GetFullPath(Root));
}

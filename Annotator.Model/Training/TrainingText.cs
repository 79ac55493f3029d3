using System.IO.Compression;
using Annotator.Model.Preferences;

namespace Annotator.Model.Training;

/// <summary>
/// One line of training data: <c>{"text"}</c> is learned whole, of <c>{"prompt","completion"}</c> the completion,
/// of <c>{"messages"}</c> what the assistant says. A line of the trl dataset, <c>{"prompt","chosen","rejected"}</c>, is its
/// prompt with the chosen completion: training on these is the paper's Preferred-FT. Other keys are passed over.
/// </summary>
public sealed record TrainingText : ICheckedLine
{
    public string? Text { get; init; }

    public TextOrMessages? Prompt { get; init; }

    public string? Completion { get; init; }

    public TextOrMessages? Chosen { get; init; }

    public IReadOnlyList<ChatMessage>? Messages { get; init; }

    public string? Problem() => this switch
    {
        { Text: not null, Prompt: null, Completion: null, Chosen: null, Messages: null } => null,
        { Text: null, Prompt.Text: not null, Completion: not null, Chosen: null, Messages: null } => null,
        { Text: null, Prompt.Text: not null, Completion: null, Chosen.Text: not null, Messages: null } => null,
        { Text: null, Prompt.Messages: not null, Completion: null, Chosen.Messages: not null, Messages: null } => null,
        { Text: null, Prompt: null, Completion: null, Chosen: null, Messages: not null } => null,
        _ => "it must have \"text\", or \"prompt\" and \"completion\", or \"prompt\" and \"chosen\" (both text or both messages), or \"messages\".",
    };

    /// <summary>The chat to learn from: <see cref="Messages"/>, or those of prompt and chosen; null where the line holds none.</summary>
    internal IReadOnlyList<ChatMessage>? Chat => Messages ?? (Prompt?.Messages is { } asked ? [.. asked, .. Chosen!.Messages!] : null);

    /// <summary>What follows a prompt of text.</summary>
    internal string? Answer => Completion ?? Chosen?.Text;

    /// <summary>Reads a JSONL file line by line; a name that ends in .gz is unpacked on the way.</summary>
    /// <exception cref="JsonLineException">A line is of none of the three shapes.</exception>
    /// <exception cref="IOException">The file can't be read.</exception>
    public static IEnumerable<TrainingText> Read(string path)
    {
        using var reader = new StreamReader(OpenText(path));
        for (var number = 1; reader.ReadLine() is { } line; number++)
        {
            if (!string.IsNullOrWhiteSpace(line))
            {
                yield return JsonLines.Parse<TrainingText>(line, path, number);
            }
        }
    }

    private static Stream OpenText(string path)
    {
        var file = File.OpenRead(path);
        return path.EndsWith(".gz", StringComparison.OrdinalIgnoreCase) ? new GZipStream(file, CompressionMode.Decompress) : file;
    }
}

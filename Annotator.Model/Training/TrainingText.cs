using System.IO.Compression;
using Annotator.Model.Preferences;

namespace Annotator.Model.Training;

/// <summary>
/// One line of training data: <c>{"text"}</c> is learned whole, of <c>{"prompt","completion"}</c> the completion,
/// of <c>{"messages"}</c> what the assistant says. Other keys are passed over.
/// </summary>
public sealed record TrainingText : ICheckedLine
{
    public string? Text { get; init; }

    public string? Prompt { get; init; }

    public string? Completion { get; init; }

    public IReadOnlyList<ChatMessage>? Messages { get; init; }

    public string? Problem() => this switch
    {
        { Text: not null, Prompt: null, Completion: null, Messages: null } => null,
        { Text: null, Prompt: not null, Completion: not null, Messages: null } => null,
        { Text: null, Prompt: null, Completion: null, Messages: not null } => null,
        _ => "it must have \"text\", or \"prompt\" and \"completion\", or \"messages\".",
    };

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

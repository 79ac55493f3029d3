using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;

namespace Annotator.Model.Preferences;

/// <summary>A line of a JSONL file can't be used. The message names the file, the line (from 1) and the reason.</summary>
public sealed class JsonLineException(string file, int line, string reason, Exception? inner = null)
    : FormatException($"{file}, line {line}: {reason}", inner)
{
    /// <summary>The line's number, from 1.</summary>
    public int Line { get; } = line;

    /// <summary>Why it was refused, without file and line.</summary>
    public string Reason { get; } = reason;
}

/// <summary>A line that can tell what is wrong with itself beyond its JSON shape.</summary>
public interface ICheckedLine
{
    /// <summary>What is wrong, in one sentence, or null.</summary>
    string? Problem();
}

/// <summary>
/// JSONL: one JSON object a line, UTF-8, <c>\n</c> ends, streamed both ways. Property names are snake_case, null
/// values are left out, and text is written as itself (no \u escapes but those JSON demands).
/// </summary>
public static class JsonLines
{
    /// <summary>The spelling of every JSON file of a round directory.</summary>
    public static JsonSerializerOptions Spelling { get; } = NewSpelling(indented: false);

    /// <summary><see cref="Spelling"/>, indented: for files that people open.</summary>
    public static JsonSerializerOptions IndentedSpelling { get; } = NewSpelling(indented: true);

    /// <summary>Reads a file line by line; empty lines are passed over.</summary>
    /// <exception cref="JsonLineException">A line is not the JSON of a <typeparamref name="T"/>, or its check refuses it.</exception>
    public static IEnumerable<T> Read<T>(string path) => ReadNumbered<T>(path).Select(line => line.Value);

    /// <summary>As <see cref="Read"/>, with each line's number from 1.</summary>
    public static IEnumerable<(int Number, T Value)> ReadNumbered<T>(string path)
    {
        var number = 0;
        foreach (var line in File.ReadLines(path))
        {
            number++;
            if (!string.IsNullOrWhiteSpace(line))
                yield return (number, Parse<T>(line, path, number));
        }
    }

    /// <summary>One line. <paramref name="file"/> and <paramref name="number"/> are for the error's text.</summary>
    /// <exception cref="JsonLineException">As <see cref="Read"/>.</exception>
    public static T Parse<T>(string line, string file, int number)
    {
        T? value;
        try
        {
            value = JsonSerializer.Deserialize<T>(line, Spelling);
        }
        catch (JsonException refused)
        {
            throw new JsonLineException(file, number, Reason(refused), refused);
        }
        if (value is null)
            throw new JsonLineException(file, number, "the line is null; it must be a JSON object.");
        return value is ICheckedLine line1 && line1.Problem() is { } problem
            ? throw new JsonLineException(file, number, problem)
            : value;
    }

    /// <summary>The line of one value, without its end.</summary>
    public static string Format<T>(T value) => JsonSerializer.Serialize(value, Spelling);

    /// <summary>Writes a whole file, replacing what was there.</summary>
    public static void Write<T>(string path, IEnumerable<T> values)
    {
        using var writer = new StreamWriter(path, append: false, Utf8) { NewLine = "\n" };
        foreach (var value in values)
            writer.WriteLine(Format(value));
    }

    /// <summary>Streams lines out, for a download; the stream stays open.</summary>
    public static async Task WriteAsync<T>(Stream stream, IAsyncEnumerable<T> values, CancellationToken cancellation)
    {
        var lines = new ArrayBufferWriter<byte>(2 * Together);
        await using var writer = new Utf8JsonWriter(lines, new() { Encoder = Spelling.Encoder, SkipValidation = true });
        await foreach (var value in values.WithCancellation(cancellation))
        {
            JsonSerializer.Serialize(writer, value, Spelling);
            writer.Reset();
            lines.Write("\n"u8);
            if (lines.WrittenCount >= Together)
            {
                await stream.WriteAsync(lines.WrittenMemory, cancellation);
                lines.ResetWrittenCount();
            }
        }
        await stream.WriteAsync(lines.WrittenMemory, cancellation);
    }

    /// <summary>What a <see cref="JsonException"/> says, with its path but without positions inside the line.</summary>
    public static string Reason(JsonException refused)
    {
        var text = refused.Message;
        foreach (var tail in (string[])[" Path: ", " LineNumber: "])
        {
            var at = text.IndexOf(tail, StringComparison.Ordinal);
            if (at >= 0)
                text = text[..at];
        }
        return refused.Path is { Length: > 1 } path && path.StartsWith("$.", StringComparison.Ordinal)
            ? $"{path[2..]}: {text}"
            : text;
    }

    /// <summary>Lines leave together once they are so many bytes.</summary>
    private const int Together = 64 * 1024;

    private static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false);

    private static JsonSerializerOptions NewSpelling(bool indented)
    {
        var options = new JsonSerializerOptions
        {
            PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
            DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
            Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
            WriteIndented = indented,
            NewLine = "\n",
            AllowDuplicateProperties = false,
            RespectNullableAnnotations = true,
            RespectRequiredConstructorParameters = true,
            Converters = { new JsonChoiceConverterFactory() },
            TypeInfoResolver = new DefaultJsonTypeInfoResolver(),
        };
        options.MakeReadOnly();
        return options;
    }
}

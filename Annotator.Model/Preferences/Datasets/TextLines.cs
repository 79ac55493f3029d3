using System.Buffers;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;
using System.Text;

namespace Annotator.Model.Preferences.Datasets;

/// <summary>Lines of UTF-8 text, streamed, none longer than a bound. Empty lines are passed over, but counted.</summary>
internal static class TextLines
{
    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>Each line without its end, as the record's text; or why it is refused.</summary>
    /// <exception cref="DatasetFileException">The packing is damaged.</exception>
    public static async IAsyncEnumerable<Record> ReadAsync(Stream file, int longest, [EnumeratorCancellation] CancellationToken cancellation)
    {
        var reader = PipeReader.Create(file, new(leaveOpen: true, bufferSize: 64 * 1024));
        var (number, overlong) = (1, false);
        while (true)
        {
            var (buffer, ended) = await NextAsync(reader, number, cancellation);
            while (buffer.PositionOf((byte)'\n') is { } end)
            {
                if (Line(buffer.Slice(0, end), number, overlong, longest) is { } line)
                    yield return line;
                buffer = buffer.Slice(buffer.GetPosition(1, end));
                (number, overlong) = (number + 1, false);
            }
            if (ended)
            {
                if (Line(buffer, number, overlong, longest) is { } last)
                    yield return last;
                await reader.CompleteAsync();
                yield break;
            }
            if (buffer.Length > longest)
            {
                // Nothing of it is kept: what comes up to the next line's begin is passed over.
                overlong = true;
                reader.AdvanceTo(buffer.End);
            }
            else
            {
                reader.AdvanceTo(buffer.Start, buffer.End);
            }
        }
    }

    private static async Task<(ReadOnlySequence<byte> Buffer, bool Ended)> NextAsync(PipeReader reader, int number, CancellationToken cancellation)
    {
        try
        {
            var result = await reader.ReadAsync(cancellation);
            return (result.Buffer, result.IsCompleted);
        }
        catch (InvalidDataException e)
        {
            throw new DatasetFileException($"The file is damaged: it can't be unpacked from line {number} on.", e);
        }
    }

    private static Record? Line(ReadOnlySequence<byte> bytes, int number, bool overlong, int longest)
    {
        if (overlong || bytes.Length > longest)
            return new(number, null, $"It is longer than {longest / (1024 * 1024)} MB.");
        try
        {
            var text = Strict.GetString(bytes).TrimEnd('\r');
            if (number == 1)
                text = text.TrimStart('\uFEFF');
            return string.IsNullOrWhiteSpace(text) ? null : new(number, text, null);
        }
        catch (DecoderFallbackException)
        {
            return new(number, null, "It is not UTF-8.");
        }
    }
}

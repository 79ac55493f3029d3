using System.Text;

namespace Annotator.Model.Preferences.Datasets;

/// <summary>A row of a CSV file as it stands, and the line (from 1) it begins in.</summary>
internal sealed record CsvRow(int Line, IReadOnlyList<string> Cells, string? Refusal);

/// <summary>The rows of a CSV file, streamed. A quoted cell may hold anything, ends of lines too, and a quote written twice.</summary>
internal sealed class CsvCells(Stream file) : IDisposable
{
    private readonly StreamReader reader = new(file, new UTF8Encoding(false, throwOnInvalidBytes: true), detectEncodingFromByteOrderMarks: true, bufferSize: 64 * 1024, leaveOpen: true);
    private readonly char[] buffer = new char[64 * 1024];
    private readonly StringBuilder cell = new();
    private int at, filled, line = 1;
    private char? separator;

    /// <summary>Null at the end.</summary>
    /// <exception cref="DatasetFileException">Not UTF-8, or damaged packing.</exception>
    public async Task<CsvRow?> NextAsync(CancellationToken cancellation)
    {
        var (begin, cells, length) = (line, new List<string>(), 0);
        var (quoted, wasQuoted, any) = (false, false, false);
        string? refusal = null;
        cell.Clear();
        while (await ReadAsync(cancellation) is { } c)
        {
            any = true;
            if (c == '\n')
                line++;
            if (++length > Records.LongestRecord)
            {
                refusal ??= $"It is longer than {Records.LongestRecord / (1024 * 1024)} MB.";
                cell.Clear();
            }

            if (quoted)
            {
                if (c != '"')
                    cell.Append(c);
                else if (await PeekAsync(cancellation) == '"')
                    cell.Append(await ReadAsync(cancellation));
                else
                    quoted = false;
            }
            else if (c == '"' && cell.Length == 0 && !wasQuoted)
            {
                (quoted, wasQuoted) = (true, true);
            }
            else if (c == '\n')
            {
                return End(cells, begin, refusal);
            }
            else if (c == separator || (separator is null && c is ',' or ';' or '\t'))
            {
                separator ??= c; // The first that stands between two names of the heading.
                cells.Add(cell.ToString());
                cell.Clear();
                wasQuoted = false;
            }
            else if (c != '\r')
            {
                if (c == '"' || wasQuoted)
                    refusal ??= "A quote stands in the middle of a cell: quote the whole cell and write the quote twice.";
                cell.Append(c);
            }
        }
        if (quoted)
            refusal ??= "A quoted cell is never closed.";
        return any ? End(cells, begin, refusal) : null;
    }

    public void Dispose() => reader.Dispose();

    private CsvRow End(List<string> cells, int begin, string? refusal)
    {
        cells.Add(cell.ToString());
        separator ??= ','; // A heading of one column.
        return new(begin, cells, refusal);
    }

    private async ValueTask<char?> ReadAsync(CancellationToken cancellation) =>
        await PeekAsync(cancellation) is { } next ? Take(next) : null;

    private char Take(char next)
    {
        at++;
        return next;
    }

    private async ValueTask<char?> PeekAsync(CancellationToken cancellation)
    {
        if (at < filled)
            return buffer[at];
        try
        {
            (at, filled) = (0, await reader.ReadAsync(buffer.AsMemory(), cancellation));
        }
        catch (DecoderFallbackException e)
        {
            throw new DatasetFileException($"The file is not UTF-8 after line {line}: save it as “CSV UTF-8”.", e);
        }
        catch (InvalidDataException e)
        {
            throw new DatasetFileException($"The file is damaged: it can't be unpacked after line {line}.", e);
        }
        return filled > 0 ? buffer[0] : null;
    }
}

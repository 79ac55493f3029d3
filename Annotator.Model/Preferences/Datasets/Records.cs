using System.IO.Compression;
using System.Runtime.CompilerServices;

namespace Annotator.Model.Preferences.Datasets;

/// <summary>What a dataset file is made of.</summary>
public enum RecordKind
{
    /// <summary>JSONL, a JSON object a line; also packed with gzip.</summary>
    JsonLines,

    /// <summary>A table of text with a heading; also packed with gzip.</summary>
    Csv,

    Parquet,

    /// <summary>Lines that are each a text, read as <c>{"text": …}</c>; also packed with gzip.</summary>
    PlainLines,
}

/// <summary>One record of a file as a JSON object, or why it is refused. Exactly one of the two is not null.</summary>
/// <param name="Line">From 1: the line it begins in; of a Parquet file the row.</param>
public readonly record struct Record(int Line, string? Json, string? Refusal);

/// <summary>Reads a dataset file record by record, whatever it is made of, in flat memory.</summary>
public static class Records
{
    /// <summary>A longer record is refused unread.</summary>
    public const int LongestRecord = 16 * 1024 * 1024;

    /// <summary>By the name's ending: <c>.csv</c>, <c>.parquet</c>, <c>.txt</c>, else JSONL; <c>.gz</c> after it changes nothing.</summary>
    public static RecordKind KindOf(string fileName)
    {
        var name = fileName.EndsWith(".gz", StringComparison.OrdinalIgnoreCase) ? fileName[..^3] : fileName;
        return Path.GetExtension(name).ToLowerInvariant() switch
        {
            ".csv" or ".tsv" => RecordKind.Csv,
            ".parquet" => RecordKind.Parquet,
            ".txt" => RecordKind.PlainLines,
            _ => RecordKind.JsonLines,
        };
    }

    /// <param name="file">The file; one that can be sought in. It stays open.</param>
    /// <exception cref="DatasetFileException">The file as a whole can't be read: damaged packing, no heading, no Parquet.</exception>
    public static IAsyncEnumerable<Record> ReadAsync(Stream file, RecordKind kind, CancellationToken cancellation = default) => kind switch
    {
        RecordKind.Parquet => ParquetTable.ReadAsync(file, cancellation),
        RecordKind.Csv => CsvTable.ReadAsync(Unpacked(file), cancellation),
        RecordKind.PlainLines => PlainAsync(Unpacked(file), cancellation),
        _ => TextLines.ReadAsync(Unpacked(file), LongestRecord, cancellation),
    };

    private static async IAsyncEnumerable<Record> PlainAsync(Stream file, [EnumeratorCancellation] CancellationToken cancellation)
    {
        await foreach (var line in TextLines.ReadAsync(file, LongestRecord, cancellation))
            yield return line.Json is { } text ? line with { Json = DatasetJson.Line(json => json.WriteString("text", text)) } : line;
    }

    /// <summary>By its first two bytes: a name may lie.</summary>
    private static Stream Unpacked(Stream file)
    {
        Span<byte> magic = stackalloc byte[2];
        var begin = file.Position;
        var read = file.ReadAtLeast(magic, magic.Length, throwOnEndOfStream: false);
        file.Position = begin;
        return read == 2 && magic is [0x1f, 0x8b] ? new GZipStream(file, CompressionMode.Decompress, leaveOpen: true) : file;
    }
}

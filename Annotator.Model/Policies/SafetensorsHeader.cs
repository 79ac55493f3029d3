using System.Buffers.Binary;
using System.Text.Json;
using Microsoft.Win32.SafeHandles;

namespace Annotator.Model.Policies;

/// <summary>Where one tensor lies in a safetensors file. <paramref name="Begin"/> and <paramref name="End"/> are byte offsets into the data part.</summary>
public sealed record SafetensorsEntry(string Name, string Dtype, long[] Shape, long Begin, long End);

/// <summary>
/// The header of a safetensors file: 8 bytes little-endian length, then JSON; the data follows
/// (https://huggingface.co/docs/safetensors). It is checked before anything is allocated for the data.
/// </summary>
/// <param name="DataStart">Where the data begins in the file, in bytes.</param>
/// <param name="Entries">The tensors in the order of the header.</param>
public sealed record SafetensorsHeader(long DataStart, IReadOnlyList<SafetensorsEntry> Entries)
{
    private const int LongestHeader = 100_000_000;                                                // bytes, the reference reader's limit

    /// <summary>Reads and checks the header of a file.</summary>
    /// <exception cref="InvalidDataException">Not a sound safetensors file; the message names the file and the fault.</exception>
    /// <exception cref="IOException">The file can't be read.</exception>
    public static SafetensorsHeader Read(string path)
    {
        using var file = File.OpenHandle(path);
        return Read(file, path);
    }

    /// <inheritdoc cref="Read(string)" />
    /// <param name="file">Open for reading.</param>
    /// <param name="path">For messages.</param>
    public static SafetensorsHeader Read(SafeFileHandle file, string path)
    {
        var length = RandomAccess.GetLength(file);
        Span<byte> prefix = stackalloc byte[8];
        if (length < 8 || RandomAccess.Read(file, prefix, 0) < 8)
        {
            throw Unsound(path, $"it has {length} bytes, too few for a header");
        }

        var headerLength = BinaryPrimitives.ReadUInt64LittleEndian(prefix);
        if (headerLength > LongestHeader || (long)headerLength > length - 8)
        {
            throw Unsound(path, $"its header claims {headerLength} bytes, the file has {length}");
        }

        var header = new byte[headerLength];
        ReadFully(file, header, 8, path);
        var entries = ParseEntries(header, path);
        CheckLayout(entries, length - 8 - (long)headerLength, path);
        return new SafetensorsHeader(8 + (long)headerLength, entries);
    }

    private static List<SafetensorsEntry> ParseEntries(byte[] header, string path)
    {
        try
        {
            using var json = JsonDocument.Parse(header);
            return [.. json.RootElement.EnumerateObject()
                .Where(property => property.Name != "__metadata__")
                .Select(property =>
                {
                    var offsets = property.Value.GetProperty("data_offsets");
                    return new SafetensorsEntry(
                        property.Name,
                        property.Value.GetProperty("dtype").GetString() ?? "",
                        [.. property.Value.GetProperty("shape").EnumerateArray().Select(extent => extent.GetInt64())],
                        offsets[0].GetInt64(),
                        offsets[1].GetInt64());
                })];
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException or FormatException or IndexOutOfRangeException)
        {
            throw Unsound(path, $"its header can't be read ({e.Message})");
        }
    }

    /// <summary>Every tensor within the file, of the size its shape says, and the tensors side by side without overlap or gap.</summary>
    private static void CheckLayout(List<SafetensorsEntry> entries, long dataLength, string path)
    {
        if (entries.GroupBy(entry => entry.Name).FirstOrDefault(group => group.Count() > 1) is { } twice)
        {
            throw Unsound(path, $"the tensor \"{twice.Key}\" is listed twice");
        }

        long reached = 0;
        foreach (var entry in entries.OrderBy(entry => entry.Begin).ThenBy(entry => entry.End))
        {
            if (entry.Begin < 0 || entry.End < entry.Begin || entry.End > dataLength)
            {
                throw Unsound(path, $"the tensor \"{entry.Name}\" lies at bytes {entry.Begin}–{entry.End} of {dataLength}: the file is truncated or its header is wrong");
            }

            if (entry.Begin != reached)
            {
                throw Unsound(path, entry.Begin < reached
                    ? $"the tensor \"{entry.Name}\" overlaps another"
                    : $"{entry.Begin - reached} bytes before the tensor \"{entry.Name}\" belong to none");
            }

            if (ElementSize(entry.Dtype) is { } size && ByteLength(entry.Shape, size) != (UInt128)(entry.End - entry.Begin))
            {
                throw Unsound(path, $"the tensor \"{entry.Name}\" [{string.Join(", ", entry.Shape)}] {entry.Dtype} does not fit its {entry.End - entry.Begin} bytes");
            }

            reached = entry.End;
        }

        if (reached != dataLength)
        {
            throw Unsound(path, $"{dataLength - reached} bytes at its end belong to no tensor");
        }
    }

    /// <summary>Null where the shape is impossible, even if an extent of 0 would make its overflow harmless.</summary>
    private static UInt128? ByteLength(long[] shape, int elementSize)
    {
        UInt128 length = (UInt128)elementSize;
        foreach (var extent in shape)
        {
            if (extent < 0)
            {
                return null;
            }

            length *= (UInt128)Math.Max(1, extent);
            if (length > long.MaxValue)
            {
                return null;
            }
        }

        return shape.Contains(0) ? 0 : length;
    }

    private static int? ElementSize(string dtype) => dtype switch
    {
        "BOOL" or "U8" or "I8" or "F8_E4M3" or "F8_E5M2" => 1,
        "I16" or "U16" or "F16" or "BF16" => 2,
        "I32" or "U32" or "F32" => 4,
        "I64" or "U64" or "F64" => 8,
        _ => null,
    };

    /// <summary>Reads until the span is full.</summary>
    /// <exception cref="InvalidDataException">The file ends first.</exception>
    internal static void ReadFully(SafeFileHandle file, Span<byte> into, long position, string path)
    {
        while (into.Length > 0)
        {
            var read = RandomAccess.Read(file, into, position);
            if (read == 0)
            {
                throw Unsound(path, $"it ends at byte {position}");
            }

            into = into[read..];
            position += read;
        }
    }

    internal static InvalidDataException Unsound(string path, string fault) =>
        new($"{path} is not a sound safetensors file: {fault}.");
}

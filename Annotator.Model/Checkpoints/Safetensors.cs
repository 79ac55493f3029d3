using System.Buffers.Binary;
using System.Text.Json;
using Microsoft.Win32.SafeHandles;
using TorchSharp;
using static TorchSharp.torch;

namespace Annotator.Model.Checkpoints;

/// <summary>Where one tensor lies in a safetensors file. <paramref name="Begin"/> and <paramref name="End"/> are byte offsets into the data part.</summary>
public sealed record SafetensorsEntry(string Name, string Dtype, long[] Shape, long Begin, long End);

/// <summary>
/// A safetensors file opened for reading: 8 bytes little-endian header length, a JSON header, then the data
/// (https://huggingface.co/docs/safetensors). The header is checked before anything is allocated.
/// </summary>
public sealed class Safetensors : IDisposable
{
    private const int LongestHeader = 100_000_000;                                                // bytes, the reference reader's limit
    private const int ChunkElements = 1 << 26;                                                    // a tensor's bytes come as an int-sized span

    private readonly SafeFileHandle _file;
    private readonly string _path;
    private readonly long _dataStart;
    private readonly Dictionary<string, SafetensorsEntry> _entries;

    private Safetensors(SafeFileHandle file, string path, long dataStart, Dictionary<string, SafetensorsEntry> entries)
    {
        (_file, _path, _dataStart, _entries) = (file, path, dataStart, entries);
    }

    /// <summary>The tensors in the file, by name.</summary>
    public IReadOnlyDictionary<string, SafetensorsEntry> Entries => _entries;

    /// <summary>Opens and checks a file.</summary>
    /// <exception cref="InvalidDataException">Not a sound safetensors file; the message names the file and the fault.</exception>
    /// <exception cref="IOException">The file can't be read.</exception>
    public static Safetensors Open(string path)
    {
        var file = File.OpenHandle(path);
        try
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
            var entries = ReadHeader(header, path);
            CheckLayout(entries, length - 8 - (long)headerLength, path);
            return new Safetensors(file, path, 8 + (long)headerLength, entries.ToDictionary(entry => entry.Name));
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Reads one tensor in the type in which it is stored (F32, F16, BF16, F64).</summary>
    /// <exception cref="InvalidDataException">Another type, or the file ends early.</exception>
    /// <exception cref="KeyNotFoundException">No tensor of that name.</exception>
    public Tensor Read(string name)
    {
        var entry = _entries[name];
        var dtype = entry.Dtype switch
        {
            "F32" => ScalarType.Float32,
            "F16" => ScalarType.Float16,
            "BF16" => ScalarType.BFloat16,
            "F64" => ScalarType.Float64,
            "I64" => ScalarType.Int64,
            _ => throw Unsound(_path, $"the tensor \"{name}\" is {entry.Dtype}; F32, F16, BF16 or F64 can be read"),
        };

        using var scope = NewDisposeScope();
        var tensor = empty(entry.Shape, dtype);
        var position = _dataStart + entry.Begin;
        foreach (var chunk in Chunks(tensor))
        {
            ReadFully(_file, chunk.bytes, position, _path);
            position += chunk.numel() * chunk.element_size();
        }

        return tensor.MoveToOuterDisposeScope();
    }

    /// <summary>Writes tensors in the given order, with the metadata that transformers asks for.</summary>
    /// <param name="path">Written from the start; callers write beside and rename.</param>
    /// <param name="tensors">On any device.</param>
    /// <param name="dtype">Float32, Float16 or BFloat16 for all; none keeps each tensor's own (Int64 too).</param>
    public static void Write(string path, IEnumerable<KeyValuePair<string, Tensor>> tensors, ScalarType? dtype = null)
    {
        var list = tensors.ToList();
        using var stream = new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.None, 1 << 20);
        var header = Header(list, dtype);
        Span<byte> prefix = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(prefix, (ulong)header.Length);
        stream.Write(prefix);
        stream.Write(header);
        foreach (var (_, tensor) in list)
        {
            using var scope = NewDisposeScope();
            using var _ = no_grad();
            foreach (var chunk in Chunks(tensor.detach().to(dtype ?? tensor.dtype).cpu().contiguous()))
            {
                stream.Write(chunk.bytes);
            }
        }

        stream.Flush(flushToDisk: true);
    }

    public void Dispose() => _file.Dispose();

    private static byte[] Header(List<KeyValuePair<string, Tensor>> tensors, ScalarType? dtype)
    {
        using var json = new MemoryStream();
        using (var writer = new Utf8JsonWriter(json))
        {
            writer.WriteStartObject();
            writer.WriteStartObject("__metadata__");
            writer.WriteString("format", "pt");
            writer.WriteEndObject();
            long begin = 0;
            foreach (var (name, tensor) in tensors)
            {
                var (dtypeName, size) = (dtype ?? tensor.dtype) switch
                {
                    ScalarType.Float32 => ("F32", 4),
                    ScalarType.Float16 => ("F16", 2),
                    ScalarType.BFloat16 => ("BF16", 2),
                    ScalarType.Int64 => ("I64", 8),
                    var other => throw new ArgumentException($"{other} is not written to safetensors here.", nameof(dtype)),
                };
                var end = begin + tensor.numel() * size;
                writer.WriteStartObject(name);
                writer.WriteString("dtype", dtypeName);
                writer.WriteStartArray("shape");
                foreach (var extent in tensor.shape)
                {
                    writer.WriteNumberValue(extent);
                }

                writer.WriteEndArray();
                writer.WriteStartArray("data_offsets");
                writer.WriteNumberValue(begin);
                writer.WriteNumberValue(end);
                writer.WriteEndArray();
                writer.WriteEndObject();
                begin = end;
            }

            writer.WriteEndObject();
        }

        while (json.Length % 8 != 0)
        {
            json.WriteByte((byte)' ');                                                            // so that the data is aligned
        }

        return json.ToArray();
    }

    private static List<SafetensorsEntry> ReadHeader(byte[] header, string path)
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

    private static UInt128? ByteLength(long[] shape, int elementSize)
    {
        UInt128 length = (UInt128)elementSize;
        foreach (var extent in shape)
        {
            if (extent < 0 || length > ulong.MaxValue)
            {
                return null;
            }

            length *= (UInt128)extent;
        }

        return length;
    }

    private static int? ElementSize(string dtype) => dtype switch
    {
        "BOOL" or "U8" or "I8" or "F8_E4M3" or "F8_E5M2" => 1,
        "I16" or "U16" or "F16" or "BF16" => 2,
        "I32" or "U32" or "F32" => 4,
        "I64" or "U64" or "F64" => 8,
        _ => null,
    };

    private static IEnumerable<Tensor> Chunks(Tensor tensor)
    {
        var flat = tensor.view(-1);
        for (long start = 0; start < flat.numel(); start += ChunkElements)
        {
            yield return flat.narrow(0, start, Math.Min(ChunkElements, flat.numel() - start));
        }
    }

    private static void ReadFully(SafeFileHandle file, Span<byte> into, long position, string path)
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

    private static InvalidDataException Unsound(string path, string fault) =>
        new($"{path} is not a sound safetensors file: {fault}.");
}

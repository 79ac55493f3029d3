using System.Buffers.Binary;
using System.Text.Json;
using Annotator.Model.Policies;
using Microsoft.Win32.SafeHandles;
using TorchSharp;
using static TorchSharp.torch;

namespace Annotator.Model.Checkpoints;

/// <summary>
/// A safetensors file opened for reading: 8 bytes little-endian header length, a JSON header, then the data
/// (https://huggingface.co/docs/safetensors). The header is checked before anything is allocated.
/// </summary>
public sealed class Safetensors : IDisposable
{
    private const int ChunkElements = 1 << 26;                                                    // a tensor's bytes come as an int-sized span
    private const int FlushedBytes = 2 << 20;

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
            var header = SafetensorsHeader.Read(file, path);
            return new Safetensors(file, path, header.DataStart, header.Entries.ToDictionary(entry => entry.Name));
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
            _ => throw SafetensorsHeader.Unsound(_path, $"the tensor \"{name}\" is {entry.Dtype}; F32, F16, BF16 or F64 can be read"),
        };

        using var scope = NewDisposeScope();
        var tensor = empty(entry.Shape, dtype);
        var position = _dataStart + entry.Begin;
        foreach (var chunk in Chunks(tensor))
        {
            SafetensorsHeader.ReadFully(_file, chunk.bytes, position, _path);
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
        long flushed = 0;
        foreach (var (_, tensor) in list)
        {
            using var scope = NewDisposeScope();
            using var _ = no_grad();
            foreach (var chunk in Chunks(tensor.detach().to(dtype ?? tensor.dtype).cpu().contiguous()))
            {
                stream.Write(chunk.bytes);

                // In one burst at the end, every other program's commit to this disk (a judgment, say) would wait behind it.
                if (stream.Position - flushed >= FlushedBytes)
                {
                    stream.Flush(flushToDisk: true);
                    flushed = stream.Position;
                }
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

    private static IEnumerable<Tensor> Chunks(Tensor tensor)
    {
        var flat = tensor.view(-1);
        for (long start = 0; start < flat.numel(); start += ChunkElements)
        {
            yield return flat.narrow(0, start, Math.Min(ChunkElements, flat.numel() - start));
        }
    }
}

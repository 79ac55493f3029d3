using System.Buffers.Binary;
using System.Runtime.InteropServices;
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
/// <remarks>
/// Tensors in the type in which they are stored are mapped, not read: opening costs neither time nor memory, the
/// pages come from the file when they are first touched, and one that is written to becomes the process's own (copy
/// on write). The mapping lives as long as any tensor from it, whatever becomes of this object. As with every mapped
/// file, nobody may cut it off meanwhile: saving replaces files by renaming and never writes into them.
/// </remarks>
public sealed class Safetensors : IDisposable
{
    private const int ChunkElements = 1 << 26;                                                    // a tensor's bytes come as an int-sized span
    private const int ConvertedElements = 1 << 22;                                                // small beside the tensors they are read into
    private const int FlushedBytes = 2 << 20;

    private readonly SafeFileHandle _file;
    private readonly string _path;
    private readonly long _length;
    private readonly long _dataStart;
    private readonly Dictionary<string, SafetensorsEntry> _entries;
    private readonly Dictionary<ScalarType, Tensor> _mappings = [];                               // the whole file as elements of one type

    private Safetensors(SafeFileHandle file, string path, SafetensorsHeader header)
    {
        (_file, _path, _dataStart) = (file, path, header.DataStart);
        _length = header.DataStart + header.Entries.Select(entry => entry.End).DefaultIfEmpty().Max();
        _entries = header.Entries.ToDictionary(entry => entry.Name);
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
            return new Safetensors(file, path, SafetensorsHeader.Read(file, path));
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>
    /// One tensor, on the CPU. In its stored type it is mapped; in another it is converted piece by piece, so that
    /// no second copy of it is ever in memory.
    /// </summary>
    /// <param name="name">One of <see cref="Entries"/>.</param>
    /// <param name="dtype">The type to have it in; none keeps the stored one (F32, F16, BF16, F64 or I64).</param>
    /// <param name="mapped">False reads it even so, into memory of its own.</param>
    /// <exception cref="InvalidDataException">Stored in another type, or the file has become shorter since it was opened.</exception>
    /// <exception cref="IOException">The file can't be mapped.</exception>
    /// <exception cref="KeyNotFoundException">No tensor of that name.</exception>
    public Tensor Read(string name, ScalarType? dtype = null, bool mapped = true)
    {
        var entry = _entries[name];
        var (stored, size) = entry.Dtype switch
        {
            "F32" => (ScalarType.Float32, 4),
            "F16" => (ScalarType.Float16, 2),
            "BF16" => (ScalarType.BFloat16, 2),
            "F64" => (ScalarType.Float64, 8),
            "I64" => (ScalarType.Int64, 8),
            _ => throw SafetensorsHeader.Unsound(_path, $"the tensor \"{name}\" is {entry.Dtype}; F32, F16, BF16 or F64 can be read"),
        };
        if (RandomAccess.GetLength(_file) is var length && length < _length)
        {
            throw SafetensorsHeader.Unsound(_path, $"it has become shorter while it was read ({length} bytes instead of {_length})");
        }

        using var scope = NewDisposeScope();
        using var _ = no_grad();
        // Files of other writers may begin their data anywhere; only a multiple of the element's size can be mapped.
        var mappable = mapped && entry.End > entry.Begin && (_dataStart + entry.Begin) % size == 0;
        var tensor = mappable && (dtype ?? stored) == stored ? Mapped(entry, stored, size) : Converted(entry, stored, size, dtype ?? stored);
        return tensor.MoveToOuterDisposeScope();
    }

    private Tensor Mapped(SafetensorsEntry entry, ScalarType stored, int size)
    {
        if (!_mappings.TryGetValue(stored, out var whole))
        {
            try
            {
                whole = from_file(_path, shared: false, _length / size, stored).DetachFromDisposeScope();
            }
            catch (ExternalException e)
            {
                throw new IOException($"{_path} can't be mapped into memory: {e.Message.Split('\n')[0]}", e);
            }

            _mappings[stored] = whole;
        }

        var part = whole.narrow(0, (_dataStart + entry.Begin) / size, (entry.End - entry.Begin) / size).view(entry.Shape);
        // A view would share its version with all others, and autograd would take a step on one parameter for a step on all.
        return empty(0, stored).set_(part);
    }

    private Tensor Converted(SafetensorsEntry entry, ScalarType stored, int size, ScalarType dtype)
    {
        var tensor = empty(entry.Shape, dtype);
        var buffer = empty(Math.Min(ConvertedElements, tensor.numel()), stored);
        var flat = tensor.view(-1);
        var position = _dataStart + entry.Begin;
        for (long start = 0; start < flat.numel(); start += ConvertedElements)
        {
            using var piece = NewDisposeScope();
            var read = buffer.narrow(0, 0, Math.Min(ConvertedElements, flat.numel() - start));
            SafetensorsHeader.ReadFully(_file, read.bytes, position, _path);
            flat.narrow(0, start, read.numel()).copy_(read);
            position += read.numel() * size;
        }

        return tensor;
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

    /// <summary>Closes the file; tensors that were read stay valid.</summary>
    public void Dispose()
    {
        foreach (var mapping in _mappings.Values)
        {
            mapping.Dispose();
        }

        _file.Dispose();
    }

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

using System.Buffers.Binary;
using System.Text;
using Annotator.Model.Checkpoints;
using Annotator.Tests.Fixtures;
using CsCheck;
using TorchSharp;
using static TorchSharp.torch;

namespace Annotator.Tests.Model.Checkpoints;

[Collection(TorchCollection.Name)]
public sealed class SafetensorsTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData(ScalarType.Float32, 0)]
    [InlineData(ScalarType.Float16, 1e-3)]
    [InlineData(ScalarType.BFloat16, 1e-2)]
    public void Tensors_come_back_in_the_type_they_were_written_in(ScalarType dtype, double tolerance)
    {
        using var scope = NewDisposeScope();
        var path = _directory["model.safetensors"];
        var matrix = arange(6, ScalarType.Float32).view(2, 3) / 7;
        Safetensors.Write(path, new Dictionary<string, Tensor> { ["a.weight"] = matrix, ["b"] = tensor(1.5f) }, dtype);

        using var file = Safetensors.Open(path);

        file.Entries.Keys.ShouldBe(["a.weight", "b"]);
        file.Read("a.weight").dtype.ShouldBe(dtype);
        file.Read("a.weight").shape.ShouldBe([2, 3]);
        file.Read("a.weight").ShouldBeCloseTo([0, 1 / 7f, 2 / 7f, 3 / 7f, 4 / 7f, 5 / 7f], tolerance);
        file.Read("b").shape.ShouldBeEmpty();
    }

    [Theory]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", 4, "truncated")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[2,6]}}""", 6, "overlaps")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}""", 8, "belong to none")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}""", 8, "belong to no tensor")]
    [InlineData("""{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}""", 8, "does not fit")]
    [InlineData("""{"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,8]}}""", 8, "does not fit")]
    [InlineData("""{"a":{"dtype":"F32","shape":[0,4611686018427387904,4611686018427387904],"data_offsets":[0,0]}}""", 0, "does not fit")]
    [InlineData("""{"a":{"dtype":"F32","shape":[-1,-2],"data_offsets":[0,8]}}""", 8, "does not fit")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}""", 8, "truncated or its header is wrong")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}""", 8, "listed twice")]
    [InlineData("""{"a":{"shape":[2]}}""", 8, "header can't be read")]
    [InlineData("""{"a":[]}""", 8, "header can't be read")]
    [InlineData("not json", 8, "header can't be read")]
    public void A_wrong_header_is_refused_with_its_fault_and_the_file(string header, int dataLength, string fault)
    {
        var path = Write((ulong)Encoding.UTF8.GetByteCount(header), header, dataLength);

        var error = Should.Throw<InvalidDataException>(() => Safetensors.Open(path));

        error.Message.ShouldContain(fault);
        error.Message.ShouldContain(path);
    }

    [Theory]
    [InlineData(ulong.MaxValue)]
    [InlineData(1UL << 60)]
    [InlineData(99_000_000UL)]
    public void A_huge_header_is_not_believed(ulong claimed) =>
        Should.Throw<InvalidDataException>(() => Safetensors.Open(Write(claimed, "{}", 8)))
            .Message.ShouldContain("header claims");

    [Fact]
    public void An_empty_file_is_refused()
    {
        File.WriteAllBytes(_directory["empty.safetensors"], []);

        Should.Throw<InvalidDataException>(() => Safetensors.Open(_directory["empty.safetensors"]))
            .Message.ShouldContain("too few for a header");
    }

    [Fact]
    public void Tensors_outlive_the_file_they_are_mapped_from_and_writing_to_them_leaves_it_as_it_is()
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var path = _directory["model.safetensors"];
        Safetensors.Write(path, new Dictionary<string, Tensor> { ["a"] = arange(3, ScalarType.Float32), ["b"] = ones(2) });
        var bytes = File.ReadAllBytes(path);
        Tensor a, b;
        using (var file = Safetensors.Open(path))
        {
            (a, b) = (file.Read("a"), file.Read("b"));
        }

        a.add_(1);
        b.mul_(5);

        a.ShouldBeCloseTo([1, 2, 3], 0);
        b.ShouldBeCloseTo([5, 5], 0);
        File.ReadAllBytes(path).ShouldBe(bytes);
        File.Delete(path);
        a.ShouldBeCloseTo([1, 2, 3], 0);
    }

    [Fact]
    public void A_step_on_one_mapped_parameter_is_not_taken_for_a_step_on_another()
    {
        using var scope = NewDisposeScope();
        var path = _directory["model.safetensors"];
        Safetensors.Write(path, new Dictionary<string, Tensor> { ["a"] = ones(2), ["b"] = ones(2), ["c"] = ones(2) });
        using var file = Safetensors.Open(path);
        var (a, b, c) = (file.Read("a").requires_grad_(true), file.Read("b").requires_grad_(true), file.Read("c"));

        var loss = (a * b).sum();
        using (no_grad())
        {
            c.add_(1);
        }

        loss.backward();
        a.grad!.ShouldBeCloseTo([1, 1], 0);
        a.is_leaf.ShouldBeTrue();
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(3)]
    public void A_file_whose_data_begins_anywhere_is_read_all_the_same(int padding)
    {
        using var scope = NewDisposeScope();
        var header = """{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""" + new string(' ', padding);
        var path = Write((ulong)header.Length, header, 8);
        var bytes = File.ReadAllBytes(path);
        BitConverter.TryWriteBytes(bytes.AsSpan(bytes.Length - 4), 2.5f).ShouldBeTrue();
        File.WriteAllBytes(path, bytes);

        using var file = Safetensors.Open(path);

        file.Read("a").ShouldBeCloseTo([0, 2.5f], 0);
        file.Read("a", ScalarType.BFloat16).ShouldBeCloseTo([0, 2.5f], 0);
    }

    [Fact]
    public void A_file_that_shrinks_after_it_was_opened_is_refused()
    {
        var path = _directory["model.safetensors"];
        using (NewDisposeScope())
        {
            Safetensors.Write(path, new Dictionary<string, Tensor> { ["a"] = ones(1000) });
        }

        using var file = Safetensors.Open(path);
        using (var process = System.Diagnostics.Process.Start("truncate", ["-s", "200", path]))       // as no .NET program could: it would ask first
        {
            process.WaitForExit();
        }

        Should.Throw<InvalidDataException>(() => file.Read("a")).Message.ShouldContain("shorter");
    }

    [Fact]
    public void No_bytes_at_all_do_more_than_raise_an_error()
    {
        var path = _directory["model.safetensors"];
        using (NewDisposeScope())
        {
            Safetensors.Write(path, new Dictionary<string, Tensor> { ["a.weight"] = ones(2, 3), ["b"] = zeros(4) });
        }

        var sound = File.ReadAllBytes(path);
        var mutated =
            from changes in Gen.Select(Gen.Int[0, sound.Length - 1], Gen.Byte).Array[0, 8]
            from length in Gen.Frequency((3, Gen.Const(sound.Length)), (1, Gen.Int[0, sound.Length]))
            select Change(sound, changes, length);
        var headers =
            from shape in Gen.OneOf(Gen.Long.Array[0, 4], Gen.Long[0, 4].Array[0, 4])
            from offsets in Gen.Frequency((1, Gen.Long.Array[0, 3]), (2, Gen.Long[0, 40].Array[2]))
            from dtype in Gen.Int[0, 4].Select(i => new[] { "F32", "BF16", "I64", "U8", "X" }[i])
            from data in Gen.Byte.Array[0, 40]
            select WithHeader($$"""{"a":{"dtype":"{{dtype}}","shape":[{{string.Join(',', shape)}}],"data_offsets":[{{string.Join(',', offsets)}}] } }""", data);

        Gen.OneOf(mutated, headers, Gen.Byte.Array[0, 200]).Sample(
            bytes =>
            {
                using var scope = NewDisposeScope();
                File.WriteAllBytes(path, bytes);
                try
                {
                    using var file = Safetensors.Open(path);
                    foreach (var name in file.Entries.Keys)
                    {
                        file.Read(name).to(ScalarType.Float32).sum().item<float>();
                        file.Read(name, ScalarType.Float32).numel().ShouldBe(file.Entries[name].Shape.Aggregate(1L, (a, b) => a * b));
                    }
                }
                catch (InvalidDataException e)
                {
                    e.Message.ShouldContain(path);
                }
            },
            iter: 2000,
            threads: 1);

        static byte[] Change(byte[] sound, (int At, byte To)[] changes, int length)
        {
            var bytes = sound.ToArray();
            foreach (var (at, to) in changes)
            {
                bytes[at] = to;
            }

            return bytes[..length];
        }

        static byte[] WithHeader(string header, byte[] data) =>
            [.. BitConverter.GetBytes((ulong)header.Length), .. Encoding.UTF8.GetBytes(header), .. data];
    }

    private string Write(ulong claimedLength, string header, int dataLength)
    {
        var path = _directory["hostile.safetensors"];
        var bytes = new byte[8 + Encoding.UTF8.GetByteCount(header) + dataLength];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, claimedLength);
        Encoding.UTF8.GetBytes(header, bytes.AsSpan(8));
        File.WriteAllBytes(path, bytes);
        return path;
    }
}

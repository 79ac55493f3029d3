using System.Buffers.Binary;
using System.Text;
using Annotator.Model.Checkpoints;
using Annotator.Tests.Fixtures;
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
    [InlineData("""{"a":{"dtype":"F32","shape":[-1,-2],"data_offsets":[0,8]}}""", 8, "does not fit")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}""", 8, "truncated or its header is wrong")]
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
    [InlineData(1UL << 40)]
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

using Annotator.Model.LanguageModels;
using TorchSharp;
using static TorchSharp.torch;

namespace Annotator.Model.Benchmarks;

/// <summary>Reads an array far beyond the caches with all threads: how fast memory is. Needs <c>no_grad</c>.</summary>
public sealed class MemoryReading : IDisposable
{
    private const long Rows = 40_000, Columns = 4_096;

    private readonly Tensor _matrix = rand(Rows, Columns);
    private readonly Tensor _vector = rand(Columns);

    /// <summary>Of the array.</summary>
    public static long Bytes => Rows * Columns * sizeof(float);

    /// <summary>A sum and two matrix–vector products, libtorch's and ours; whichever is fastest here is the speed of memory.</summary>
    public IReadOnlyList<Action> Ways =>
    [
        () => _matrix.sum().Dispose(),
        () => mv(_matrix, _vector).Dispose(),
        () => Projection.Linear(_vector, _matrix).Dispose(),
    ];

    public void Dispose()
    {
        _matrix.Dispose();
        _vector.Dispose();
    }
}

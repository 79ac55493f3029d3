using Annotator.Model.Native;
using TorchSharp;

namespace Annotator.Tests.Fixtures;

/// <summary>
/// Loads libtorch for the tests of a class marked <c>[Collection(TorchCollection.Name)]</c>. They run one after
/// another: torch uses all cores by itself, and its random state and number of threads are the process's.
/// </summary>
[CollectionDefinition(Name)]
public sealed class TorchCollection : ICollectionFixture<TorchFixture>
{
    public const string Name = "torch";
}

/// <summary>libtorch, loaded.</summary>
public sealed class TorchFixture
{
    public TorchFixture() => LibTorch.Load();
}

/// <summary>How many tensors there are.</summary>
public static class LiveTensors
{
    /// <summary>
    /// Those that nobody has let go of. What earlier tests dropped without disposing of it counts until the garbage collector comes
    /// by, which it may do between two countings; so it comes first.
    /// </summary>
    public static long Count()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        return torch.Tensor.TotalCount;
    }
}

/// <summary>Assertions on tensors.</summary>
public static class TensorAssertions
{
    /// <summary>Equal within an absolute tolerance; the message holds the largest difference.</summary>
    public static void ShouldBeCloseTo(this torch.Tensor actual, float[] expected, double tolerance)
    {
        var values = actual.detach().to(torch.ScalarType.Float32).cpu().contiguous().view(-1).data<float>().ToArray();
        values.Length.ShouldBe(expected.Length);
        values.Zip(expected, (a, e) => Math.Abs((double)a - e)).Max().ShouldBeLessThanOrEqualTo(tolerance);
    }
}

using System.Runtime.CompilerServices;
using Xunit.Sdk;
using Xunit.v3;

namespace Annotator.Tests.Benchmarks;

/// <summary>
/// A test that measures for minutes: found only where the environment variable <c>ANNOTATOR_BENCHMARKS</c> is set, so that
/// the everyday run neither takes its time nor counts it as skipped.
/// </summary>
[AttributeUsage(AttributeTargets.Method)]
[XunitTestCaseDiscoverer(typeof(BenchmarkDiscoverer))]
public sealed class BenchmarkAttribute([CallerFilePath] string? sourceFilePath = null, [CallerLineNumber] int sourceLineNumber = -1)
    : FactAttribute(sourceFilePath, sourceLineNumber);

/// <inheritdoc cref="BenchmarkAttribute"/>
public sealed class BenchmarkDiscoverer : FactDiscoverer
{
    public override ValueTask<IReadOnlyCollection<IXunitTestCase>> Discover(
        ITestFrameworkDiscoveryOptions discoveryOptions, IXunitTestMethod testMethod, IFactAttribute factAttribute) =>
        Environment.GetEnvironmentVariable("ANNOTATOR_BENCHMARKS") is null
            ? new([])
            : base.Discover(discoveryOptions, testMethod, factAttribute);
}

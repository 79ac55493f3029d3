using System.Runtime.CompilerServices;
using Xunit.Sdk;
using Xunit.v3;

namespace Annotator.Tests.Fixtures;

/// <summary>
/// Preference files that others published, for the tests that count what is in them: <c>../shared/preferences</c> beside the
/// repository. They are no part of it; where they are not, the tests that need them are not found.
/// </summary>
internal static class RealPreferences
{
    public static string? Folder { get; } = Find();

    public static string Path(string file) => System.IO.Path.Combine(Folder!, file);

    private static string? Find()
    {
        var root = new DirectoryInfo(AppContext.BaseDirectory);
        while (root is not null && !File.Exists(System.IO.Path.Combine(root.FullName, "Annotator.sln")))
        {
            root = root.Parent;
        }

        var folder = System.IO.Path.Combine(root?.Parent?.FullName ?? "", "shared", "preferences");
        return Directory.Exists(folder) ? folder : null;
    }
}

/// <summary>A test of <see cref="RealPreferences"/>.</summary>
[AttributeUsage(AttributeTargets.Method)]
[XunitTestCaseDiscoverer(typeof(RealPreferencesDiscoverer))]
public sealed class RealPreferencesFactAttribute([CallerFilePath] string? sourceFilePath = null, [CallerLineNumber] int sourceLineNumber = -1)
    : FactAttribute(sourceFilePath, sourceLineNumber);

/// <inheritdoc cref="RealPreferencesFactAttribute"/>
public sealed class RealPreferencesDiscoverer : FactDiscoverer
{
    public override ValueTask<IReadOnlyCollection<IXunitTestCase>> Discover(
        ITestFrameworkDiscoveryOptions discoveryOptions, IXunitTestMethod testMethod, IFactAttribute factAttribute) =>
        RealPreferences.Folder is null ? new([]) : base.Discover(discoveryOptions, testMethod, factAttribute);
}

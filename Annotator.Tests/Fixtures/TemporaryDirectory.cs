namespace Annotator.Tests.Fixtures;

/// <summary>A directory of a test's own, removed with it.</summary>
public sealed class TemporaryDirectory : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("annotator-").FullName;

    /// <summary>A path within.</summary>
    public string this[string name] => System.IO.Path.Combine(Path, name);

    public void Dispose() => Directory.Delete(Path, recursive: true);
}

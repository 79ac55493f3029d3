namespace Annotator.Tests.Fixtures;

/// <summary>Files of the repository that the tests run in.</summary>
public static class Repository
{
    /// <summary>The policy that travels with the repository.</summary>
    public static string EmbeddedPolicy => Find("data/policies/sft");

    /// <summary>The full path of a file or folder.</summary>
    /// <param name="path">From the root.</param>
    public static string Find(string path)
    {
        var directory = new DirectoryInfo(AppContext.BaseDirectory);
        while (directory is not null && !Path.Exists(Path.Combine(directory.FullName, path)))
            directory = directory.Parent;
        return Path.Combine(directory?.FullName ?? throw new FileNotFoundException($"There is no {path} above {AppContext.BaseDirectory}."), path);
    }
}

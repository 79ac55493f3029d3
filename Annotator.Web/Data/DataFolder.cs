namespace Annotator.Web.Data;

/// <summary>Where everything that the app writes lives: <c>data/run</c> unless <c>--data</c> says otherwise.</summary>
public sealed class DataFolder(string root)
{
    public string Root { get; } = Path.GetFullPath(root);

    public string Database => Path.Combine(Root, "annotator.db");

    /// <summary>The policy registry: one Hugging Face directory a policy, named by content hash, never changed.</summary>
    public string Policies => Path.Combine(Root, "policies");

    /// <summary>One round directory a round.</summary>
    public string Rounds => Path.Combine(Root, "rounds");

    /// <summary>Data-protection keys and the key that shuffles the sides.</summary>
    public string Keys => Path.Combine(Root, "keys");

    /// <summary>Files that an admin sent and that are being looked at; emptied at every start.</summary>
    public string Uploads => Path.Combine(Root, "uploads");

    public string Policy(string hash) => Path.Combine(Policies, hash);

    public string Round(string directoryName) => Path.Combine(Rounds, directoryName);

    /// <summary><c>data/run</c> of the repository when the app runs from a build inside one, else beside the app.</summary>
    public static string DefaultRoot()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "Annotator.sln")))
        {
            folder = folder.Parent;
        }

        return Path.Combine(folder?.FullName ?? AppContext.BaseDirectory, "data", "run");
    }

    /// <summary>Makes the folders that are missing and proves that they can be written.</summary>
    /// <exception cref="StartupException">They can't.</exception>
    public void Prepare()
    {
        try
        {
            foreach (var folder in new[] { Root, Policies, Rounds, Keys })
            {
                Directory.CreateDirectory(folder);
            }

            var probe = Path.Combine(Root, $".write-test-{Guid.NewGuid():N}");
            File.WriteAllBytes(probe, []);
            File.Delete(probe);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new StartupException(
                $"The data folder {Root} can't be written ({e.Message.TrimEnd('.')}): make it writable, or choose another with --data DIR.", e);
        }
    }
}

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

    public string Policy(string hash) => Path.Combine(Policies, hash);

    public string Round(string directoryName) => Path.Combine(Rounds, directoryName);
}

namespace Annotator.Model.Experiments;

/// <summary>What travels with the repository, in <c>data</c> beside the program or above it.</summary>
public static class EmbeddedData
{
    public static string SftPolicy => Find(Path.Combine("policies", "sft"));

    public static string Scorer => Find(Path.Combine("scorers", "sentiment.tsv"));

    public static string Prompts => Find(Path.Combine("prompts", "film-reviews.jsonl"));

    private static string Find(string name)
    {
        for (var directory = new DirectoryInfo(AppContext.BaseDirectory); directory is not null; directory = directory.Parent)
        {
            var path = Path.Combine(directory.FullName, "data", name);
            if (Path.Exists(path))
                return path;
        }
        throw new FileNotFoundException($"data/{name} is neither beside {AppContext.BaseDirectory} nor above it.");
    }
}

namespace Annotator.Web.Data;

/// <summary>The starter prompts, guidelines and policies that travel with the app, in <c>data</c> beside it.</summary>
public static class StarterData
{
    public static string Folder { get; } = Path.Combine(AppContext.BaseDirectory, "data");
    public static string Prompts { get; } = Path.Combine(Folder, "prompts", "film-reviews.jsonl");
    public static string Guidelines { get; } = Path.Combine(Folder, "guidelines", "film-reviews.md");
    public static string Scorer { get; } = Path.Combine(Folder, "scorers", "sentiment.tsv");
    public static string SftPolicy { get; } = Path.Combine(Folder, "policies", "sft");
}

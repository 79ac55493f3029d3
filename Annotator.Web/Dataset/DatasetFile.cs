namespace Annotator.Web.Dataset;

/// <summary>One of the files that a study's judgments can be taken away as.</summary>
/// <param name="Format">As formats are called: <c>trl</c>, <c>log</c>, …</param>
/// <param name="Ending"><c>jsonl</c>, <c>csv</c> or <c>parquet</c>.</param>
public sealed record DatasetFile(string Format, string Ending)
{
    /// <summary>In the order in which the page offers them.</summary>
    public static IReadOnlyList<DatasetFile> All { get; } =
    [
        new("trl", "jsonl"), new("trl", "parquet"), new("trl", "csv"), new("ranking", "jsonl"), new("log", "jsonl"), new("log", "parquet"), new("log", "csv"),
        new("hh-rlhf", "jsonl"), new("openai-comparisons", "jsonl"), new("ultrafeedback-binarized", "jsonl"), new("arena", "jsonl"),
    ];

    public string Name => $"{Format}.{Ending}";

    public string ContentType => Ending switch
    {
        "csv" => "text/csv; charset=utf-8",
        "parquet" => "application/vnd.apache.parquet",
        _ => "application/jsonl; charset=utf-8",
    };

    /// <summary>Null if there is none of that name.</summary>
    public static DatasetFile? Find(string name) => All.FirstOrDefault(file => file.Name == name);
}

namespace Annotator.Model.Preferences.Datasets;

/// <summary>
/// The <c>openai-comparisons</c> format of "Learning to summarize from human feedback" (Stiennon et al., 2020): a post, two
/// summaries, and which one the worker chose. The prompt is put together as the paper's appendix B.3 does.
/// </summary>
public sealed class OpenAIComparisons : IDatasetFormat
{
    public string Name => "openai-comparisons";

    bool IDatasetFormat.Recognises(JsonRecord first) => first.HasAll("info", "summaries", "choice");

    Reading IDatasetFormat.Read(JsonRecord record)
    {
        var info = record.Record("info");
        var prompt = Prompt(info);
        record.Adopt(info);
        var summaries = record.List("summaries");
        var completions = summaries.Select(summary => new PreferenceCompletion { Text = summary.Text("text"), Policy = summary.OptionalText("policy") }).ToList();
        foreach (var summary in summaries)
            record.Adopt(summary);
        if (completions.Count != 2)
            record.Blame($"There must be two summaries; there are {completions.Count}.");
        var choice = record.Whole("choice");
        if (choice is not (0 or 1))
            record.Blame("\"choice\" must be 0 or 1.");
        return record.Fault is not null ? default : Reading.Of(new DatasetRow
        {
            Prompt = prompt,
            Completions = completions,
            Ranking = Ranking.Prefer(choice, 1 - choice),
            Annotator = record.OptionalId("worker"),
            Comment = record.OptionalText("note"),
            PromptId = info.OptionalId("id"),
        });
    }

    /// <inheritdoc />
    public IEnumerable<string> Write(DatasetRow row) => (row.Ranking?.Pairs() ?? []).Select(pair =>
    {
        var (first, second) = (Math.Min(pair.Better, pair.Worse), Math.Max(pair.Better, pair.Worse));
        return DatasetJson.Line(json =>
        {
            json.WriteStartObject("info");
            json.WriteString("id", row.PromptId);
            json.WriteString("post", row.Prompt.AsText());
            json.WriteNull("title");
            json.WriteNull("subreddit");
            json.WriteEndObject();
            json.WriteString("split", row.Split == PreferenceSplit.Eval ? "valid1" : "train");
            json.WriteStartArray("summaries");
            foreach (var index in (int[])[first, second])
            {
                json.WriteStartObject();
                json.WriteString("text", row.Completions[index].Text);
                json.WriteString("policy", row.Completions[index].Author is null ? row.Completions[index].Policy : "person");
                json.WriteNull("note");
                json.WriteEndObject();
            }
            json.WriteEndArray();
            json.WriteNumber("choice", pair.Better == first ? 0 : 1);
            json.WriteString("worker", row.Annotator);
            json.WriteString("batch", row.At?.ToString("yyyy-MM-dd", System.Globalization.CultureInfo.InvariantCulture));
            json.WriteString("note", row.Comment);
            json.WriteStartObject("extra");
            // Its scale of 1 to 9 was asked of some of its workers only, and never by us.
            json.WriteNull("confidence");
            json.WriteEndObject();
        });
    });

    private static string Prompt(JsonRecord info)
    {
        if (info.Has("article"))
            return $"Article: {info.Text("article")}\n\nTL;DR:";
        var post = info.Text("post");
        return info.Has("title") || info.Has("subreddit")
            ? $"SUBREDDIT: r/{info.OptionalText("subreddit")}\n\nTITLE: {info.OptionalText("title")}\n\nPOST: {post}\n\nTL;DR:"
            : post;
    }
}

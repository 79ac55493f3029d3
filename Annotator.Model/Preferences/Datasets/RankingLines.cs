namespace Annotator.Model.Preferences.Datasets;

/// <summary>
/// The <c>ranking</c> format: the lines of a round's <c>preferences.jsonl</c> (<see cref="PreferenceLine"/>). Nothing is lost
/// of an order of three or more, ties among them.
/// </summary>
public sealed class RankingLines : IDatasetFormat
{
    public string Name => "ranking";

    bool IDatasetFormat.Recognises(JsonRecord first) => first.HasAll("prompt", "completions", "ranking");

    Reading IDatasetFormat.Read(JsonRecord record)
    {
        var prompt = record.TextOrMessages("prompt");
        var completions = record.List("completions").Select(Completion).ToList();
        var ranking = record.Has("ranking") ? record.Optional<Ranking>("ranking") : null;
        if (ranking is null)
            record.Blame("\"ranking\" is missing.");
        return record.Fault is not null ? default : Reading.Of(new DatasetRow
        {
            Id = record.OptionalText("id"),
            Prompt = prompt,
            PromptTokenIds = record.Optional<int[]>("prompt_token_ids"),
            Completions = completions,
            Ranking = ranking,
            Weight = record.OptionalNumber("weight") ?? 1,
            Split = record.Optional<PreferenceSplit?>("split"),
        });

        PreferenceCompletion Completion(JsonRecord part)
        {
            var completion = new PreferenceCompletion
            {
                Text = part.Text("text"),
                TokenIds = part.Optional<int[]>("token_ids"),
                ReferenceLogp = part.OptionalNumber("reference_logp"),
                Policy = part.OptionalText("policy"),
                Author = part.Optional<TextAuthor?>("author"),
            };
            record.Adopt(part);
            return completion;
        }
    }

    /// <inheritdoc />
    public IEnumerable<string> Write(DatasetRow row) => row.Ranking is { } ranking
        ? [JsonLines.Format(new PreferenceLine
        {
            Id = row.Id ?? "",
            Prompt = row.Prompt,
            PromptTokenIds = row.PromptTokenIds,
            Completions = row.Completions,
            Ranking = ranking,
            Weight = row.Weight,
            Split = row.Split ?? PreferenceSplit.Train,
        })]
        : [];
}

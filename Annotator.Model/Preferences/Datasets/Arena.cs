namespace Annotator.Model.Preferences.Datasets;

/// <summary>
/// The <c>arena</c> format of chatbot arenas: two conversations of two models and the <c>winner</c>, <c>model_a</c>,
/// <c>model_b</c>, <c>tie</c> or <c>tie (bothbad)</c>. A ranking is written as a battle for each two of its completions, ties
/// too. Of a conversation of several turns the last answer is compared, if what came before it is the same on both sides.
/// </summary>
public sealed class Arena : IDatasetFormat
{
    private const string BothBad = "tie (bothbad)";

    public string Name => "arena";

    bool IDatasetFormat.Recognises(JsonRecord first) => first.HasAll("conversation_a", "conversation_b", "winner");

    Reading IDatasetFormat.Read(JsonRecord record)
    {
        var (a, b) = (record.Messages("conversation_a"), record.Messages("conversation_b"));
        var winner = record.Text("winner");
        if (record.Fault is not null)
            return default;
        if (winner is not ("model_a" or "model_b" or "tie" or BothBad))
            return Reading.Refused($"The winner must be model_a, model_b, tie or {BothBad}.");
        if (a[^1].Role != "assistant" || b[^1].Role != "assistant" || a.Count < 2)
            return Reading.Refused("Each conversation must end with an answer of the assistant.");
        if (!a.SkipLast(1).SequenceEqual(b.SkipLast(1)))
            return Reading.Refused("The two conversations differ before their last answer.");
        return Reading.Of(new DatasetRow
        {
            Id = record.OptionalId("question_id"),
            Prompt = TextOrMessages.FromMessages(a.SkipLast(1)),
            Completions = [new() { Text = a[^1].Content, Policy = record.OptionalText("model_a") }, new() { Text = b[^1].Content, Policy = record.OptionalText("model_b") }],
            Ranking = winner switch { "model_a" => Ranking.Prefer(0, 1), "model_b" => Ranking.Prefer(1, 0), "tie" => Ranking.Tie(2), _ => null },
            Annotator = record.OptionalId("judge"),
            At = record.OptionalNumber("tstamp") is { } seconds and >= 0 and < 253402300800 ? DateTime.UnixEpoch.AddSeconds(seconds) : null,
        });
    }

    /// <inheritdoc />
    public IEnumerable<string> Write(DatasetRow row)
    {
        if (row.Ranking is not { } ranking)
            return row.Completions.Count == 2 ? [Battle(row, 0, 1, BothBad)] : [];
        var tierOf = ranking.Tiers.Index().SelectMany(tier => tier.Item.Select(index => (index, tier.Index))).ToDictionary();
        var ranked = tierOf.Keys.Order().ToList();
        return from a in ranked
               from b in ranked
               where a < b
               select Battle(row, a, b, tierOf[a].CompareTo(tierOf[b]) switch { < 0 => "model_a", > 0 => "model_b", _ => "tie" });
    }

    private static string Battle(DatasetRow row, int a, int b, string winner) => DatasetJson.Line(json =>
    {
        json.WriteString("question_id", row.Id);
        json.WriteString("model_a", Model(row.Completions[a]));
        json.WriteString("model_b", Model(row.Completions[b]));
        json.WriteString("winner", winner);
        json.WriteString("judge", row.Annotator);
        json.Messages("conversation_a", row.Conversation(a));
        json.Messages("conversation_b", row.Conversation(b));
        json.WriteNumber("turn", row.Prompt.Turns().Count(message => message.Role == "user"));
        json.WriteString("language", "unknown");
        json.NumberOrNull("tstamp", row.At is { } at ? (at - DateTime.UnixEpoch).TotalSeconds : null);
    });

    private static string? Model(PreferenceCompletion completion) => completion.Author is null ? completion.Policy ?? "unknown" : "person";
}

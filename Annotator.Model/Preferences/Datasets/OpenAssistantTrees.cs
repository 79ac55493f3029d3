namespace Annotator.Model.Preferences.Datasets;

/// <summary>
/// OpenAssistant's message trees, read only: wherever people ranked two or more replies of the assistant to the same
/// conversation, that is a row. Replies without a rank were not compared. Source: OpenAssistant Conversations (Köpf et al., 2023).
/// </summary>
public sealed class OpenAssistantTrees : IDatasetFormat
{
    public string Name => "openassistant-trees";

    bool IDatasetFormat.Recognises(JsonRecord first) => first.Has("message_tree_id") && first.IsObject("prompt");

    Reading IDatasetFormat.Read(JsonRecord record)
    {
        var rows = new List<DatasetRow>();
        var root = record.Record("prompt");
        Walk(root, []);
        return record.Fault is not null ? default
            : rows.Count > 0 ? Reading.Of(rows)
            : Reading.Refused("Nobody ranked replies in this tree.");

        void Walk(JsonRecord message, IReadOnlyList<ChatMessage> before)
        {
            IReadOnlyList<ChatMessage> path = [.. before, new(Role(message), message.Text("text"))];
            var replies = message.Has("replies") ? message.List("replies") : [];
            var ranked = replies.Where(reply => reply.Has("rank")).OrderBy(reply => reply.Whole("rank")).ToList();
            if (ranked.Count >= 2 && path[^1].Role == "user" && ranked.TrueForAll(reply => Role(reply) == "assistant"))
                rows.Add(Row(message, path, ranked));
            foreach (var reply in replies)
                Walk(reply, path);
            record.Adopt(message);
        }
    }

    /// <inheritdoc />
    public IEnumerable<string> Write(DatasetRow row) => throw new NotSupportedException("Message trees are only read.");

    /// <summary>Replies of the same rank are tied.</summary>
    private static DatasetRow Row(JsonRecord message, IReadOnlyList<ChatMessage> path, IReadOnlyList<JsonRecord> ranked) => new()
    {
        PromptId = message.OptionalText("message_id"),
        Prompt = TextOrMessages.FromMessages(path),
        Completions = [.. ranked.Select(reply => new PreferenceCompletion { Text = reply.Text("text"), Policy = reply.OptionalText("model_name") })],
        Ranking = new(ranked.Index().GroupBy(reply => reply.Item.Whole("rank")).Select(tier => tier.Select(reply => reply.Index))),
    };

    private static string Role(JsonRecord message)
    {
        var role = message.Text("role");
        if (role is not ("prompter" or "assistant"))
            message.Blame("A role in a message tree must be prompter or assistant.");
        return role == "prompter" ? "user" : "assistant";
    }
}

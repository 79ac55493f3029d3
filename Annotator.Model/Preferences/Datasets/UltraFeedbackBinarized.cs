using System.Security.Cryptography;
using System.Text;

namespace Annotator.Model.Preferences.Datasets;

/// <summary>
/// The <c>ultrafeedback-binarized</c> format: <c>prompt, prompt_id, chosen[], rejected[], messages[], score_chosen,
/// score_rejected</c>, where the lists are whole conversations. The margin is the difference of the scores; one that we
/// write is 0 for what was rejected, and for what was chosen the margin, or 1 where nobody graded it.
/// </summary>
public sealed class UltraFeedbackBinarized : IDatasetFormat
{
    public string Name => "ultrafeedback-binarized";

    bool IDatasetFormat.Recognises(JsonRecord first) =>
        first.IsList("chosen") && first.IsList("rejected") && (first.HasAll("score_chosen", "score_rejected") || (first.Has("prompt") && !first.IsList("prompt")));

    Reading IDatasetFormat.Read(JsonRecord record)
    {
        var (chosen, rejected) = (record.Messages("chosen"), record.Messages("rejected"));
        if (record.Fault is not null)
            return default;
        var prompt = chosen.Take(chosen.Count - 1).ToList();
        if (prompt.Count == 0)
            prompt.Add(new("user", record.Text("prompt")));
        return Reading.Of(new DatasetRow
        {
            Prompt = TextOrMessages.FromMessages(prompt),
            Completions = [new() { Text = Trl.Answer(record, prompt, chosen) }, new() { Text = Trl.Answer(record, prompt, rejected) }],
            Ranking = Ranking.Prefer(0, 1),
            Margin = record.OptionalNumber("score_chosen") - record.OptionalNumber("score_rejected"),
            PromptId = record.OptionalId("prompt_id"),
        });
    }

    /// <inheritdoc />
    public IEnumerable<string> Write(DatasetRow row)
    {
        var prompt = row.Prompt is { Messages: [{ } only] } ? only.Content : row.Prompt.AsText();
        var id = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(prompt)));
        return (row.Ranking?.Pairs() ?? []).Select(pair => DatasetJson.Line(json =>
        {
            json.WriteString("prompt", prompt);
            json.WriteString("prompt_id", id);
            json.Messages("chosen", row.Conversation(pair.Better));
            json.Messages("rejected", row.Conversation(pair.Worse));
            json.Messages("messages", row.Conversation(pair.Better));
            json.WriteNumber("score_chosen", row.Margin ?? 1);
            json.WriteNumber("score_rejected", 0.0);
        }));
    }
}

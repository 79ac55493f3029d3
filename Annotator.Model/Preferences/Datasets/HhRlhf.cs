using System.Text;

namespace Annotator.Model.Preferences.Datasets;

/// <summary>
/// The <c>hh-rlhf</c> format, Anthropic's helpful and harmless dialogues: <c>{"chosen","rejected"}</c>, whole transcripts with
/// turns headed <c>\n\nHuman:</c> and <c>\n\nAssistant:</c>. The prompt is the text up to and with the last
/// <c>\n\nAssistant:</c>, as in the reference implementation of DPO; so a file is written back as it was read.
/// </summary>
public sealed class HhRlhf : IDatasetFormat
{
    private const string Human = "\n\nHuman:";
    private const string Assistant = "\n\nAssistant:";

    public string Name => "hh-rlhf";

    bool IDatasetFormat.Recognises(JsonRecord first) => !first.Has("prompt") && first.Begins("chosen", Human) && first.Begins("rejected", Human);

    Reading IDatasetFormat.Read(JsonRecord record)
    {
        var (chosen, rejected) = (record.Text("chosen"), record.Text("rejected"));
        var (ofChosen, ofRejected) = (PromptLength(chosen), PromptLength(rejected));
        if (ofChosen < 0 || ofRejected < 0)
            return Reading.Refused("A transcript has no turn of the assistant.");
        if (!chosen.AsSpan(0, ofChosen).SequenceEqual(rejected.AsSpan(0, ofRejected)))
            return Reading.Refused("The two transcripts have unequal prompts.");
        if (string.IsNullOrWhiteSpace(chosen[ofChosen..]) || string.IsNullOrWhiteSpace(rejected[ofRejected..]))
            return Reading.Refused("The last turn of a transcript is empty.");
        return Reading.Of(new DatasetRow
        {
            Prompt = chosen[..ofChosen],
            Completions = [new() { Text = chosen[ofChosen..] }, new() { Text = rejected[ofRejected..] }],
            Ranking = Ranking.Prefer(0, 1),
        });
    }

    /// <inheritdoc />
    public IEnumerable<string> Write(DatasetRow row)
    {
        var prompt = Transcript(row.Prompt);
        // A transcript that was read ends with the word after which the answer begins as it is; else a space comes between.
        var space = row.Prompt.Text?.EndsWith(Assistant, StringComparison.Ordinal) == true ? "" : " ";
        return (row.Ranking?.Pairs() ?? []).Select(pair => DatasetJson.Line(json =>
        {
            json.WriteString("chosen", prompt + space + row.Completions[pair.Better].Text);
            json.WriteString("rejected", prompt + space + row.Completions[pair.Worse].Text);
        }));
    }

    private static int PromptLength(string transcript) =>
        transcript.LastIndexOf(Assistant, StringComparison.Ordinal) is var at and >= 0 ? at + Assistant.Length : -1;

    private static string Transcript(TextOrMessages prompt)
    {
        if (prompt.Text is { } text)
            return text.EndsWith(Assistant, StringComparison.Ordinal) ? text : $"{Human} {text}{Assistant}";
        var transcript = new StringBuilder();
        foreach (var message in prompt.Messages!)
            transcript.Append(message.Role switch { "user" => $"{Human} ", "assistant" => $"{Assistant} ", _ => "" }).Append(message.Content);
        return transcript.Append(Assistant).ToString();
    }
}

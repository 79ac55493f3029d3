namespace Annotator.Model.Preferences.Datasets;

/// <summary>
/// The <c>trl</c> format, TRL's preference datasets: <c>{"prompt","chosen","rejected"}</c>, each a text, or each a list of
/// messages of which chosen and rejected hold the assistant's turn. Read also with an implicit prompt, what chosen and
/// rejected have in common at their beginning. Source: TRL, "Dataset formats and types", and its <c>extract_prompt</c>.
/// </summary>
public sealed class Trl : IDatasetFormat
{
    public string Name => "trl";

    bool IDatasetFormat.Recognises(JsonRecord first) => first.HasAll("chosen", "rejected") || NotPreferences(first) is not null;

    Reading IDatasetFormat.Read(JsonRecord record)
    {
        if (!record.Has("chosen") && !record.Has("rejected") && NotPreferences(record) is { } shape)
            return Reading.Refused(shape);
        var (prompt, chosen, rejected) = record.IsList("chosen") ? OfChat(record) : OfText(record);
        return Reading.Of(new DatasetRow
        {
            Prompt = prompt,
            Completions =
            [
                new() { Text = chosen, Author = record.Optional<TextAuthor?>("chosen_author") },
                new() { Text = rejected, Author = record.Optional<TextAuthor?>("rejected_author") },
            ],
            Ranking = Ranking.Prefer(0, 1),
            Margin = record.OptionalNumber("margin"),
        });
    }

    /// <inheritdoc />
    public IEnumerable<string> Write(DatasetRow row) => Lines(row).Select(JsonLines.Format);

    /// <summary>Every strict preference that a row states or implies, none of a tie.</summary>
    public static IEnumerable<TrlLine> Lines(DatasetRow row) => (row.Ranking?.Pairs() ?? []).Select(pair => new TrlLine
    {
        Prompt = row.Prompt,
        Chosen = Side(row, pair.Better),
        Rejected = Side(row, pair.Worse),
        Margin = row.Margin,
        ChosenAuthor = row.Completions[pair.Better].Author,
        RejectedAuthor = row.Completions[pair.Worse].Author,
    });

    /// <summary>In a chat the assistant's turn, as the prompt is a list of turns.</summary>
    private static TextOrMessages Side(DatasetRow row, int index) =>
        row.Prompt.Messages is null ? row.Completions[index].Text : TextOrMessages.FromMessages([new("assistant", row.Completions[index].Text)]);

    /// <summary>Why a record of another of TRL's dataset types is no preference; null if it is of none of them.</summary>
    private static string? NotPreferences(JsonRecord record) => true switch
    {
        _ when record.HasAll("completion", "label") => "It is TRL's unpaired preference (prompt, completion, label): one completion alone is preferred to nothing.",
        _ when record.HasAll("completions", "labels") => "It is TRL's stepwise supervision (completions, labels): steps of one answer, no comparison.",
        _ when record.HasAll("prompt", "completion") => "It is TRL's prompt-completion: a demonstration, no comparison. Import it as prompts.",
        _ when record.Has("messages") || record.Has("text") => "It is TRL's language modelling: a text alone, no comparison. Import it as prompts.",
        _ when record.Has("prompt") && !record.Has("completions") => "It is TRL's prompt-only: nothing is compared. Import it as prompts.",
        _ => null,
    };

    private static (TextOrMessages Prompt, string Chosen, string Rejected) OfText(JsonRecord record)
    {
        var (chosen, rejected) = (record.Text("chosen"), record.Text("rejected"));
        if (record.IsList("prompt"))
            record.Blame("\"prompt\" is a chat, but \"chosen\" is a text.");
        if (record.Has("prompt"))
            return (record.Text("prompt"), chosen, rejected);

        var shared = SharedLength(chosen, rejected);
        if (shared == 0)
            record.Blame("There is no prompt: chosen and rejected begin differently.");
        return (chosen[..shared], chosen[shared..], rejected[shared..]);
    }

    /// <summary>Up to where two texts are the same; a space before the difference belongs to the completions, as TRL has it.</summary>
    private static int SharedLength(string a, string b)
    {
        var length = a.AsSpan().CommonPrefixLength(b);
        if (length > 0 && (a[length - 1] == ' ' || char.IsHighSurrogate(a[length - 1])))
            length--;
        return length;
    }

    private static (TextOrMessages Prompt, string Chosen, string Rejected) OfChat(JsonRecord record)
    {
        var (chosen, rejected) = (record.Messages("chosen"), record.Messages("rejected"));
        if (record.Has("prompt") && !record.IsList("prompt"))
            record.Blame("\"prompt\" is a text, but \"chosen\" is a chat. Is it ultrafeedback-binarized?");
        if (record.Fault is not null)
            return ("", "", "");
        var prompt = record.Has("prompt") ? record.Messages("prompt") : [.. chosen.TakeWhile((message, i) => i < rejected.Count && message == rejected[i])];
        return (TextOrMessages.FromMessages(prompt), Answer(record, prompt, chosen), Answer(record, prompt, rejected));
    }

    /// <summary>The one turn of the assistant after the prompt, which some files repeat in front of it.</summary>
    internal static string Answer(JsonRecord record, IReadOnlyList<ChatMessage> prompt, IReadOnlyList<ChatMessage> side)
    {
        var after = side.Take(prompt.Count).SequenceEqual(prompt) ? side.Skip(prompt.Count).ToList() : side;
        if (after is [{ Role: "assistant" } answer])
            return answer.Content;
        record.Blame("Chosen and rejected must each be one turn of the assistant after the same prompt.");
        return "";
    }
}

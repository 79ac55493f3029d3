using System.Text.Json;

namespace Annotator.Model.Preferences.Datasets;

/// <summary>What a column of a table holds.</summary>
public enum ColumnType
{
    Text,

    /// <summary>A <see cref="long"/>.</summary>
    Whole,

    /// <summary>A <see cref="double"/>.</summary>
    Number,

    /// <summary>A <see cref="bool"/>.</summary>
    Flag,

    /// <summary>A <see cref="DateTime"/> (UTC).</summary>
    Time,

    /// <summary>Messages of a chat: in Parquet a list of <c>{role, content}</c>, in CSV their JSON.</summary>
    Messages,
}

/// <summary>A column of a table of <typeparamref name="T"/>; any value may be null. A value of several parts is a text, its JSON.</summary>
public sealed record TableColumn<T>(string Name, ColumnType Type, Func<T, object?> Value);

/// <summary>The columns of <c>trl</c>.</summary>
public static class TrlColumns
{
    /// <summary>Of lines whose prompts are texts.</summary>
    public static IReadOnlyList<TableColumn<TrlLine>> OfTexts { get; } =
    [
        new("prompt", ColumnType.Text, line => line.Prompt.Text),
        new("chosen", ColumnType.Text, line => line.Chosen.Text),
        new("rejected", ColumnType.Text, line => line.Rejected.Text),
        new("margin", ColumnType.Number, line => line.Margin),
    ];

    /// <summary>Of lines whose prompts are chats.</summary>
    public static IReadOnlyList<TableColumn<TrlLine>> OfChats { get; } =
    [
        new("prompt", ColumnType.Messages, line => line.Prompt.Messages),
        new("chosen", ColumnType.Messages, line => line.Chosen.Messages),
        new("rejected", ColumnType.Messages, line => line.Rejected.Messages),
        new("margin", ColumnType.Number, line => line.Margin),
    ];

    /// <summary>Of lines of both kinds, for tables whose cells are all text: a chat as its JSON.</summary>
    public static IReadOnlyList<TableColumn<TrlLine>> OfAny { get; } =
    [
        new("prompt", ColumnType.Text, line => Cell(line.Prompt)),
        new("chosen", ColumnType.Text, line => Cell(line.Chosen)),
        new("rejected", ColumnType.Text, line => Cell(line.Rejected)),
        new("margin", ColumnType.Number, line => line.Margin),
    ];

    private static string Cell(TextOrMessages side) => side.Text ?? JsonSerializer.Serialize(side.Messages, JsonLines.Spelling);
}

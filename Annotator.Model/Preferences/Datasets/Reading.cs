namespace Annotator.Model.Preferences.Datasets;

/// <summary>What a record of a dataset file says: its rows (mostly one), or why it is refused, in one sentence for people.</summary>
public readonly record struct Reading
{
    private Reading(IReadOnlyList<DatasetRow> rows, string? refusal) => (Rows, Refusal) = (rows, refusal);

    /// <summary>Empty if the record is refused.</summary>
    public IReadOnlyList<DatasetRow> Rows { get; }

    /// <summary>Null unless the record is refused.</summary>
    public string? Refusal { get; }

    public static Reading Refused(string reason) => new([], reason);

    /// <summary>The row, or its problem.</summary>
    public static Reading Of(DatasetRow row) => row.Problem() is { } problem ? Refused(problem) : new([row], null);

    /// <summary>The rows, unless one of them has a problem.</summary>
    public static Reading Of(IReadOnlyList<DatasetRow> rows) =>
        rows.Select(row => row.Problem()).FirstOrDefault(problem => problem is not null) is { } problem ? Refused(problem) : new(rows, null);
}

/// <summary>A <see cref="Reading"/> and the line of the file (from 1) where its record begins.</summary>
public readonly record struct NumberedReading(int Line, Reading Reading);

/// <summary>A dataset file as a whole can't be read; the message says why, in one sentence for people.</summary>
public sealed class DatasetFileException(string message, Exception? inner = null) : FormatException(message, inner);

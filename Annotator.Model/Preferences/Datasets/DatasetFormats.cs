namespace Annotator.Model.Preferences.Datasets;

/// <summary>The formats that preferences are read from and written in, and what reads a file of any.</summary>
public static class DatasetFormats
{
    /// <summary>In the order in which a file is recognised.</summary>
    public static IReadOnlyList<IDatasetFormat> All { get; } =
    [
        new OpenAssistantTrees(), new OpenAIComparisons(), new Arena(), new RankingLines(), new UltraFeedbackBinarized(), new HhRlhf(), new Trl(),
    ];

    /// <summary>Null if there is none of that name.</summary>
    public static IDatasetFormat? Find(string name) => All.FirstOrDefault(format => format.Name == name);

    /// <summary>The format of a file whose first record is given; null if it is of none.</summary>
    public static IDatasetFormat? Recognise(string firstJson)
    {
        var first = JsonRecord.Parse(firstJson);
        return first.Fault is null ? All.FirstOrDefault(format => format.Recognises(first)) : null;
    }

    /// <summary>Reads one record.</summary>
    public static Reading Read(this IDatasetFormat format, string json)
    {
        var record = JsonRecord.Parse(json);
        if (record.Fault is { } notJson)
            return Reading.Refused(notJson);
        var reading = format.Read(record);
        return record.Fault is { } fault ? Reading.Refused(fault) : reading;
    }

    /// <summary>Reads a file record by record, in flat memory. Nothing is stored: reading alone is a dry run.</summary>
    /// <exception cref="DatasetFileException">The file as a whole can't be read.</exception>
    public static async IAsyncEnumerable<NumberedReading> ReadAsync(
        this IDatasetFormat format, Stream file, RecordKind kind, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellation = default)
    {
        await foreach (var record in Records.ReadAsync(file, kind, cancellation))
            yield return new(record.Line, record.Refusal is { } refusal ? Reading.Refused(refusal) : format.Read(record.Json!));
    }
}

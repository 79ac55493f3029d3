using System.Runtime.CompilerServices;
using System.Text.Json;
using Parquet;
using Parquet.Schema;
using Parquet.Serialization;

namespace Annotator.Model.Preferences.Datasets;

/// <summary>Tables as Parquet, row group by row group, so that <c>datasets.load_dataset("parquet", …)</c> reads them.</summary>
public static class ParquetTable
{
    /// <summary>Rows a group: as many as are held in memory at once.</summary>
    public const int RowsInGroup = 5_000;

    /// <summary>Streams a table; the stream need not be one to seek in, and stays open.</summary>
    /// <returns>How many rows were written.</returns>
    public static async Task<long> WriteAsync<T>(
        Stream stream, IReadOnlyList<TableColumn<T>> columns, IAsyncEnumerable<T> rows, CancellationToken cancellation = default)
    {
        var parts = columns.Select(column => new ColumnParts<T>(column)).ToList();
        await using var writer = await ParquetWriter.CreateAsync(new ParquetSchema(parts.Select(part => part.Field)), stream, cancellationToken: cancellation);
        var count = 0L;
        await foreach (var group in rows.Chunk(RowsInGroup).WithCancellation(cancellation))
        {
            using var rowGroup = writer.CreateRowGroup();
            foreach (var part in parts)
                await part.WriteAsync(rowGroup, group, cancellation);
            rowGroup.CompleteValidate();
            count += group.Length;
        }
        return count;
    }

    /// <summary>Each row as a JSON object; a null is left out.</summary>
    /// <exception cref="DatasetFileException">It is no Parquet file, or a damaged one.</exception>
    internal static async IAsyncEnumerable<Record> ReadAsync(Stream file, [EnumeratorCancellation] CancellationToken cancellation)
    {
        var groups = await Guarded(async () =>
        {
            await using var reader = await ParquetReader.CreateAsync(file, leaveStreamOpen: true, cancellationToken: cancellation);
            return reader.RowGroupCount;
        });
        var number = 0;
        for (var i = 0; i < groups; i++)
        {
            var index = i;
            var group = await Guarded(async () => await ParquetSerializer.DeserializeUntypedAsync(file, rowGroupIndex: index, cancellationToken: cancellation));
            foreach (var row in group.Data)
                yield return new(++number, JsonSerializer.Serialize(row, JsonLines.Spelling), null);
        }
    }

    /// <summary>Its reader answers a damaged file with exceptions of many kinds.</summary>
    private static async Task<TResult> Guarded<TResult>(Func<Task<TResult>> read)
    {
        try
        {
            return await read();
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            throw new DatasetFileException($"It is no Parquet file that can be read: {e.Message}", e);
        }
    }

    /// <summary>A column's field, and how a group's values are written to it.</summary>
    private sealed class ColumnParts<T>
    {
        private readonly TableColumn<T> column;
        private readonly DataField role = new DataField<string>("role"), content = new DataField<string>("content");

        public ColumnParts(TableColumn<T> column)
        {
            this.column = column;
            Field = column.Type switch
            {
                ColumnType.Text => new DataField<string>(column.Name),
                ColumnType.Whole => new DataField<long?>(column.Name),
                ColumnType.Number => new DataField<double?>(column.Name),
                ColumnType.Flag => new DataField<bool?>(column.Name),
                ColumnType.Time => new DateTimeDataField(column.Name, DateTimeFormat.DateAndTimeMicros, isAdjustedToUTC: true, isNullable: true),
                _ => new ListField(column.Name, new StructField("element", role, content)),
            };
        }

        public Field Field { get; }

        public Task WriteAsync(ParquetRowGroupWriter group, T[] rows, CancellationToken cancellation) => column.Type switch
        {
            ColumnType.Text => group.WriteAsync((DataField)Field, [.. rows.Select(row => (string?)column.Value(row))!]),
            ColumnType.Whole => ValuesAsync<long>(group, rows, cancellation),
            ColumnType.Number => ValuesAsync<double>(group, rows, cancellation),
            ColumnType.Flag => ValuesAsync<bool>(group, rows, cancellation),
            ColumnType.Time => ValuesAsync<DateTime>(group, rows, cancellation),
            _ => MessagesAsync(group, rows, cancellation),
        };

        private Task ValuesAsync<TValue>(ParquetRowGroupWriter group, T[] rows, CancellationToken cancellation)
            where TValue : struct =>
            group.WriteAsync<TValue>((DataField)Field, rows.Select(row => (TValue?)column.Value(row)).ToArray(), null, null, cancellation);

        /// <summary>Repetition level 0 begins a row, 1 goes on in it; every message is wholly there, so its definition level is the highest.</summary>
        private async Task MessagesAsync(ParquetRowGroupWriter group, T[] rows, CancellationToken cancellation)
        {
            var messages = rows.Select(row => (IReadOnlyList<ChatMessage>)column.Value(row)!).ToList();
            var repetition = messages.SelectMany(list => list.Select((_, i) => i == 0 ? 0 : 1)).ToArray();
            foreach (var (field, of) in new (DataField, Func<ChatMessage, string>)[] { (role, message => message.Role), (content, message => message.Content) })
            {
                var definition = Enumerable.Repeat(field.MaxDefinitionLevel, repetition.Length).ToArray();
                await group.WriteAllPartsAsync<ReadOnlyMemory<char>>(
                    field, messages.SelectMany(list => list.Select(message => of(message).AsMemory())).ToArray(), definition, repetition, cancellation);
            }
        }
    }
}

using System.IO.Compression;
using System.Text;
using System.Text.Json.Nodes;
using Annotator.Model.Preferences;
using Annotator.Model.Preferences.Datasets;
using CsCheck;
using DuckDB.NET.Data;

namespace Annotator.Tests.Model.Preferences.Datasets;

/// <summary>What dataset files are made of: lines, tables, packing.</summary>
public sealed class RecordsTests
{
    private static readonly CancellationToken Cancellation = TestContext.Current.CancellationToken;

    private static readonly TrlLine[] Texts =
    [
        new() { Prompt = "The sky is", Chosen = " blue.", Rejected = "=HYPERLINK(\"x\")", Margin = 2 },
        new() { Prompt = "a,\"b\"\r\nc", Chosen = "'-1", Rejected = "-1 ; @x" },
        new() { Prompt = "天空", Chosen = " 蓝色 🟦", Rejected = "\tgrün" },
    ];

    private static readonly TrlLine[] Chats =
    [
        new() { Prompt = Chat(("system", "Be brief."), ("user", "Colour?")), Chosen = Chat(("assistant", "Blue.")), Rejected = Chat(("assistant", "Green.")) },
        new() { Prompt = Chat(("user", "And now?")), Chosen = Chat(("assistant", "Blue.")), Rejected = Chat(("assistant", "Red.")), Margin = 0.25 },
    ];

    [Theory]
    [InlineData("prefs.jsonl", RecordKind.JsonLines)]
    [InlineData("prefs.jsonl.gz", RecordKind.JsonLines)]
    [InlineData("Prefs.CSV", RecordKind.Csv)]
    [InlineData("train-00000-of-00001.parquet", RecordKind.Parquet)]
    [InlineData("prompts.txt.gz", RecordKind.PlainLines)]
    public void A_files_name_says_what_it_is_made_of(string name, RecordKind kind) => Records.KindOf(name).ShouldBe(kind);

    [Fact]
    public async Task Lines_are_counted_and_what_can_not_be_read_is_refused_alone()
    {
        byte[] file = [0xEF, 0xBB, 0xBF, .. "{\"a\":1}\r\n\n"u8, 0xFF, (byte)'\n', .. Encoding.UTF8.GetBytes(new string('x', Records.LongestRecord + 1)), .. "\n{\"b\":2}"u8];

        var records = await ReadAsync(file, RecordKind.JsonLines);

        records.ShouldBe([new(1, "{\"a\":1}", null), new(3, null, "It is not UTF-8."), new(4, null, "It is longer than 16 MB."), new(5, "{\"b\":2}", null)]);
        (await ReadAsync(Packed(file), RecordKind.JsonLines)).ShouldBe(records, "packed or not");
    }

    [Fact]
    public async Task A_damaged_file_is_told_in_a_sentence()
    {
        var random = new Random(1);
        var packed = Packed([.. Enumerable.Range(0, 5000).SelectMany(_ => Encoding.UTF8.GetBytes($$"""{"a":"{{random.NextInt64()}}"}""" + "\n"))]);
        packed[packed.Length / 2] ^= 0xFF;

        (await Should.ThrowAsync<DatasetFileException>(() => ReadAsync(packed, RecordKind.JsonLines))).Message.ShouldStartWith("The file is damaged: it can't be unpacked from line ");
        (await Should.ThrowAsync<DatasetFileException>(() => ReadAsync("PAR1 not"u8.ToArray(), RecordKind.Parquet))).Message.ShouldStartWith("It is no Parquet file that can be read:");
        (await Should.ThrowAsync<DatasetFileException>(() => ReadAsync([], RecordKind.Csv))).Message.ShouldBe("The file is empty: a table begins with the names of its columns.");
        (await Should.ThrowAsync<DatasetFileException>(() => ReadAsync([(byte)'a', (byte)'\n', 0xE4, (byte)'\n'], RecordKind.Csv))).Message.ShouldContain("not UTF-8");
    }

    [Fact]
    public async Task A_spreadsheet_computes_nothing_and_the_cells_come_back()
    {
        using var file = new MemoryStream();
        (await CsvTable.WriteAsync(file, TrlColumns.OfAny, Texts.Concat(Chats).ToAsyncEnumerable(), Cancellation)).ShouldBe(5);

        var text = Encoding.UTF8.GetString(file.ToArray());
        text.ShouldStartWith("\uFEFFprompt,chosen,rejected,margin\r\nThe sky is,\" blue.\",\"'=HYPERLINK(\"\"x\"\")\",2\r\n");
        var lines = await RowsAsync(file.ToArray(), RecordKind.Csv);
        lines.ShouldBe(Texts.Concat(Chats));
    }

    [Theory]
    [InlineData("=1+1", "'=1+1")]
    [InlineData("'=1", "''=1")]
    [InlineData("it's", "it's")]
    [InlineData("@home", "'@home")]
    public void A_cell_that_looks_like_a_formula_is_defused(string text, string cell)
    {
        CsvTable.Defused(text).ShouldBe(cell);
        CsvTable.Armed(cell).ShouldBe(text);
    }

    [Fact]
    public void Whatever_is_defused_is_armed_again() =>
        Gen.Char["'=+-@ab\t\r"].Array.Select(chars => new string(chars)).Sample(text => CsvTable.Armed(CsvTable.Defused(text)) == text);

    [Fact]
    public async Task A_table_of_somebody_elses_is_read_with_semicolons_and_its_faults_by_line()
    {
        var records = await ReadAsync("prompt;chosen;rejected;margin\na;b;\"c\nd\";1.5\na;b\n\na;b\"c\";d;\na;\"b\"\"c\";d;"u8.ToArray(), RecordKind.Csv);

        records.ShouldBe(
        [
            new(2, """{"prompt":"a","chosen":"b","rejected":"c\nd","margin":1.5}""", null),
            new(4, null, "It has 2 cells, but the heading has 4."),
            new(6, null, "A quote stands in the middle of a cell: quote the whole cell and write the quote twice."),
            new(7, """{"prompt":"a","chosen":"b\"c","rejected":"d"}""", null),
        ]);
    }

    [Fact]
    public async Task Plain_lines_are_texts() =>
        (await ReadAsync("This film\n\"Two\" leads\n"u8.ToArray(), RecordKind.PlainLines)).Select(r => JsonNode.Parse(r.Json!)!["text"]!.GetValue<string>()).ShouldBe(["This film", "\"Two\" leads"]);

    [Fact]
    public async Task Parquet_comes_back_row_by_row()
    {
        (await RowsAsync(await ParquetAsync(TrlColumns.OfTexts, Texts), RecordKind.Parquet)).ShouldBe(Texts);
        (await RowsAsync(await ParquetAsync(TrlColumns.OfChats, Chats), RecordKind.Parquet)).ShouldBe(Chats);
    }

    /// <summary>What our own reader makes of it says little.</summary>
    [Fact]
    public async Task Parquet_is_read_by_DuckDB()
    {
        var many = Enumerable.Range(0, ParquetTable.RowsInGroup + 7).Select(i => new TrlLine { Prompt = $"{i}", Chosen = "a", Rejected = "b", Margin = i % 2 == 0 ? 1 : null });
        (await AskDuckDbAsync(await ParquetAsync(TrlColumns.OfTexts, Texts), "SELECT string_agg(prompt || chosen || rejected, '|') FROM file"))
            .ShouldBe(string.Join('|', Texts.Select(line => line.Prompt.Text + line.Chosen.Text + line.Rejected.Text)));
        (await AskDuckDbAsync(await ParquetAsync(TrlColumns.OfTexts, many), "SELECT count(*) || ' ' || sum(margin) || ' ' || max(CAST(prompt AS INT)) FROM file")).ShouldBe("5007 2504.0 5006");
        (await AskDuckDbAsync(await ParquetAsync(TrlColumns.OfChats, Chats), "SELECT string_agg(typeof(prompt) || len(prompt) || prompt[-1].content || chosen[1].role, '|') FROM file"))
            .ShouldBe("""STRUCT("role" VARCHAR, "content" VARCHAR)[]2Colour?assistant|STRUCT("role" VARCHAR, "content" VARCHAR)[]1And now?assistant""");
    }

    private static TextOrMessages Chat(params (string Role, string Content)[] turns) => TextOrMessages.FromMessages(turns.Select(turn => new ChatMessage(turn.Role, turn.Content)));

    private static async Task<byte[]> ParquetAsync<T>(IReadOnlyList<TableColumn<T>> columns, IEnumerable<T> rows)
    {
        using var file = new MemoryStream();
        await ParquetTable.WriteAsync(file, columns, rows.ToAsyncEnumerable(), Cancellation);
        return file.ToArray();
    }

    private static async Task<string> AskDuckDbAsync(byte[] file, string query)
    {
        var path = Path.GetTempFileName();
        try
        {
            await File.WriteAllBytesAsync(path, file, Cancellation);
            await using var duck = new DuckDBConnection("Data Source=:memory:");
            await duck.OpenAsync(Cancellation);
            await using var command = duck.CreateCommand();
            command.CommandText = query.Replace("FROM file", $"FROM read_parquet('{path}')");
            return (string)(await command.ExecuteScalarAsync(Cancellation))!;
        }
        finally
        {
            File.Delete(path);
        }
    }

    private static async Task<List<TrlLine>> RowsAsync(byte[] file, RecordKind kind)
    {
        using var stream = new MemoryStream(file);
        var readings = await new Trl().ReadAsync(stream, kind, Cancellation).ToListAsync(Cancellation);
        readings.Select(r => r.Reading.Refusal).ShouldAllBe(refusal => refusal == null);
        return [.. readings.SelectMany(r => r.Reading.Rows).SelectMany(Trl.Lines)];
    }

    private static async Task<List<Annotator.Model.Preferences.Datasets.Record>> ReadAsync(byte[] file, RecordKind kind)
    {
        using var stream = new MemoryStream(file);
        return await Records.ReadAsync(stream, kind, Cancellation).ToListAsync(Cancellation);
    }

    private static byte[] Packed(byte[] bytes)
    {
        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Fastest))
        {
            gzip.Write(bytes);
        }

        return packed.ToArray();
    }
}

using System.IO.Compression;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using Annotator.Tests.Fixtures;
using Annotator.Web.Data;
using Annotator.Web.Dataset;
using DuckDB.NET.Data;

namespace Annotator.Tests.Web.Dataset;

/// <summary>Exports of every format, and the zip that a dataset is handed on in.</summary>
public sealed class DatasetArchiveTests
{
    private static readonly CancellationToken Cancellation = TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_dataset_leaves_with_its_card_and_a_checksum_that_holds()
    {
        await using var study = await ImportingStudy.CreateAsync();
        await study.FillAsync();
        await study.ImportAsync(await study.TextAsync("trl.jsonl"), "trl");
        foreach (var file in DatasetFile.All)
        {
            using var stream = new MemoryStream();
            await new DatasetArchive(study.Data, study.Export, TimeProvider.System, EnglishWords.All).WriteAsync(study.Data.Admin, study.Target, file, stream, Cancellation);

            using var zip = new ZipArchive(stream, ZipArchiveMode.Read);
            zip.Entries.Select(entry => entry.FullName).ShouldBe([file.Name, "README.md", "SHA256SUMS"]);
            var data = Bytes(zip, file.Name);
            data.ShouldBe(await study.ExportAsync(file.Name, study.Target));
            var sha256 = Convert.ToHexStringLower(SHA256.HashData(data));
            Encoding.UTF8.GetString(Bytes(zip, "SHA256SUMS")).ShouldBe($"{sha256}  {file.Name}\n");
            var card = Encoding.UTF8.GetString(Bytes(zip, "README.md"));
            card.ShouldStartWith($"---\npretty_name: \"Imported \\u0022tea\\u0022\"\ntags: [human-feedback, preference, dpo]\nconfigs:\n- config_name: default\n  data_files: {file.Name}\n---\n");
            card.ShouldContain($"| SHA-256 | `{sha256}` |");
            card.ShouldContain("| annotators | 1 |");
            card.ShouldContain("from `file.jsonl` (`trl`, SHA-256 `");
            card.ShouldEndWith("## Guidelines, version 1\n\nBe *kind*.\n");
        }
    }

    [Theory]
    [InlineData("trl.jsonl", 4)]
    [InlineData("trl.csv", 5)]
    [InlineData("ranking.jsonl", 5)]
    [InlineData("log.jsonl", 10)]
    [InlineData("hh-rlhf.jsonl", 4)]
    [InlineData("openai-comparisons.jsonl", 4)]
    [InlineData("ultrafeedback-binarized.jsonl", 4)]
    [InlineData("arena.jsonl", 6)]
    public async Task Every_format_has_a_line_for_what_it_can_say(string file, int lines)
    {
        await using var study = await ImportingStudy.CreateAsync();
        await study.FillAsync();

        (await study.TextAsync(file)).TrimEnd().Split(file.EndsWith("csv", StringComparison.Ordinal) ? "\r\n" : "\n").Length.ShouldBe(lines);
    }

    [Fact]
    public async Task The_log_as_Parquet_is_read_by_DuckDB()
    {
        await using var study = await ImportingStudy.CreateAsync();
        await study.FillAsync();
        using var folder = new TemporaryDirectory();
        await File.WriteAllBytesAsync(folder["log.parquet"], await study.ExportAsync("log.parquet"), Cancellation);

        await using var duck = new DuckDBConnection("Data Source=:memory:");
        await duck.OpenAsync(Cancellation);
        await using var command = duck.CreateCommand();
        command.CommandText = $"""
            SELECT count(*) || ' ' || count(superseded_by) || ' ' || sum(seconds) || ' ' || min(created_at)::TIMESTAMP || ' ' || min(responses->0->>'text') || ' ' || string_agg(DISTINCT verdict, ',' ORDER BY verdict)
            FROM '{folder["log.parquet"]}'
            """;
        ((string)(await command.ExecuteScalarAsync(Cancellation))!).ShouldBe("10 2 30.75 2026-03-01 12:00:00  first both_bad,ranked,skipped,withdrawn");
    }

    [Fact]
    public async Task Texts_and_chats_do_not_share_a_column_of_Parquet()
    {
        await using var study = await ImportingStudy.CreateAsync();
        await study.AddChatAsync();
        (await study.Export.ProblemAsync(study.Data.Admin, study.Data.StudyId, DatasetFile.Find("trl.parquet")!, Cancellation)).ShouldBeNull();
        (await study.ExportAsync("trl.parquet")).Length.ShouldBeGreaterThan(0);
        await study.FillAsync();

        (await study.Export.ProblemAsync(study.Data.Admin, study.Data.StudyId, DatasetFile.Find("trl.parquet")!, Cancellation))!.ShouldContain("take trl.jsonl");
    }

    [Fact]
    public async Task Downloads_of_every_file_are_for_admins()
    {
        await using var app = await WebApp.StartAsync();
        using var admin = await app.SignInAsync(await app.CreateAdminAsync());
        using var annotator = await app.SignInAsync(await app.CreateAnnotatorAsync());
        foreach (var name in DatasetFile.All.SelectMany(file => new[] { file.Name, $"{file.Name}.zip" }))
        {
            var download = await admin.GetAsync($"/dataset/1/{name}", Cancellation);
            download.StatusCode.ShouldBe(HttpStatusCode.OK, name);
            download.Content.Headers.ContentDisposition!.FileNameStar.ShouldBe($"study-1-{name}");
            (await annotator.GetAsync($"/dataset/1/{name}", Cancellation)).StatusCode.ShouldNotBe(HttpStatusCode.OK, name);
        }

        (await admin.GetAsync("/dataset/1/trl.xlsx", Cancellation)).StatusCode.ShouldBe(HttpStatusCode.NotFound);
        await using var data = await Rounds.RoundsDatabase.CreateAsync();
        await Should.ThrowAsync<NotAllowedException>(() => new DatasetExport(data, EnglishWords.All).WriteAsync(data.Annotator, data.StudyId, DatasetFile.All[0], Stream.Null, Cancellation));
    }

    private static byte[] Bytes(ZipArchive zip, string name)
    {
        using var entry = zip.GetEntry(name)!.Open();
        using var bytes = new MemoryStream();
        entry.CopyTo(bytes);
        return bytes.ToArray();
    }
}

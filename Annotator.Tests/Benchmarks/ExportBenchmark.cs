using System.Diagnostics;
using System.Globalization;
using Annotator.Tests.Fixtures;
using Annotator.Tests.Web.Rounds;
using Annotator.Web.Data;
using Annotator.Web.Dataset;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Tests.Benchmarks;

/// <summary>
/// A million judgments as datasets: rows a second, and the memory that it takes. In the repository root:
/// <code>ANNOTATOR_BENCHMARKS=1 dotnet run --project Annotator.Tests -- -class "*ExportBenchmark" -showLiveOutput</code>
/// It writes about 1 GB into the temporary folder and takes some minutes.
/// </summary>
public sealed class ExportBenchmark
{
    private const int Judgments = 1_000_000;
    private const int Prompts = 10_000;
    private const int RowsASecond = 20_000;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Benchmark]
    public async Task A_million_judgments_leave_as_a_stream()
    {
        await using var data = await RoundsDatabase.CreateAsync();
        var sinceStart = Stopwatch.StartNew();
        await SeedAsync(data);
        Console.WriteLine($"{Judgments:N0} judgments written in {sinceStart.Elapsed.TotalSeconds:F0} s, a database of {new FileInfo(data.Folder.Database).Length / 1e6:N0} MB");
        var slowest = double.MaxValue;
        foreach (var name in (string[])["trl.jsonl", "trl.parquet", "ranking.jsonl", "log.jsonl"])
        {
            slowest = Math.Min(slowest, await MeasureAsync(data, DatasetFile.Find(name)!));
        }

        slowest.ShouldBeGreaterThanOrEqualTo(RowsASecond);
    }

    private static async Task<double> MeasureAsync(RoundsDatabase data, DatasetFile file)
    {
        var output = new Counting();
        var before = Heap();
        var watch = Stopwatch.StartNew();
        var rows = await new DatasetExport(data, EnglishWords.All).WriteAsync(data.Admin, data.StudyId, file, output, Cancel);
        var seconds = (watch.Elapsed - output.Looking).TotalSeconds;
        rows.ShouldBe(Judgments);
        // After a tenth everything that is kept for good is there; what comes on top at the end would grow with the rows.
        var tenth = output.Seen.Take((output.Seen.Count / 10) + 1).ToList();
        var (early, all) = (tenth.Max(seen => seen.Live), output.Seen.Max(seen => seen.Live));
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{file.Name,-14} {rows / seconds,8:N0} rows/s   {output.Length / 1e6 / seconds,6:N0} MB/s   first byte after {output.FirstByte.TotalMilliseconds,5:N0} ms   live heap {before / 1e6:N0} MB before, at most {early / 1e6:N0} MB up to {rows / 10:N0} rows, {all / 1e6:N0} MB up to {rows:N0}   working set at most {tenth.Max(seen => seen.WorkingSet) / 1e6:N0} and {output.Seen.Max(seen => seen.WorkingSet) / 1e6:N0} MB"));
        ((double)(all - early)).ShouldBeLessThan(64e6, "memory is flat");
        return rows / seconds;
    }

    private static long Heap() => GC.GetTotalMemory(forceFullCollection: true);

    /// <summary>By SQL alone: what EF Core would take minutes for.</summary>
    private static async Task SeedAsync(RoundsDatabase data)
    {
        await using var db = data.CreateDbContext();
        var policy = await db.Policies.SingleAsync(Cancel);
        var prompt = new Prompt { StudyId = data.StudyId, Text = "Film 0 is", CreatedAt = DateTime.UtcNow };
        db.Prompts.Add(prompt);
        await db.SaveChangesAsync(Cancel);
        var comparisonId = await data.AddComparisonAsync("Film 0 is", " a quiet film about two sisters who keep a shop by the sea.", " a loud film.", promptTokens: [.. Enumerable.Range(100, 6)]);
        var judgmentId = await data.JudgeAsync(comparisonId, strength: 2);
        // Every row a copy of a row that the app would write, with its own id and text.
        await CopyAsync(db, "Prompts", prompt.Id, Prompts, "Id + i", ("Text", "'Film ' || i || ' is'"));
        await CopyAsync(db, "Responses", 1, Judgments * 2, "i + 2", ("Text", "Text || ' ' || i || ' It is long enough to be a response as people judge them, with a second sentence.'"), ("PromptId", $"{prompt.Id} + i % {Prompts}"));
        await CopyAsync(db, "Comparisons", comparisonId, Judgments - 1, $"{comparisonId} + i", ("PromptId", $"{prompt.Id} + i % {Prompts}"));
        await db.Database.ExecuteSqlAsync(
            $"INSERT INTO ComparisonResponses (ComparisonId, Position, ResponseId) SELECT c.Id, p.value, 1 + 2 * (c.Id - {comparisonId}) + p.value FROM Comparisons c, json_each('[0,1]') p WHERE c.Id > {comparisonId}", Cancel);
        await CopyAsync(db, "Judgments", judgmentId, Judgments - 1, $"{judgmentId} + i",
            ("ComparisonId", $"{comparisonId} + i"), ("PromptId", $"{prompt.Id} + i % {Prompts}"), ("RequestId", "printf('%08X-0000-0000-0000-000000000000', i)"));
    }

    private static async Task CopyAsync(AnnotatorDbContext db, string table, long id, int times, string newId, params (string Column, string Value)[] changes)
    {
        var columns = await db.Database.SqlQuery<string>($"SELECT name AS Value FROM pragma_table_info({table}) WHERE name <> 'Id'").ToListAsync(Cancel);
        var values = columns.Select(column => changes.FirstOrDefault(change => change.Column == column) is { Value: { } value } ? value : $"\"{column}\"");
        var quoted = string.Join(", ", columns.Select(column => $"\"{column}\""));
#pragma warning disable EF1002 // Names and expressions of this class's own.
        await db.Database.ExecuteSqlRawAsync(
            $"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {times}) INSERT INTO {table} (Id, {quoted}) SELECT {newId}, {string.Join(", ", values)} FROM {table}, n WHERE Id = {id}", Cancel);
#pragma warning restore EF1002
    }

    /// <summary>Takes everything, keeps nothing, and looks now and then at what is alive.</summary>
    private sealed class Counting : Stream
    {
        private const long LookEvery = 16 * 1024 * 1024;
        private readonly Stopwatch watch = Stopwatch.StartNew();
        private long next = 1;
        private long length;

        public TimeSpan FirstByte { get; private set; }
        public List<(long Live, long WorkingSet)> Seen { get; } = [];

        /// <summary>What the looks took.</summary>
        public TimeSpan Looking { get; private set; }
        public override bool CanRead => false;
        public override bool CanSeek => false;
        public override bool CanWrite => true;
        public override long Length => length;
        public override long Position { get => length; set => throw new NotSupportedException(); }
        public override void Flush() { }
        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();
        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count)
        {
            if (length == 0)
            {
                FirstByte = watch.Elapsed;
            }

            length += count;
            if (length >= next)
            {
                next = length + LookEvery;
                var before = watch.Elapsed;
                var workingSet = Environment.WorkingSet;
                Seen.Add((GC.GetTotalMemory(forceFullCollection: true), workingSet));
                Looking += watch.Elapsed - before;
            }
        }
    }
}

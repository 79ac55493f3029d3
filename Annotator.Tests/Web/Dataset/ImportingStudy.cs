using System.Text;
using Annotator.Model.Preferences;
using Annotator.Model.Preferences.Datasets;
using Annotator.Tests.Fixtures;
using Annotator.Tests.Web.Rounds;
using Annotator.Web.Data;
using Annotator.Web.Dataset;
using Annotator.Web.Dataset.Importing;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Tests.Web.Dataset;

/// <summary>A data folder with a study that has judgments of every kind, and another one to import into.</summary>
public sealed class ImportingStudy : IAsyncDisposable
{
    private static readonly DateTime Made = new(2026, 3, 2, 9, 30, 0, 125, DateTimeKind.Utc);
    private readonly WriteGate gate = new();

    private ImportingStudy(RoundsDatabase data, long target)
    {
        (Data, Target) = (data, target);
        Import = new(data, gate, data.Feed, TimeProvider.System, EnglishWords.All);
    }

    public RoundsDatabase Data { get; }

    /// <summary>The study to import into; empty at first, with the same policy as the other.</summary>
    public long Target { get; }

    public DatasetImport Import { get; }
    public DatasetExport Export => new(Data, EnglishWords.All);
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public static async Task<ImportingStudy> CreateAsync()
    {
        var data = await RoundsDatabase.CreateAsync();
        await using var db = data.CreateDbContext();
        var target = new Study { Name = "Imported \"tea\"", Guidelines = "Be *kind*.", Sampling = new(), CreatedAt = Made };
        db.Studies.Add(target);
        await db.SaveChangesAsync(Cancellation);
        db.Policies.Add(new() { StudyId = target.Id, Number = 0, Hash = (await db.Policies.FirstAsync(Cancellation)).Hash, CreatedAt = Made });
        await db.SaveChangesAsync(Cancellation);
        return new(data, target.Id);
    }

    /// <summary>Judgments of every kind in the first study: revised, withdrawn, tied, graded, by two people on one comparison, of a chat, edited.</summary>
    public async Task FillAsync()
    {
        var shared = await Data.AddComparisonAsync("Preferred", promptTokens: [80]);
        await Data.JudgeAsync(shared, strength: 2, comment: "Clear, \"and\"\nlong: 蓝 🟦.");
        await Data.JudgeAsync(shared, [[1], [0]], annotator: "annotator-2");
        await Data.JudgeAsync(await Data.AddComparisonAsync("Tied"), [[0, 1]]);
        await Data.JudgeAsync(await Data.AddComparisonAsync("Bad"), verdict: Verdict.BothBad);
        await Data.JudgeAsync(await Data.AddComparisonAsync("Skipped"), verdict: Verdict.Skipped, skip: SkipReason.NotMyLanguage);
        var revised = await Data.AddComparisonAsync("=Revised", " first, \"quoted\"", " @second");
        await Data.JudgeAsync(revised, [[1], [0]], supersedes: await Data.JudgeAsync(revised));
        var undone = await Data.AddComparisonAsync("Undone");
        await Data.JudgeAsync(undone, verdict: Verdict.Withdrawn, supersedes: await Data.JudgeAsync(undone));
        await EditAsync(shared);
    }

    /// <summary>A chat with three responses, of which one is flagged and one edited.</summary>
    public async Task AddChatAsync()
    {
        await using var db = Data.CreateDbContext();
        ChatMessage[] messages = [new("system", "Be brief."), new("user", "A haiku?")];
        var prompt = new Prompt { StudyId = Data.StudyId, Text = Prompt.Rendered(messages), Messages = messages, CreatedAt = Made };
        var policy = await db.Policies.FirstAsync(p => p.StudyId == Data.StudyId, Cancellation);
        var comparison = new Comparison { StudyId = Data.StudyId, Prompt = prompt, PolicyId = policy.Id, QueueOrder = 0, CreatedAt = Made };
        foreach (var (position, text) in new[] { "one", "two", "three" }.Index())
        {
            comparison.Responses.Add(new() { Position = position, Response = new() { Prompt = prompt, PolicyId = policy.Id, Text = text, Sampling = new() { TopK = 40 }, Seed = position, FinishReason = "length", TokenIds = [position], PromptTokenIds = [7, 8], CreatedAt = Made } });
        }

        db.Comparisons.Add(comparison);
        await db.SaveChangesAsync(Cancellation);
        db.Judgments.Add(new()
        {
            ComparisonId = comparison.Id, StudyId = Data.StudyId, PolicyId = policy.Id, PromptId = prompt.Id, AnnotatorId = "annotator-1", Verdict = Verdict.Ranked, Ranking = [[2], [0, 1]],
            Reasons = ["truer"], Flags = [ResponseFaults.None, ResponseFaults.Unsafe | ResponseFaults.Broken, ResponseFaults.None], OrderUntouched = true,
            SidesShown = [2, 0, 1], Seconds = 4.1, GuidelinesVersion = 1, RequestId = Guid.NewGuid(), CreatedAt = Made,
        });
        await db.SaveChangesAsync(Cancellation);
    }

    public async Task<byte[]> ExportAsync(string file, long? study = null)
    {
        using var stream = new MemoryStream();
        await Export.WriteAsync(Data.Admin, study ?? Data.StudyId, DatasetFile.Find(file)!, stream, Cancellation);
        return stream.ToArray();
    }

    public async Task<string> TextAsync(string file, long? study = null) => Encoding.UTF8.GetString(await ExportAsync(file, study));

    public Task<Upload> UploadAsync(byte[] file, string name = "file.jsonl") => new Uploads(Data.Folder, EnglishWords.All).TakeAsync(Data.Admin, name, new MemoryStream(file), cancellation: Cancellation);

    /// <summary>Imports into <see cref="Target"/>, having looked first: both say the same.</summary>
    public async Task<ImportReport> ImportAsync(byte[] file, string format, RecordKind kind = RecordKind.JsonLines, Func<ImportRequest, ImportRequest>? change = null)
    {
        using var upload = await UploadAsync(file);
        var request = new ImportRequest { StudyId = Target, Format = format, Kind = kind };
        request = change?.Invoke(request) ?? request;
        var looked = await Import.LookAsync(Data.Admin, upload, request, cancellation: Cancellation);
        var imported = await Import.ImportAsync(Data.Admin, upload, request, cancellation: Cancellation);
        JsonLines.Format(imported with { First = [] }).ShouldBe(JsonLines.Format(looked with { First = [] }));
        return imported;
    }

    public Task<ImportReport> ImportAsync(string file, string format) => ImportAsync(Encoding.UTF8.GetBytes(file), format);

    public async ValueTask DisposeAsync()
    {
        Import.Dispose();
        gate.Dispose();
        await Data.DisposeAsync();
    }

    /// <summary>The first response of a comparison, edited by the annotator.</summary>
    private async Task EditAsync(long comparisonId)
    {
        await using var db = Data.CreateDbContext();
        var original = await db.ComparisonResponses.Include(r => r.Response).FirstAsync(r => r.ComparisonId == comparisonId && r.Position == 0, Cancellation);
        var comparison = await db.Comparisons.SingleAsync(c => c.Id == comparisonId, Cancellation);
        var edit = new Comparison { StudyId = comparison.StudyId, PromptId = comparison.PromptId, PolicyId = comparison.PolicyId, Purpose = ComparisonPurpose.Edit, QueueOrder = 0, CreatedAt = Made };
        edit.Responses.Add(new() { Position = 0, ResponseId = original.ResponseId });
        edit.Responses.Add(new() { Position = 1, Response = new() { PromptId = comparison.PromptId, AuthorId = "annotator-1", EditedFromId = original.ResponseId, Text = " first, but better", Sampling = new(), Seed = 0, FinishReason = "stop", CreatedAt = Made } });
        db.Comparisons.Add(edit);
        await db.SaveChangesAsync(Cancellation);
        db.Judgments.Add(new()
        {
            ComparisonId = edit.Id, StudyId = edit.StudyId, PolicyId = edit.PolicyId, PromptId = edit.PromptId, AnnotatorId = "annotator-1", Origin = JudgmentOrigin.Edit, GivenWithId = 1,
            Verdict = Verdict.Ranked, Ranking = [[1], [0]], SidesShown = [0, 1], Seconds = 1.5, GuidelinesVersion = 1, RequestId = Guid.NewGuid(), CreatedAt = Made,
        });
        await db.SaveChangesAsync(Cancellation);
    }
}

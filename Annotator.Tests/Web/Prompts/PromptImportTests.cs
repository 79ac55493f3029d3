using System.Text;
using Annotator.Model.Preferences;
using Annotator.Model.Preferences.Datasets;
using Annotator.Tests.Fixtures;
using Annotator.Tests.Web.Dataset;
using Annotator.Web.Data;
using Annotator.Web.Dataset.Importing;
using Annotator.Web.Engine;
using Annotator.Web.Prompts;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging.Abstractions;

namespace Annotator.Tests.Web.Prompts;

/// <summary>Prompts of files in a study, and what is too long for its policy.</summary>
public sealed class PromptImportTests
{
    private static readonly CancellationToken Cancellation = TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("prompts.jsonl", "{\"prompt\":\"Green tea is\"}\n{\"text\":\"Black tea is\",\"split\":\"heldout\"}\n{\"prompt\":[{\"role\":\"user\",\"content\":\"Tea?\"}]}\n")]
    [InlineData("prompts.csv", "prompt,split\nGreen tea is,\nBlack tea is,validation\n\"[{\"\"role\"\":\"\"user\"\",\"\"content\"\":\"\"Tea?\"\"}]\",\n")]
    [InlineData("chats.jsonl", "{\"text\":\"Green tea is\"}\n{\"prompt\":\"Black tea is\",\"completion\":\" strong.\",\"split\":\"test\"}\n{\"messages\":[{\"role\":\"user\",\"content\":\"Tea?\"},{\"role\":\"assistant\",\"content\":\"Green.\"}]}\n")]
    public async Task Prompts_come_from_whatever_has_them(string name, string file)
    {
        await using var study = await ImportingStudy.CreateAsync();
        using var upload = await study.UploadAsync(Encoding.UTF8.GetBytes(file), name);

        var report = await Import(study).ImportAsync(study.Data.Admin, upload, new() { StudyId = study.Target, Kind = Records.KindOf(name) }, Cancellation);

        (report.Records, report.Prompts, report.HeldOut, report.TooLong).ShouldBe((3, 3, 1, null));
        await using var db = study.Data.CreateDbContext();
        (await db.Prompts.Where(p => p.StudyId == study.Target).OrderBy(p => p.Id).ToListAsync(Cancellation)).Select(p => (p.Text, p.Messages?.Count, p.Split, p.IsPaused))
            .ShouldBe([("Green tea is", null, PromptSplit.Train, false), ("Black tea is", null, PromptSplit.Heldout, false), ("User: Tea?", 1, PromptSplit.Train, false)]);
        (await db.AuditEntries.SingleAsync(a => a.Action == "prompts.import", Cancellation)).Detail.ShouldContain("imported 3 prompts");
    }

    [Fact]
    public async Task What_the_study_has_and_what_stands_twice_is_named_and_left_out()
    {
        await using var study = await ImportingStudy.CreateAsync();
        using var upload = await study.UploadAsync("First\nSecond\nFirst\n"u8.ToArray(), "prompts.txt");
        var request = new PromptImportRequest { StudyId = study.Target, Kind = RecordKind.PlainLines };
        var look = await Import(study).LookAsync(study.Data.Admin, upload, request, Cancellation);
        (look.Prompts, look.Repeated.Count).ShouldBe((2, 1));
        look.Repeated.FirstLines.ShouldBe([3]);

        await Import(study).ImportAsync(study.Data.Admin, upload, request, Cancellation);

        (await Should.ThrowAsync<RefusedException>(() => Import(study).ImportAsync(study.Data.Admin, upload, request, Cancellation))).Message.ShouldBe("The file holds no prompt that could be imported.");
        (await Import(study).LookAsync(study.Data.Admin, upload, request, Cancellation)).Known.Count.ShouldBe(3);
        await Should.ThrowAsync<NotAllowedException>(() => Import(study).LookAsync(study.Data.Annotator, upload, request, Cancellation));
    }

    [Fact]
    public async Task A_share_is_held_out_the_same_each_time()
    {
        await using var study = await ImportingStudy.CreateAsync();
        using var upload = await study.UploadAsync(Encoding.UTF8.GetBytes(string.Concat(Enumerable.Range(0, 500).Select(i => $"Film {i}\n"))), "prompts.txt");
        var request = new PromptImportRequest { StudyId = study.Target, Kind = RecordKind.PlainLines, HeldOutShare = 0.2 };

        var looks = new[] { await Import(study).LookAsync(study.Data.Admin, upload, request, Cancellation), await Import(study).LookAsync(study.Data.Admin, upload, request, Cancellation) };

        looks[0].HeldOut.ShouldBeInRange(70, 130);
        looks[1].HeldOut.ShouldBe(looks[0].HeldOut);

        await Import(study).ImportAsync(study.Data.Admin, upload, request with { Seed = 1, Priority = 7 }, Cancellation);
        await using var db = study.Data.CreateDbContext();
        var heldOut = await db.Prompts.Where(p => p.StudyId == study.Target && p.Split == PromptSplit.Heldout).Select(p => p.Text).ToListAsync(Cancellation);
        heldOut.Count.ShouldBeInRange(70, 130);
        heldOut.Count.ShouldNotBe(looks[0].HeldOut, "another seed holds out others");
        (await db.Prompts.AllAsync(p => p.StudyId != study.Target || p.Priority == 7, Cancellation)).ShouldBeTrue();
    }

    /// <summary>By the embedded policy's own tokenizer, in a process of its own.</summary>
    [Fact]
    public async Task What_does_not_fit_the_policys_context_is_named()
    {
        await using var study = await ImportingStudy.CreateAsync();
        var hash = await study.Data.Registry.ImportAsync(StarterData.SftPolicy, Cancellation);
        await using (var db = study.Data.CreateDbContext())
        {
            await db.Policies.Where(p => p.StudyId == study.Target).ExecuteUpdateAsync(set => set.SetProperty(p => p.Hash, hash), Cancellation);
            var policy = await db.Policies.SingleAsync(p => p.StudyId == study.Target, Cancellation);
            await db.Studies.Where(s => s.Id == study.Target).ExecuteUpdateAsync(set => set.SetProperty(s => s.CurrentPolicyId, policy.Id), Cancellation);
        }

        var longPrompt = string.Join(' ', Enumerable.Repeat("film", 200));
        var file = string.Join('\n', new[] { ("The film", " was good.", " was bad."), (longPrompt, "a", "b"), ("The film", string.Join(' ', Enumerable.Repeat("film", 300)), "b") }
            .Select(row => JsonLines.Format(new TrlLine { Prompt = row.Item1, Chosen = row.Item2, Rejected = row.Item3 })));
        using var upload = await study.UploadAsync(Encoding.UTF8.GetBytes(file));
        var request = new ImportRequest { StudyId = study.Target, Format = "trl", Kind = RecordKind.JsonLines };

        var tooLong = await Lengths(study, enabled: true).TooLongAsync(study.Target, study.Import.EntriesAsync(upload, request, Cancellation), Cancellation);
        var report = await study.Import.ImportAsync(study.Data.Admin, upload, request, tooLong, cancellation: Cancellation);

        tooLong.ShouldBe([1, 2]);
        (report.Judgments, report.TooLong!.Count).ShouldBe((1, 2));
        report.TooLong.FirstLines.ShouldBe([2, 3]);
    }

    private static LengthCheck Lengths(ImportingStudy study, bool enabled) =>
        new(study.Data, new ModelExecutable(NullLogger<ModelExecutable>.Instance), new EngineOptions { Enabled = enabled }, study.Data.Folder);

    private static PromptImport Import(ImportingStudy study) => new(study.Data, new WriteGate(), Lengths(study, enabled: false), study.Data.Feed, TimeProvider.System, EnglishWords.All);
}

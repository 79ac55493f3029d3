using System.Text;
using System.Text.Json.Nodes;
using Annotator.Model.Preferences;
using Annotator.Model.Preferences.Datasets;
using Annotator.Tests.Fixtures;
using Annotator.Web.Data;
using Annotator.Web.Dataset.Importing;
using Annotator.Web.Rounds;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Tests.Web.Dataset;

/// <summary>Judgments of files in a study: counted before, stored whole or not at all, trained on, and given back.</summary>
public sealed class DatasetImportTests
{
    private static readonly CancellationToken Cancellation = TestContext.Current.CancellationToken;

    private const string ThreeLines = """
        {"prompt":"The sky is","chosen":" blue.","rejected":" green.","margin":2}
        {"prompt":"The sea is","chosen":" blue.","rejected":" blue."}
        {"prompt":[{"role":"user","content":"Colour?"}],"chosen":[{"role":"assistant","content":"Blue."}],"rejected":[{"role":"assistant","content":"Green."}],"margin":0.25}

        """;

    [Fact]
    public async Task A_file_of_preferences_becomes_judgments_that_a_round_trains_on()
    {
        await using var study = await ImportingStudy.CreateAsync();

        var report = await study.ImportAsync(ThreeLines, "trl");

        (report.Records, report.Judgments, report.Preferences, report.NewPrompts, report.Annotators).ShouldBe((3, 2, 2, 2, 1));
        report.Refused.ShouldHaveSingleItem().ShouldSatisfyAllConditions(
            group => group.Reason.ShouldBe("A completion is preferred to one of the same text."), group => group.FirstLines.ShouldBe([2]));
        await using var db = study.Data.CreateDbContext();
        var judgments = await db.Judgments.Include(j => j.Annotator).Where(j => j.StudyId == study.Target).OrderBy(j => j.Id).ToListAsync(Cancellation);
        judgments.Select(j => (j.Verdict, j.Strength, j.Source!.Margin, j.Annotator!.Pseudonym)).ShouldBe([(Verdict.Ranked, 2, 2, "imported"), (Verdict.Ranked, null, 0.25, "imported")]);
        (await db.Prompts.Where(p => p.StudyId == study.Target).ToListAsync(Cancellation)).ShouldAllBe(p => p.IsPaused, "nothing is sampled for them unless it is asked for");
        (await db.Studies.SingleAsync(s => s.Id == study.Target, Cancellation)).JudgmentCount.ShouldBe(2);
        (await db.AuditEntries.SingleAsync(a => a.Action == "dataset.import", Cancellation)).Detail.ShouldStartWith("ada imported 2 judgments into Imported \"tea\" from file.jsonl (trl, SHA-256 ");

        var directory = new RoundDirectory(Path.Combine(study.Data.Folder.Root, "round"));
        var counts = await study.Data.Snapshot.WriteAsync(study.Target, RoundData.All, "reference", directory, Cancellation);
        counts.Preferences.ShouldBe(2);
        JsonLines.Read<PreferenceLine>(directory.Preferences).SelectMany(line => line.Completions).ShouldAllBe(completion => completion.TokenIds == null, "trained on from text");
    }

    /// <summary>Exported, imported into another study, and exported again: the same bytes.</summary>
    [Theory]
    [InlineData("trl.jsonl", "trl")]
    [InlineData("ranking.jsonl", "ranking")]
    [InlineData("log.jsonl", "log")]
    public async Task What_was_exported_and_imported_is_exported_as_the_same_bytes(string file, string format)
    {
        await using var study = await ImportingStudy.CreateAsync();
        await study.FillAsync();
        await study.AddChatAsync();
        var exported = await study.TextAsync(file);

        var report = await study.ImportAsync(exported, format);

        report.RefusedRecords.ShouldBe(0);
        (await study.TextAsync(file, study.Target)).ShouldBe(exported);
        if (format == "log")
        {
            report.KeepsIds.ShouldBeTrue();
            (await study.TextAsync("trl.jsonl", study.Target)).ShouldBe(await study.TextAsync("trl.jsonl"), "a log says all that the others say");
        }
    }

    /// <summary>Tables are read back as what they were made of.</summary>
    [Theory]
    [InlineData("log.parquet", "log", RecordKind.Parquet)]
    [InlineData("log.csv", "log", RecordKind.Csv)]
    [InlineData("trl.parquet", "trl", RecordKind.Parquet)]
    [InlineData("trl.csv", "trl", RecordKind.Csv)]
    public async Task A_table_is_read_back_too(string file, string format, RecordKind kind)
    {
        await using var study = await ImportingStudy.CreateAsync();
        await study.FillAsync();

        var report = await study.ImportAsync(await study.ExportAsync(file), format, kind);

        report.RefusedRecords.ShouldBe(0);
        (await study.TextAsync($"{format}.jsonl", study.Target)).Replace(",\"chosen_author\":\"person\"", "").ShouldBe((await study.TextAsync($"{format}.jsonl")).Replace(",\"chosen_author\":\"person\"", ""));
    }

    [Fact]
    public async Task A_second_import_of_the_same_brings_nothing_twice()
    {
        await using var study = await ImportingStudy.CreateAsync();
        await study.FillAsync();
        foreach (var (file, format) in new[] { ("log.jsonl", "log"), ("trl.jsonl", "trl") })
        {
            using var upload = await study.UploadAsync(await study.ExportAsync(file));
            var request = new ImportRequest { StudyId = study.Data.StudyId, Format = format, Kind = RecordKind.JsonLines };

            var report = await study.Import.LookAsync(study.Data.Admin, upload, request, cancellation: Cancellation);

            (report.Judgments, report.Known.Count).ShouldBe((0, report.Records));
            (await Should.ThrowAsync<RefusedException>(() => study.Import.ImportAsync(study.Data.Admin, upload, request, cancellation: Cancellation)))
                .Message.ShouldBe("The file holds nothing that could be imported.");
        }
    }

    [Fact]
    public async Task Lines_that_stand_twice_are_named_and_kept_as_two_opinions()
    {
        await using var study = await ImportingStudy.CreateAsync();
        var line = ThreeLines.Split('\n')[0];

        var report = await study.ImportAsync($"{line}\n{line}\n", "trl");

        (report.Judgments, report.Repeated.Count).ShouldBe((2, 1));
        report.Repeated.FirstLines.ShouldBe([2]);
        (await study.TextAsync("trl.jsonl", study.Target)).ShouldBe($"{line}\n{line}\n");
    }

    [Fact]
    public async Task Ids_of_a_log_that_are_taken_are_given_anew()
    {
        await using var study = await ImportingStudy.CreateAsync();
        await study.FillAsync();
        var log = await study.TextAsync("log.jsonl");
        // As from another data folder, where the same ids stand for something else.
        var other = log.Replace("\"created_at\":\"2026-", "\"created_at\":\"2025-");
        using var upload = await study.UploadAsync(Encoding.UTF8.GetBytes(other));
        var report = await study.Import.ImportAsync(study.Data.Admin, upload, new() { StudyId = study.Data.StudyId, Format = "log", Kind = RecordKind.JsonLines }, cancellation: Cancellation);

        report.KeepsIds.ShouldBeFalse();
        var lines = (await study.TextAsync("log.jsonl")).TrimEnd('\n').Split('\n').Select(line => JsonNode.Parse(line)!).ToList();
        lines.Count.ShouldBe(2 * report.Judgments);
        lines.Select(line => (long)line["id"]!).ShouldBeUnique();
        lines.Select(line => (long?)line["supersedes"]).OfType<long>().ShouldBeUnique();
    }

    /// <summary>What is judged after a log was imported gets ids that the log has not given.</summary>
    [Fact]
    public async Task New_judgments_get_ids_above_those_of_an_imported_log()
    {
        await using var study = await ImportingStudy.CreateAsync();
        await study.FillAsync();
        var log = (await study.TextAsync("log.jsonl")).Replace("\"id\":1,\"comparison\":1,", "\"id\":1000,\"comparison\":1,").Replace("\"given_with\":1", "\"given_with\":1000");
        (await study.ImportAsync(log, "log")).KeepsIds.ShouldBeTrue();

        (await study.Data.JudgeAsync(await study.Data.AddComparisonAsync("Later"))).ShouldBeGreaterThan(1000);
    }

    [Theory]
    [InlineData("\"superseded_by\":9", "\"superseded_by\":900", "It supersedes a judgment that is not in the file before it, or that says otherwise.")]
    [InlineData("\"verdict\":\"both_bad\"", "\"verdict\":\"ranked\"", "A ranking goes with the verdict ranked, and with no other.")]
    [InlineData("\"sides_shown\":[1,0]", "\"sides_shown\":[1,1]", "The sides shown must name each position once.")]
    [InlineData("\"id\":2,\"comparison\":1,", "\"id\":1,\"comparison\":1,", "An earlier line has the same id.")]
    [InlineData("\"id\":2,\"comparison\":1,", "\"id\":9223372036854775807,\"comparison\":1,", "An id must be from 1 to 1,000,000,000.")]
    [InlineData("\"purpose\":\"train\"", "\"purpose\":\"fun\"", "It is no line of a log: must be one of train, evaluation, gold, edit; it is fun.")]
    [InlineData("\"annotator\":\"pseudonym of annotator-2\"", "\"annotator\":\"pseudonym of annotator-1\"", "The annotator has another current judgment on this comparison.")]
    public async Task A_log_that_contradicts_itself_is_refused_by_line(string there, string instead, string reason)
    {
        await using var study = await ImportingStudy.CreateAsync();
        await study.FillAsync();
        using var upload = await study.UploadAsync(Encoding.UTF8.GetBytes((await study.TextAsync("log.jsonl")).Replace(there, instead)));

        var report = await study.Import.LookAsync(study.Data.Admin, upload, new() { StudyId = study.Target, Format = "log", Kind = RecordKind.JsonLines }, cancellation: Cancellation);

        report.Refused.Select(group => group.Reason).ShouldContain(reason);
    }

    [Fact]
    public async Task A_log_without_its_end_is_refused_whole()
    {
        await using var study = await ImportingStudy.CreateAsync();
        await study.FillAsync();
        var lines = (await study.TextAsync("log.jsonl")).Split('\n');
        using var upload = await study.UploadAsync(Encoding.UTF8.GetBytes(string.Join('\n', lines[..6])));

        (await Should.ThrowAsync<RefusedException>(() => study.Import.ImportAsync(study.Data.Admin, upload, new() { StudyId = study.Target, Format = "log", Kind = RecordKind.JsonLines }, cancellation: Cancellation)))
            .Message.ShouldBe("The log is not whole: line 6 is superseded by a judgment that is not in it. Nothing of it can be imported.");
    }

    [Fact]
    public async Task An_import_that_is_cancelled_or_cut_off_leaves_nothing()
    {
        await using var study = await ImportingStudy.CreateAsync();
        var file = string.Concat(Enumerable.Range(0, 700).Select(i => $$"""{"prompt":"Film {{i}}","chosen":"a","rejected":"b"}""" + "\n"));
        using var upload = await study.UploadAsync(Encoding.UTF8.GetBytes(file));
        using var cancelled = new CancellationTokenSource();
        var seenWhileStored = -1;

        await Should.ThrowAsync<OperationCanceledException>(() => study.Import.ImportAsync(
            study.Data.Admin, upload, new() { StudyId = study.Target, Format = "trl", Kind = RecordKind.JsonLines }, stored: stored =>
            {
                using var db = study.Data.CreateDbContext();
                seenWhileStored = db.Judgments.Count(j => j.StudyId == study.Target);
                cancelled.Cancel();
            }, cancellation: cancelled.Token));

        seenWhileStored.ShouldBe(0, "what is stored so far is not yet the study's");
        await ShouldBeEmptyAsync(study);

        // As the app's end leaves it.
        await using (var db = study.Data.CreateDbContext())
        {
            db.Imports.Add(new() { StudyId = study.Target, FileName = "cut.jsonl", Format = "trl", Sha256 = "", CreatedAt = DateTime.UtcNow });
            await db.SaveChangesAsync(Cancellation);
            var import = await db.Imports.SingleAsync(Cancellation);
            var comparison = await db.Comparisons.SingleAsync(c => c.Id == study.Data.AddComparisonAsync("Cut").GetAwaiter().GetResult(), Cancellation);
            comparison.ImportId = import.Id;
            await db.SaveChangesAsync(Cancellation);
            await db.Judgments.Where(j => j.Id == study.Data.JudgeAsync(comparison.Id).GetAwaiter().GetResult())
                .ExecuteUpdateAsync(set => set.SetProperty(j => j.StudyId, Import.StagingStudyId(import.Id)), Cancellation);
        }

        await study.Import.RemoveUnfinishedAsync(Cancellation);
        await ShouldBeEmptyAsync(study);
    }

    [Fact]
    public async Task Token_ids_of_another_vocabulary_are_given_back_but_not_trained_on()
    {
        await using var study = await ImportingStudy.CreateAsync();
        var line = """{"id":"a","prompt":"x","prompt_token_ids":[9],"completions":[{"text":"good","token_ids":[1,2],"reference_logp":-1.5,"policy":"elsewhere"},{"text":"bad","token_ids":[3],"policy":"elsewhere"}],"ranking":[[0],[1]],"weight":0.5,"split":"eval"}""" + "\n";

        await study.ImportAsync(line, "ranking");

        (await study.TextAsync("ranking.jsonl", study.Target)).ShouldBe(line);
        var directory = new RoundDirectory(Path.Combine(study.Data.Folder.Root, "round"));
        await study.Data.Snapshot.WriteAsync(study.Target, RoundData.All, "reference", directory, Cancellation);
        var trained = JsonLines.Read<PreferenceLine>(directory.Preferences).Single();
        (trained.PromptTokenIds, trained.Completions[0].TokenIds, trained.Completions[0].ReferenceLogp, trained.Weight).ShouldBe((null, null, null, 0.5));
    }

    [Fact]
    public async Task Only_an_admin_imports()
    {
        await using var study = await ImportingStudy.CreateAsync();
        using var upload = await study.UploadAsync(Encoding.UTF8.GetBytes(ThreeLines));
        var request = new ImportRequest { StudyId = study.Target, Format = "trl", Kind = RecordKind.JsonLines };

        await Should.ThrowAsync<NotAllowedException>(() => study.Import.LookAsync(study.Data.Annotator, upload, request, cancellation: Cancellation));
        await Should.ThrowAsync<NotAllowedException>(() => study.Import.ImportAsync(study.Data.Annotator, upload, request, cancellation: Cancellation));
        await Should.ThrowAsync<NotAllowedException>(() => DatasetImport.RecogniseAsync(study.Data.Annotator, upload, RecordKind.JsonLines, Cancellation));
        await Should.ThrowAsync<NotAllowedException>(() => new Uploads(study.Data.Folder, EnglishWords.All).TakeAsync(study.Data.Annotator, "x", new MemoryStream([1]), cancellation: Cancellation));
        (await DatasetImport.RecogniseAsync(study.Data.Admin, upload, RecordKind.JsonLines, Cancellation)).ShouldBe("trl");
    }

    [RealPreferencesFact]
    public async Task The_harmless_dialogues_and_OpenAssistants_trees_are_imported_to_the_row()
    {
        await using var study = await ImportingStudy.CreateAsync();
        var hh = await study.ImportAsync(await File.ReadAllBytesAsync(RealPreferences.Path("hh-harmless-base-test.jsonl.gz"), Cancellation), "hh-rlhf");
        var trees = await study.ImportAsync(await File.ReadAllBytesAsync(RealPreferences.Path("oasst_en_100_tree.jsonl"), Cancellation), "openassistant-trees");

        (hh.Records, hh.Judgments, hh.Preferences, hh.RefusedRecords).ShouldBe((2312, 2303, 2303, 9));
        hh.Refused.Select(group => (group.Reason, group.Count)).ShouldBe([("The two transcripts have unequal prompts.", 5), ("The last turn of a transcript is empty.", 4)]);
        (trees.Records, trees.Judgments, trees.Preferences, trees.RefusedRecords).ShouldBe((100, 212, 212, 0));
        (await study.Export.CountAsync(study.Data.Admin, study.Target, Cancellation)).Pairs.ShouldBe(2303 + 754);
        Console.WriteLine($"HH: {hh.Repeated.Count} repeated, {hh.NewPrompts} prompts; trees: {trees.NewPrompts} prompts.");
    }

    private static async Task ShouldBeEmptyAsync(ImportingStudy study)
    {
        await using var db = study.Data.CreateDbContext();
        (await db.Judgments.CountAsync(Cancellation), await db.Comparisons.CountAsync(Cancellation), await db.Responses.CountAsync(Cancellation),
            await db.Prompts.CountAsync(p => p.ImportId != null, Cancellation), await db.Imports.CountAsync(Cancellation)).ShouldBe((0, 0, 0, 0, 0));
    }
}

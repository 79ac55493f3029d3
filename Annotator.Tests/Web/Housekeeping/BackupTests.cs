using System.Formats.Tar;
using Annotator.Model.Policies;
using Annotator.Tests.Fixtures;
using Annotator.Web.Data;
using Annotator.Web.Housekeeping;
using Annotator.Web.Policies;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace Annotator.Tests.Web.Housekeeping;

[Collection(TorchCollection.Name)]
public sealed class BackupTests : IDisposable
{
    private readonly TemporaryDirectory folder = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_backup_taken_by_the_verb_while_the_app_runs_is_restored_elsewhere_with_everything()
    {
        await using var app = await WebApp.StartAsync();
        var admin = await app.CreateAdminAsync();
        var hash = await app.Services.GetRequiredService<PolicyRegistry>().ImportAsync(TinyPolicy.WriteRandom(folder["tiny"]), Cancellation);
        long study;
        await using (var db = app.OpenDb())
        {
            study = db.AddStudy().Id;
            db.AddComparisons(study, 3);
        }

        await app.PublishAsync(study, hash);
        Directory.CreateDirectory(app.Data.Round("study-1-round-1"));
        await File.WriteAllTextAsync(Path.Combine(app.Data.Round("study-1-round-1"), "options.json"), "{}", Cancellation);
        var (tar, elsewhere) = (folder["backup.tar"], folder["elsewhere"]);

        // People go on meanwhile.
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        var busy = Task.Run(async () =>
        {
            for (var i = 0; !stop.IsCancellationRequested; i++)
            {
                await using var db = app.OpenDb();
                db.AuditEntries.Add(new() { Action = "test.busy", Detail = $"{i}", At = DateTime.UtcNow });
                await db.SaveChangesAsync(CancellationToken.None);
            }
        }, Cancellation);
        var made = await ChildProcess.RunAsync("Annotator.Web", "backup", tar, "--data", app.Data.Root);
        await stop.CancelAsync();
        await busy;

        (made.Errors, made.ExitCode).ShouldBe(("", 0));
        made.Output.ShouldContain("2 studies");
        (await ChildProcess.RunAsync("Annotator.Web", "backup", tar, "--data", app.Data.Root)).Errors.ShouldContain("there already");
        // Not while an app has the folder.
        (await ChildProcess.RunAsync("Annotator.Web", "restore", tar, "--data", app.Data.Root)).Errors.ShouldContain("stop it first");
        var restored = await ChildProcess.RunAsync("Annotator.Web", "restore", tar, "--data", elsewhere);
        (restored.Errors, restored.ExitCode).ShouldBe(("", 0));

        await using var copy = await WebApp.StartAsync("--data", elsewhere);
        using var client = await copy.SignInAsync(admin);
        await using var there = copy.OpenDb();
        (await there.Comparisons.CountAsync(c => c.StudyId == study, Cancellation)).ShouldBe(3);
        (await there.AuditEntries.AnyAsync(a => a.Action == "backup.restore", Cancellation)).ShouldBeTrue();
        PolicyFiles.Hash(Path.Combine(elsewhere, "policies", hash)).ShouldBe(hash);
        File.Exists(Path.Combine(elsewhere, "rounds", "study-1-round-1", "options.json")).ShouldBeTrue();
    }

    [Fact]
    public async Task A_backup_prepared_on_the_page_takes_its_place_only_when_agreed_and_what_was_there_moves_aside()
    {
        await using var app = await WebApp.StartAsync();
        var admin = await app.CreateAdminAsync();
        var tar = folder["before.tar"];
        using (var client = await app.SignInAsync(admin))
        await using (var file = File.Create(tar))
        await using (var backup = await client.GetStreamAsync("/housekeeping/backup.tar", Cancellation))
        {
            await backup.CopyToAsync(file, Cancellation);
        }

        var late = await app.CreateAnnotatorAsync("came.later");
        var restore = app.Services.GetRequiredService<Restore>();
        await using (var file = File.OpenRead(tar))
        {
            await Should.ThrowAsync<NotAllowedException>(() => restore.PrepareAsync(late.Current, file, Cancellation));
            (await restore.PrepareAsync(admin.Current, file, Cancellation)).Judgments.ShouldBe(0);
        }

        await app.RestartAsync();
        await using (var db = app.OpenDb())
        {
            (await db.Users.CountAsync(p => p.UserName == "came.later", Cancellation)).ShouldBe(1);
        }

        await app.Services.GetRequiredService<Restore>().AgreeAsync(admin.Current, Cancellation);
        await app.RestartAsync();

        await using (var db = app.OpenDb())
        {
            (await db.Users.CountAsync(p => p.UserName == "came.later", Cancellation)).ShouldBe(0);
            (await db.AuditEntries.SingleAsync(a => a.Action == "backup.restore", Cancellation)).Detail.ShouldStartWith("ada restored the backup of ");
        }

        Directory.EnumerateDirectories(app.Data.Root, "before-restore-*").ShouldHaveSingleItem();
        app.Services.GetRequiredService<Restore>().Prepared().ShouldBeNull();
        using var again = await app.SignInAsync(admin);
    }

    [Theory]
    [InlineData("../outside.txt", "no backup")]
    [InlineData("policies/../../outside.txt", "no backup")]
    [InlineData("/etc/outside.txt", "no backup")]
    [InlineData("readme.txt", "no backup")]
    [InlineData("keys/key.xml", "lacks backup.json")]
    public async Task A_file_that_is_no_backup_changes_nothing(string entry, string about)
    {
        var data = new DataFolder(folder["data"]);
        data.Prepare();
        using var tar = new MemoryStream();
        await using (var writer = new TarWriter(tar, leaveOpen: true))
        {
            await writer.WriteEntryAsync(new PaxTarEntry(TarEntryType.RegularFile, entry) { DataStream = new MemoryStream("text"u8.ToArray()) }, Cancellation);
        }

        tar.Position = 0;
        var restore = new Restore(data, null!, TimeProvider.System, EnglishWords.All);

        (await Should.ThrowAsync<RefusedException>(() => restore.PrepareAsync(tar, Cancellation))).Message.ShouldContain(about);
        (await Should.ThrowAsync<RefusedException>(() => restore.PrepareAsync(new MemoryStream("no tar at all, but long enough to be looked at"u8.ToArray()), Cancellation))).Message.ShouldNotBeEmpty();
        Directory.EnumerateFiles(folder.Path, "outside.txt", SearchOption.AllDirectories).ShouldBeEmpty();
        Directory.EnumerateDirectories(data.Root, "*restore*").ShouldBeEmpty();
    }

    [Fact]
    public async Task Policies_that_nobody_points_to_are_named_first_and_then_removed()
    {
        await using var app = await WebApp.StartAsync();
        var admin = await app.CreateAdminAsync();
        var registry = app.Services.GetRequiredService<PolicyRegistry>();
        var house = app.Services.GetRequiredService<HousekeepingOperations>();
        var used = await registry.ImportAsync(TinyPolicy.WriteRandom(folder["used"], seed: 1), Cancellation);
        var unused = await registry.ImportAsync(TinyPolicy.WriteRandom(folder["unused"], seed: 2), Cancellation);
        var fresh = await registry.ImportAsync(TinyPolicy.WriteRandom(folder["fresh"], seed: 3), Cancellation);
        await app.PublishAsync(await app.AddStudyAsync(prompts: 1), used);
        foreach (var old in new[] { used, unused })
        {
            Directory.SetLastWriteTimeUtc(app.Data.Policy(old), DateTime.UtcNow.AddHours(-2));
        }

        var preview = await house.UnusedAsync(admin.Current, Cancellation);
        // One that was just written may be about to become a study's.
        preview.Select(policy => policy.Hash).ShouldBe([unused]);
        preview[0].Bytes.ShouldBe(new DirectoryInfo(app.Data.Policy(unused)).EnumerateFiles().Sum(file => file.Length));

        // What is named but used meanwhile is left.
        (await house.PruneAsync(admin.Current, [used, unused, fresh, "../annotator.db"], Cancellation)).Select(policy => policy.Hash).ShouldBe([unused]);

        (registry.Contains(used), registry.Contains(unused), registry.Contains(fresh)).ShouldBe((true, false, true));
        var use = await house.UseAsync(admin.Current, Cancellation);
        use.Studies.Single(study => study.Study == "A study").PolicyCount.ShouldBe(1);
        use.Database.ShouldBeGreaterThan(100_000);
        var ben = (await app.CreateAnnotatorAsync()).Current;
        await Should.ThrowAsync<NotAllowedException>(() => house.UseAsync(ben, Cancellation));
        await Should.ThrowAsync<NotAllowedException>(() => house.PruneAsync(ben, [], Cancellation));
    }

    public void Dispose() => folder.Dispose();
}

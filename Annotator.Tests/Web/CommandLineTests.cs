using Annotator.Tests.Fixtures;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Tests.Web;

/// <summary>What somebody at a terminal sees when something is not as the app needs it: one sentence, exit code 1.</summary>
public sealed class CommandLineTests
{
    [Fact]
    public async Task A_port_in_use_is_told_in_one_sentence()
    {
        await using var app = await WebApp.StartAsync();
        var folder = Directory.CreateTempSubdirectory("annotator-test-");

        var (exitCode, output, errors) = await ChildProcess.RunAsync(
            "Annotator.Web", "--urls", $"http://127.0.0.1:{app.Url.Port}", "--data", folder.FullName, "--Engine:Enabled=false");

        ShouldBeOneSentence(errors, $"http://127.0.0.1:{app.Url.Port}", "--urls");
        output.ShouldBeEmpty();
        exitCode.ShouldBe(1);
        folder.Delete(recursive: true);
    }

    [Fact]
    public async Task A_data_folder_that_can_not_be_written_is_told_in_one_sentence()
    {
        // A file where the folder should be: impossible for everybody, root included.
        var file = Path.GetTempFileName();

        var (exitCode, output, errors) = await ChildProcess.RunAsync("Annotator.Web", "--data", Path.Combine(file, "run"), "--urls", "http://127.0.0.1:0");

        ShouldBeOneSentence(errors, Path.Combine(file, "run"), "--data DIR");
        output.ShouldBeEmpty();
        exitCode.ShouldBe(1);
        File.Delete(file);
    }

    [Fact]
    public async Task A_database_that_is_none_is_told_in_one_sentence()
    {
        var folder = Directory.CreateTempSubdirectory("annotator-test-");
        await File.WriteAllTextAsync(Path.Combine(folder.FullName, "annotator.db"), new string('x', 10_000), TestContext.Current.CancellationToken);

        var (exitCode, _, errors) = await ChildProcess.RunAsync("Annotator.Web", "--data", folder.FullName, "--urls", "http://127.0.0.1:0");

        ShouldBeOneSentence(errors, "annotator.db", "--data DIR");
        exitCode.ShouldBe(1);
        folder.Delete(recursive: true);
    }

    [Fact]
    public async Task A_lost_password_is_reset_while_the_app_runs()
    {
        await using var app = await WebApp.StartAsync();
        var admin = await app.CreateAdminAsync();

        var (exitCode, output, errors) = await ChildProcess.RunAsync("Annotator.Web", "reset-password", admin.UserName, "--data", app.Data.Root);

        errors.ShouldBeEmpty();
        exitCode.ShouldBe(0);
        output.ShouldStartWith("One-time password of ada: ");
        using var client = await app.SignInAsync(admin with { Password = output.Trim().Split(' ')[^1] });
        await using var db = app.OpenDb();
        (await db.AuditEntries.SingleAsync(TestContext.Current.CancellationToken)).Detail.ShouldContain("command line");
    }

    [Fact]
    public async Task Resetting_the_password_of_nobody_fails_in_words()
    {
        await using var app = await WebApp.StartAsync();

        var unknown = await ChildProcess.RunAsync("Annotator.Web", "reset-password", "nobody", "--data", app.Data.Root);
        var noFolder = await ChildProcess.RunAsync("Annotator.Web", "reset-password", "ada", "--data", app.Data.Root + "-none");
        var noName = await ChildProcess.RunAsync("Annotator.Web", "reset-password");

        ShouldBeOneSentence(unknown.Errors, "nobody");
        unknown.ExitCode.ShouldBe(1);
        ShouldBeOneSentence(noFolder.Errors, "no database");
        noFolder.ExitCode.ShouldBe(1);
        ShouldBeOneSentence(noName.Errors, "Usage");
        noName.ExitCode.ShouldBe(2);
    }

    private static void ShouldBeOneSentence(string errors, params string[] parts)
    {
        errors.TrimEnd().Split('\n').Length.ShouldBe(1, errors);
        foreach (var part in parts)
        {
            errors.ShouldContain(part);
        }
    }
}

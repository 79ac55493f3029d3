using Annotator.Tests.Fixtures;
using Annotator.Web.Data;
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

    [Theory]
    [InlineData("nonsense")]
    [InlineData("http://127.0.0.1:99999")]
    public async Task An_address_that_can_not_be_listened_on_is_told_in_one_sentence(string url)
    {
        var folder = Directory.CreateTempSubdirectory("annotator-test-");

        var (exitCode, _, errors) = await ChildProcess.RunAsync("Annotator.Web", "--urls", url, "--data", folder.FullName, "--Engine:Enabled=false");

        ShouldBeOneSentence(errors, url, "--urls");
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

    [Theory]
    [InlineData("nowhere", "nowhere")]
    [InlineData("no-tokenizer", "tokenizer")]
    [InlineData("unknown-architecture", "made_up")]
    public async Task A_policy_that_can_not_be_used_is_told_in_one_sentence(string kind, string expected)
    {
        using var folder = new TemporaryDirectory();
        var policy = Path.Combine(folder.Path, kind);
        if (kind != "nowhere")
        {
            CopyOfSft(policy);
        }

        if (kind == "no-tokenizer")
        {
            File.Delete(Path.Combine(policy, "vocab.json"));
        }
        else if (kind == "unknown-architecture")
        {
            var config = Path.Combine(policy, "config.json");
            await File.WriteAllTextAsync(config, (await File.ReadAllTextAsync(config, TestContext.Current.CancellationToken)).Replace("\"gpt2\"", "\"made_up\""), TestContext.Current.CancellationToken);
        }

        var (exitCode, output, errors) = await ChildProcess.RunAsync(
            "Annotator.Web", "--policy", policy, "--data", Path.Combine(folder.Path, "run"), "--urls", "http://127.0.0.1:0", "--Engine:Enabled=false");

        ShouldBeOneSentence(errors, policy, expected);
        output.ShouldBeEmpty();
        exitCode.ShouldBe(1);
    }

    [Fact]
    public async Task A_second_app_over_the_same_data_folder_is_refused_in_one_sentence()
    {
        await using var app = await WebApp.StartAsync();

        var (exitCode, output, errors) = await ChildProcess.RunAsync("Annotator.Web", "--data", app.Data.Root, "--urls", "http://127.0.0.1:0", "--Engine:Enabled=false");

        ShouldBeOneSentence(errors, app.Data.Root, "--data DIR");
        output.ShouldBeEmpty();
        exitCode.ShouldBe(1);
    }

    [Theory]
    [InlineData("--dta", "/tmp/x")]
    [InlineData("--data")]
    [InlineData("--data", "/tmp/x", "reset-password", "ada")]
    public async Task A_word_that_is_not_understood_starts_nothing(params string[] args)
    {
        var (exitCode, output, errors) = await ChildProcess.RunAsync("Annotator.Web", args);

        ShouldBeOneSentence(errors, "--help");
        output.ShouldBeEmpty();
        exitCode.ShouldBe(2);
    }

    [Fact]
    public async Task An_empty_prompt_file_is_told_in_one_sentence()
    {
        using var folder = new TemporaryDirectory();
        var prompts = Path.Combine(folder.Path, "prompts.jsonl");
        await File.WriteAllTextAsync(prompts, "", TestContext.Current.CancellationToken);

        var (exitCode, _, errors) = await ChildProcess.RunAsync(
            "Annotator.Web", "--prompts", prompts, "--data", Path.Combine(folder.Path, "run"), "--urls", "http://127.0.0.1:0", "--Engine:Enabled=false");

        ShouldBeOneSentence(errors, prompts, "empty");
        exitCode.ShouldBe(1);
    }

    [Fact]
    public async Task The_first_run_takes_a_policy_and_prompts_of_ones_own_and_no_other_policy_later()
    {
        using var folder = new TemporaryDirectory();
        var (first, second, prompts) = (Path.Combine(folder.Path, "first"), Path.Combine(folder.Path, "second"), Path.Combine(folder.Path, "openings.jsonl"));
        CopyOfSft(first);
        CopyOfSft(second);
        await File.AppendAllTextAsync(Path.Combine(second, "config.json"), "\n", TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(prompts, """{"text": "Once upon a time"}""", TestContext.Current.CancellationToken);

        await using var app = await WebApp.StartAsync("--policy", first, "--prompts", prompts);
        await using var db = app.OpenDb();
        (await db.Prompts.SingleAsync(TestContext.Current.CancellationToken)).Text.ShouldBe("Once upon a time");
        (await db.Studies.Include(s => s.CurrentPolicy).SingleAsync(TestContext.Current.CancellationToken)).CurrentPolicy!.Number.ShouldBe(0);
        (await db.Studies.SingleAsync(TestContext.Current.CancellationToken)).Name.ShouldBe("openings");
        await app.StopAsync();

        var (exitCode, _, errors) = await ChildProcess.RunAsync(
            "Annotator.Web", "--policy", second, "--data", app.Data.Root, "--urls", "http://127.0.0.1:0", "--Engine:Enabled=false");
        ShouldBeOneSentence(errors, second, "openings");
        exitCode.ShouldBe(1);
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

    private static void CopyOfSft(string folder)
    {
        Directory.CreateDirectory(folder);
        foreach (var file in Directory.EnumerateFiles(StarterData.SftPolicy))
        {
            File.Copy(file, Path.Combine(folder, Path.GetFileName(file)));
        }
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

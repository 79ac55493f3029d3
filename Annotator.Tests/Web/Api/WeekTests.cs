using System.Diagnostics;
using System.Formats.Tar;
using System.IO.Compression;
using Annotator.Tests.Fixtures;
using Annotator.Web.Api.Keys;
using Annotator.Web.Data;
using Annotator.Web.Dataset;
using Microsoft.Extensions.DependencyInjection;

namespace Annotator.Tests.Web.Api;

/// <summary>An admin's week through the API alone: the script of the examples, against the real app with its sampler and its trainer.</summary>
[Collection(TimedCollection.Name)]
public sealed class WeekTests : IDisposable
{
    private readonly TemporaryDirectory folder = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_script_with_a_key_imports_judges_trains_and_takes_everything_away()
    {
        await using var app = await WebApp.StartAsync("--Engine:Enabled=true");
        var key = await app.Services.GetRequiredService<ApiKeyOperations>().CreateAsync((await app.CreateAdminAsync()).Current, "the week", ApiClient.Everything, null, Cancellation);
        await File.WriteAllLinesAsync(folder["prompts.csv"], ["text", "The ending of this film", "\"The music, and the way it is used,\""], Cancellation);
        await File.WriteAllLinesAsync(
            folder["preferences.jsonl"],
            Enumerable.Range(1, 40).Select(i => $$"""{"prompt":"Film number {{i}} was","chosen":" a delight from its first scene to its last.","rejected":" bad."}"""), Cancellation);

        var start = new ProcessStartInfo("bash", [Path.Combine(StarterData.Folder, "examples", "week.sh"), folder["prompts.csv"], folder["preferences.jsonl"], folder["harvest"]])
        {
            RedirectStandardOutput = true, RedirectStandardError = true,
            Environment = { ["ANNOTATOR_URL"] = app.Url.ToString().TrimEnd('/'), ["ANNOTATOR_KEY"] = key.Key },
        };
        using var week = Process.Start(start)!;
        var output = week.StandardOutput.ReadToEndAsync(Cancellation);
        var errors = week.StandardError.ReadToEndAsync(Cancellation);
        await week.WaitForExitAsync(Cancellation);

        (await errors).ShouldBe("");
        (week.ExitCode, (await output).TrimEnd().Split('\n')[^1]).ShouldBe((0, "the week is over: policy 1"), await output);
        foreach (var file in DatasetFile.All)
        {
            new FileInfo(Path.Combine(folder["harvest"], file.Name)).Length.ShouldBeGreaterThan(100, file.Name);
        }

        (await File.ReadAllLinesAsync(Path.Combine(folder["harvest"], "trl.jsonl"), Cancellation)).Length.ShouldBe(43);
        await using var policy = await ZipFile.OpenReadAsync(Path.Combine(folder["harvest"], "policy-1.zip"), Cancellation);
        policy.Entries.ShouldContain(entry => entry.Name == "model.safetensors");
        (await File.ReadAllTextAsync(Path.Combine(folder["harvest"], "audit.csv"), Cancellation)).ShouldContain("the week");
        await using var backup = File.OpenRead(Path.Combine(folder["harvest"], "backup.tar"));
        await using var tar = new TarReader(backup);
        (await tar.GetNextEntryAsync(cancellationToken: Cancellation))!.Name.ShouldBe("backup.json");
    }

    public void Dispose() => folder.Dispose();
}

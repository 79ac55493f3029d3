using System.Diagnostics;
using System.Formats.Tar;
using System.Globalization;
using System.IO.Compression;
using System.Text.Json;
using System.Text.RegularExpressions;
using Annotator.Tests.Fixtures;
using Annotator.Web.Api.Keys;
using Annotator.Web.Data;
using Annotator.Web.Dataset;
using Microsoft.Extensions.DependencyInjection;

namespace Annotator.Tests.Web.Api;

/// <summary>
/// An admin's week through the API alone: the script of the examples, against the real app with its sampler and its trainer. What it imports is made up,
/// in the form of Anthropic's preferences.
/// </summary>
[Collection(TimedCollection.Name)]
public sealed partial class WeekTests : IDisposable
{
    private static readonly string TooLong = string.Join(' ', Enumerable.Repeat("A delight from its first scene to its last.", 60));
    private readonly TemporaryDirectory folder = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_script_with_a_key_walks_from_an_empty_study_to_a_promotion_a_roll_back_and_the_harvest()
    {
        await using var app = await WebApp.StartAsync("--Engine:Enabled=true");
        var key = await app.Services.GetRequiredService<ApiKeyOperations>().CreateAsync((await app.CreateAdminAsync()).Current, "the week", ApiClient.Everything, null, Cancellation);
        await File.WriteAllLinesAsync(folder["prompts.csv"], Enumerable.Range(1, 120).Select(i => $"\"Scene {i}, the one by the sea, was\"").Prepend("text"), Cancellation);
        await File.WriteAllLinesAsync(
            folder["preferences.jsonl"],
            [.. Enumerable.Range(1, 100).Select(i => Preference(i, "A delight from its first scene to its last.")), .. Enumerable.Range(101, 6).Select(i => Preference(i, TooLong))], Cancellation);

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
        var all = await output;
        var said = all.TrimEnd().Split('\n');
        (week.ExitCode, said[^1]).ShouldBe((0, "the week is over: policy 1"), all);
        said.ShouldContain("preferences: 100 fit, 6 are too long");
        var trainedOn = TrainedOn().Match(all);
        (Number(trainedOn, "train") + Number(trainedOn, "eval")).ShouldBe(100, all);
        said.ShouldContain(line => BlindVerdict().IsMatch(line), all);
        said.ShouldContain(line => line == "the gate opens" || line.StartsWith("the gate stays shut (", StringComparison.Ordinal));
        said.ShouldContain("policy 1 serves");
        said.ShouldContain("rolled back to policy 0");
        var (theirs, without) = (OfAnnotator().Match(all), Without().Match(all));
        (Number(theirs, "train") + Number(without, "left")).ShouldBe(Number(without, "all"), all);
        foreach (var file in DatasetFile.All)
        {
            new FileInfo(Path.Combine(folder["harvest"], file.Name)).Length.ShouldBeGreaterThan(100, file.Name);
        }

        (await File.ReadAllLinesAsync(Path.Combine(folder["harvest"], "trl.jsonl"), Cancellation)).Length.ShouldBeGreaterThanOrEqualTo(100);
        await using var policy = await ZipFile.OpenReadAsync(Path.Combine(folder["harvest"], "policy-1.zip"), Cancellation);
        policy.Entries.ShouldContain(entry => entry.Name == "model.safetensors");
        (await File.ReadAllTextAsync(Path.Combine(folder["harvest"], "audit.csv"), Cancellation)).ShouldContain("the week");
        await using var backup = File.OpenRead(Path.Combine(folder["harvest"], "backup.tar"));
        await using var tar = new TarReader(backup);
        (await tar.GetNextEntryAsync(cancellationToken: Cancellation))!.Name.ShouldBe("backup.json");
    }

    public void Dispose() => folder.Dispose();

    private static string Preference(int number, string chosen) => JsonSerializer.Serialize(new Dictionary<string, string>
    {
        ["chosen"] = $"\n\nHuman: What was film {number} like?\n\nAssistant: {chosen}", ["rejected"] = $"\n\nHuman: What was film {number} like?\n\nAssistant: Bad.",
    });

    private static int Number(Match match, string name) => int.Parse(match.Groups[name].ValueSpan, CultureInfo.InvariantCulture);

    [GeneratedRegex(@"^a round would train on (?<train>\d+) preferences and measure itself by (?<eval>\d+)$", RegexOptions.Multiline)]
    private static partial Regex TrainedOn();

    [GeneratedRegex(@"^\d+ judgments: policy 1 wins 0?\.?\d+ of the blind ones, 95% from 0?\.?\d+ to 0?\.?\d+$")]
    private static partial Regex BlindVerdict();

    [GeneratedRegex(@" gave \d+ judgments, (?<train>\d+) of them to train on")]
    private static partial Regex OfAnnotator();

    [GeneratedRegex(@"a round trains on (?<left>\d+) of (?<all>\d+) preferences")]
    private static partial Regex Without();
}

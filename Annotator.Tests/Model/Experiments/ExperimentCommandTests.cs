using Annotator.Model.Experiments;
using Annotator.Tests.Fixtures;

namespace Annotator.Tests.Model.Experiments;

/// <summary>The experiments end to end on a tiny policy, as they are run by hand.</summary>
[Collection(TorchCollection.Name)]
public sealed class ExperimentCommandTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    private string Policy => _policy ??= TinyPolicy.WriteRandom(_directory["policy"], contextLength: 128);

    private string? _policy;

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task Controlled_sentiment_writes_points_pictures_and_a_report_and_a_rerun_takes_what_is_done()
    {
        var (exitCode, _, errors) = await Sentiment("a", "--seed", "1");
        exitCode.ShouldBe(0, errors);

        var csv = File.ReadAllLines(_directory["a/frontier.csv"]);
        csv[0].ShouldBe("method,seed,step,kl,kl_se,reward,reward_se,positive,tokens,samples,seconds");
        var points = FrontierPoint.ReadAll(_directory["a/frontier.csv"]);
        points.Where(point => point.Method == "dpo-0.1").Select(point => point.Step).ShouldBe([0, 2]);
        points.Where(point => point.Method != BestOfNPoints.Name && point.Step == 0).ShouldAllBe(point => Math.Abs(point.Kl.Mean) < 1e-3);
        points.Where(point => point.Method == BestOfNPoints.Name).Select(point => point.Step).ShouldBe([1, 2, 4, 8, 16]);
        File.ReadAllBytes(_directory["a/frontier.png"])[1..4].ShouldBe("PNG"u8.ToArray());
        File.ReadAllText(_directory["a/frontier.svg"]).ShouldContain("Controlled sentiment");
        File.ReadAllText(_directory["a/report.md"]).ShouldContain("| DPO, β = 0.1 |");

        // A finished method is read, not run: its file may say anything. A missing one is run, and gives what it gave.
        var unlikelihood = File.ReadAllLines(_directory["a/methods/unlikelihood.csv"]);
        File.WriteAllLines(_directory["a/methods/dpo-0.1.csv"], [FrontierPoint.CsvHeader, "dpo-0.1,1,7,1,0,2,0,1,9,8,0"]);
        File.Delete(_directory["a/methods/unlikelihood.csv"]);
        (await Sentiment("a", "--seed", "1")).ExitCode.ShouldBe(0);
        File.ReadAllText(_directory["a/frontier.csv"]).ShouldContain("dpo-0.1,1,7,1,0,2,0,1,9,8,0\n");
        File.ReadAllLines(_directory["a/methods/unlikelihood.csv"]).Select(WithoutSeconds).ShouldBe(unlikelihood.Select(WithoutSeconds));

        var other = await Sentiment("a", "--seed", "2");
        other.ExitCode.ShouldBe(1);
        other.Errors.ShouldContain("was begun with other options");

        (await Sentiment("b", "--seed", "2")).ExitCode.ShouldBe(0);
        var combined = await ModelVerb.Run("experiment", "sentiment", "--combine", _directory["a"], _directory["b"], "--out", _directory["both"]);
        combined.ExitCode.ShouldBe(0, combined.Errors);
        combined.Output.ShouldContain("2 seeds (1, 2)");
        combined.Output.ShouldContain("not reached");

        static string WithoutSeconds(string line) => line[..line.LastIndexOf(',')];
    }

    [Fact]
    public async Task A_method_that_does_not_exist_is_refused_with_those_that_do()
    {
        var (exitCode, _, errors) = await Sentiment("c", "--methods", "grpo");

        exitCode.ShouldBe(2);
        errors.ShouldContain("There is no method grpo: dpo-0.05");
    }

    [Fact]
    public async Task Online_rounds_write_a_point_for_each_round_of_each_arm()
    {
        var (exitCode, _, errors) = await ModelVerb.Run(
            "experiment", "online", "--policy", Policy, "--out", _directory["online"], "--seeds", "0", "1", "--rounds", "2", "--judgments", "4", "--fresh-samples", "8", "--threads", "1");

        exitCode.ShouldBe(0, errors);
        var arms = FrontierCurve.Of(FrontierPoint.ReadAll(_directory["online/online.csv"]));
        arms.Select(arm => arm.Method).ShouldBe(["default", "previous", "new", "uncertain"]);
        arms.ShouldAllBe(arm => arm.Runs.Count == 2 && arm.Runs.All(run => run.Select(point => point.Step).SequenceEqual(new[] { 0, 4, 8 })));
        File.Exists(_directory["online/online.png"]).ShouldBeTrue();
        File.ReadAllText(_directory["online/report.md"]).ShouldContain("| reference SFT, all data, random pairs |");
    }

    private Task<(int ExitCode, string Output, string Errors)> Sentiment(string name, params IEnumerable<string> more) => ModelVerb.Run(
    [
        "experiment", "sentiment", "--quick", "--policy", Policy, "--out", _directory[name], "--steps", "2", "--prompts", "8", "--fresh-samples", "8", "--threads", "1", .. more,
    ]);
}

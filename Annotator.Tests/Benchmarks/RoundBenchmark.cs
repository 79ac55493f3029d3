using System.Globalization;
using System.Text.Json.Nodes;
using Annotator.Model.Preferences;
using Annotator.Tests.Fixtures;

namespace Annotator.Tests.Benchmarks;

/// <summary>
/// What a round of the app's defaults does to the embedded policy: minutes of computing, so it runs when asked for:
/// <c>ANNOTATOR_BENCHMARKS=1 dotnet run --project Annotator.Tests -- -class "*RoundBenchmark" -showLiveOutput</c>.
/// The environment may name another policy (ANNOTATOR_POLICY) and options to change (ANNOTATOR_OPTIONS, JSON).
/// </summary>
public sealed class RoundBenchmark(ITestOutputHelper output)
{
    private const int Preferences = 200;
    private const int HeldOutPairs = 200;
    private const int FreshSamples = 400;

    private static readonly string Policy = Environment.GetEnvironmentVariable("ANNOTATOR_POLICY") ?? Repository.EmbeddedPolicy;

    [Benchmark]
    public async Task A_round_on_two_hundred_preferences_teaches_the_embedded_policy_what_its_annotator_likes()
    {
        var prompts = File.ReadLines(Repository.Find("data/prompts/film-reviews.jsonl"))
            .Select(line => JsonNode.Parse(line)!["text"]!.GetValue<string>())
            .ToList();
        var trained = prompts.Where((_, index) => index % 2 == 0).ToList();
        var heldOut = prompts.Where((_, index) => index % 2 == 1).ToList();
        var training = Compare(trained, await Sample(Policy, trained, perPrompt: 12, seed: 1)).Take(Preferences).ToList();
        var measuring = Compare(heldOut, await Sample(Policy, heldOut, perPrompt: 12, seed: 2)).Take(HeldOutPairs).ToList();
        var before = (await Sample(Policy, heldOut, FreshSamples / heldOut.Count, seed: 3)).Select(Score).ToList();

        using var round = RoundFolder.Create(
            Options(),
            [.. training, .. measuring.Select(line => line with { Id = "held out " + line.Id, Split = PreferenceSplit.Eval })]);
        var (exitCode, _, errors) = await ModelVerb.Run("dpo", "--round", round.Files.Root);
        exitCode.ShouldBe(0, errors);

        var after = (await Sample(round.Files.Policy, heldOut, FreshSamples / heldOut.Count, seed: 4)).ToList();
        var scores = after.Select(Score).ToList();
        var (rise, error) = (scores.Average() - before.Average(), Math.Sqrt(SquaredError(scores) + SquaredError(before)));
        var (first, last) = (round.Metrics[0], round.Metrics[^1]);
        Report($"preferences {training.Count}, held-out pairs {measuring.Count}, updates {round.Result.Steps}, round {round.Result.WallTimeSeconds:F1} s");
        Report($"first loss {first.Loss:F6}, last {last.Loss:F4}; eval loss {first.EvalLoss:F4} -> {last.EvalLoss:F4}; held-out accuracy {last.EvalRewardsAccuracies:P1}");
        Report($"margin {last.RewardsMargins:F3}, held out {last.EvalRewardsMargins:F3}; logps/chosen {first.EvalLogpsChosen:F2} -> {last.EvalLogpsChosen:F2}");
        Report($"positive words a sample {before.Average():F3} -> {scores.Average():F3}: {rise:F3} ± {error:F3} ({rise / error:F1} standard errors) on {scores.Count} samples");
        foreach (var response in after.Take(8))
            Report($"  {heldOut[response.Prompt]} |{response.Text}");

        measuring.Count.ShouldBe(HeldOutPairs);
        first.Loss.ShouldBe(Math.Log(2), 1e-4);
        last.EvalRewardsAccuracies!.Value.ShouldBeGreaterThanOrEqualTo(0.65);
        rise.ShouldBeGreaterThan(2 * error);
        round.Result.WallTimeSeconds.ShouldBeLessThanOrEqualTo(60);
    }

    private static RoundOptions Options()
    {
        var options = JsonNode.Parse(RoundOptions.AppDefaults(Policy, Policy).ToJson())!.AsObject();
        foreach (var (key, value) in JsonNode.Parse(Environment.GetEnvironmentVariable("ANNOTATOR_OPTIONS") ?? "{}")!.AsObject())
            options[key] = value?.DeepClone();
        return RoundOptions.Parse(options.ToJsonString());
    }

    private sealed record Sampled(int Prompt, string Text, int[] TokenIds);

    private static async Task<List<Sampled>> Sample(string policy, List<string> prompts, int perPrompt, int seed)
    {
        var input = Path.GetTempFileName();
        try
        {
            File.WriteAllLines(input, prompts.Select(prompt => new JsonObject { ["prompt"] = prompt }.ToJsonString()));
            var (exitCode, lines, errors) = await ModelVerb.Run(
                "sample", "--policy", policy, "--input", input, "--n", $"{perPrompt}", "--max-tokens", "64", "--seed", $"{seed}", "--json");
            exitCode.ShouldBe(0, errors);
            return
            [
                .. lines.Split('\n', StringSplitOptions.RemoveEmptyEntries)
                    .Select(line => JsonNode.Parse(line)!)
                    .Select(line => new Sampled(
                        line["prompt_index"]!.GetValue<int>(),
                        line["text"]!.GetValue<string>(),
                        [.. line["token_ids"]!.AsArray().Select(id => id!.GetValue<int>())]))
                    .OrderBy(sampled => sampled.Prompt),
            ];
        }
        finally
        {
            File.Delete(input);
        }
    }

    /// <summary>The annotator judges the first two responses to each prompt, then the next two…; ties are dropped.</summary>
    private static IEnumerable<PreferenceLine> Compare(List<string> prompts, List<Sampled> responses) =>
        from turn in responses.GroupBy(response => response.Prompt).SelectMany(ofPrompt => ofPrompt.Chunk(2).Index()).OrderBy(pair => pair.Index)
        let pair = turn.Item
        let difference = Score(pair[0]) - Score(pair[1])
        where difference != 0
        select new PreferenceLine
        {
            Id = $"{pair[0].Prompt}/{turn.Index}",
            Prompt = prompts[pair[0].Prompt],
            Completions = [.. pair.Select(response => new PreferenceCompletion { Text = response.Text, TokenIds = response.TokenIds })],
            Ranking = difference > 0 ? Ranking.Prefer(0, 1) : Ranking.Prefer(1, 0),
        };

    private static double Score(Sampled response) => PositiveWords.Count(response.Text);

    /// <summary>The squared standard error of the mean.</summary>
    private static double SquaredError(List<double> values)
    {
        var mean = values.Average();
        return values.Sum(value => (value - mean) * (value - mean)) / (values.Count - 1) / values.Count;
    }

    private void Report(FormattableString line) => output.WriteLine(line.ToString(CultureInfo.InvariantCulture));
}

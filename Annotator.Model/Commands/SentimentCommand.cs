using System.CommandLine;
using System.Text.Json;
using Annotator.Model.Evaluation;
using Annotator.Model.Experiments;
using Annotator.Model.Native;
using Annotator.Model.Preferences;

namespace Annotator.Model.Commands;

/// <summary>The verb <c>experiment sentiment</c>: controlled sentiment, the central figure of Rafailov et al. (2023), at laptop size.</summary>
public static class SentimentCommand
{
    private static readonly Option<DirectoryInfo> Out = new("--out") { Description = "The directory for methods/, frontier.csv, frontier.svg, frontier.png and report.md. What is finished there is not run again.", Required = true };
    private static readonly Option<bool> Quick = new("--quick") { Description = "Small: under ten minutes on two cores." };
    private static readonly Option<int> Seed = new("--seed") { Description = "Of openings, samples and judgments." };
    private static readonly Option<string[]> Methods = new("--methods") { Description = $"Only these: {string.Join(", ", SentimentMethod.All.Select(method => method.Name))}, {BestOfNPoints.Name}.", AllowMultipleArgumentsPerToken = true };
    private static readonly Option<DirectoryInfo[]> Combine = new("--combine") { Description = "Directories of finished seeds: nothing is run, their means are drawn and tabled in --out.", AllowMultipleArgumentsPerToken = true };
    private static readonly Option<DirectoryInfo?> PolicyOption = new("--policy") { Description = "The SFT policy; the embedded one unless given." };
    private static readonly Option<int?> Steps = new("--steps") { Description = "Updates of each method." };
    private static readonly Option<int?> Prompts = new("--prompts") { Description = "Openings to learn from." };
    private static readonly Option<int?> Samples = new("--fresh-samples") { Description = "Fresh samples a measurement." };
    private static readonly Option<int> Threads = new("--threads") { Description = "0 for all cores." };

    public static Command Create(Option<DirectoryInfo?> corpus)
    {
        var command = new Command("sentiment", "Reward against KL of every method, on controlled sentiment.") { Out, Quick, Seed, corpus, Methods, Combine, PolicyOption, Steps, Prompts, Samples, Threads };
        command.Run((arguments, console, cancellation) =>
        {
            var directory = arguments.GetRequiredValue(Out).FullName;
            var seeds = (arguments.GetValue(Combine) ?? []).Select(seed => seed.FullName).ToList();
            if (seeds.Count == 0)
            {
                Run(directory, arguments, corpus, console, cancellation);
                seeds = [directory];
            }
            Write(directory, seeds, console);
        });
        return command;
    }

    private static void Run(string directory, ParseResult arguments, Option<DirectoryInfo?> corpus, JobConsole console, CancellationToken cancellation)
    {
        string[] known = [.. SentimentMethod.All.Select(method => method.Name), BestOfNPoints.Name];
        var only = arguments.GetValue(Methods) ?? [];
        if (only.Except(known).FirstOrDefault() is { } unknown)
            throw new UsageException($"There is no method {unknown}: {string.Join(", ", known)}.");

        LibTorch.Load(arguments.GetValue(Threads));
        var sizes = arguments.GetValue(Quick) ? SentimentSizes.Quick : SentimentSizes.Full;
        sizes = sizes with
        {
            Steps = arguments.GetValue(Steps) ?? sizes.Steps,
            PpoSteps = arguments.GetValue(Steps) ?? sizes.PpoSteps,
            Prompts = arguments.GetValue(Prompts) ?? sizes.Prompts,
            FreshSamples = arguments.GetValue(Samples) ?? sizes.FreshSamples,
        };
        console.WithProgress("Controlled sentiment", progress => new SentimentExperiment(directory, progress, console.Log).Run(
            arguments.GetValue(PolicyOption)?.FullName ?? EmbeddedData.SftPolicy,
            SentimentScorer.Read(EmbeddedData.Scorer),
            arguments.GetValue(corpus) is { } reviews ? new Corpus(reviews.FullName) : null,
            sizes, arguments.GetValue(Seed), only, cancellation));
    }

    private static void Write(string directory, List<string> seeds, JobConsole console)
    {
        Directory.CreateDirectory(directory);
        var options = seeds.Select(seed => JsonSerializer.Deserialize<SentimentOptions>(File.ReadAllText(Path.Combine(seed, KeptOptions.File)), JsonLines.Spelling)!).ToList();
        if (options.Exists(one => one with { Seed = options[0].Seed } != options[0]))
            throw new InvalidDataException("The directories to combine were made with different options: only their seeds may differ.");

        var points = seeds.SelectMany(SentimentExperiment.Read).ToList();
        var curves = FrontierCurve.Of(points);
        FrontierPoint.WriteAll(Path.Combine(directory, "frontier.csv"), points);
        FrontierPicture.Draw(curves, directory);
        var report = FrontierReport.Of(curves, options[0]);
        File.WriteAllText(Path.Combine(directory, "report.md"), report);
        console.Result(points, report);
    }
}

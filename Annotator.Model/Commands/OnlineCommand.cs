using System.CommandLine;
using Annotator.Model.Evaluation;
using Annotator.Model.Experiments;
using Annotator.Model.Native;

namespace Annotator.Model.Commands;

/// <summary>The verb <c>experiment online</c>: what the choices of a round are worth, with a scorer in the place of people.</summary>
public static class OnlineCommand
{
    private static readonly OnlineSizes Full = new();
    private static readonly Option<DirectoryInfo> Out = new("--out") { Description = "The directory for arms/, online.csv, online.svg, online.png and report.md. What is finished there is not run again.", Required = true };
    private static readonly Option<int[]> Seeds = new("--seeds") { Description = "Those to run; whatever the directory holds is drawn.", DefaultValueFactory = _ => [0, 1, 2], AllowMultipleArgumentsPerToken = true };
    private static readonly Option<int> Rounds = new("--rounds") { Description = "Rounds of each arm.", DefaultValueFactory = _ => Full.Rounds };
    private static readonly Option<int> Judgments = new("--judgments") { Description = "Judgments before each round.", DefaultValueFactory = _ => Full.Judgments };
    private static readonly Option<int> Samples = new("--fresh-samples") { Description = "Fresh samples after each round.", DefaultValueFactory = _ => Full.FreshSamples };
    private static readonly Option<DirectoryInfo?> PolicyOption = new("--policy") { Description = "The SFT policy; the embedded one unless given." };
    private static readonly Option<int> Threads = new("--threads") { Description = "0 for all cores." };

    public static Command Create(Option<DirectoryInfo?> corpus)
    {
        var command = new Command("online", "Reward against the number of judgments over online rounds: fixed or moving reference, all or new data, random or uncertain pairs.") { Out, Seeds, Rounds, Judgments, Samples, corpus, PolicyOption, Threads };
        command.Run((arguments, console, cancellation) =>
        {
            LibTorch.Load(arguments.GetValue(Threads));
            var directory = arguments.GetRequiredValue(Out).FullName;
            var sizes = Full with { Rounds = arguments.GetValue(Rounds), Judgments = arguments.GetValue(Judgments), FreshSamples = arguments.GetValue(Samples) };
            if (sizes.Rounds < 1 || sizes.Judgments < 1 || sizes.FreshSamples < 1)
                throw new UsageException("--rounds, --judgments and --fresh-samples must be at least 1.");
            console.WithProgress("Online rounds", progress => new OnlineExperiment(directory, progress, console.Log).Run(
                arguments.GetValue(PolicyOption)?.FullName ?? EmbeddedData.SftPolicy,
                SentimentScorer.Read(EmbeddedData.Scorer),
                arguments.GetValue(corpus) is { } reviews ? new Corpus(reviews.FullName) : null,
                sizes, arguments.GetRequiredValue(Seeds), cancellation));

            var points = OnlineExperiment.Read(directory);
            var arms = FrontierCurve.Of(points);
            FrontierPoint.WriteAll(Path.Combine(directory, "online.csv"), points);
            OnlineReport.Draw(arms, directory);
            var report = OnlineReport.Of(arms, sizes);
            File.WriteAllText(Path.Combine(directory, "report.md"), report);
            console.Result(points, report);
        });
        return command;
    }
}

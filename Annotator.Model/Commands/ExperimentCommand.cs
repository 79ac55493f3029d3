using System.CommandLine;
using System.Globalization;
using Annotator.Model.Evaluation;
using Annotator.Model.Experiments;

namespace Annotator.Model.Commands;

/// <summary>The verb <c>experiment</c>: the paper's controlled sentiment and online rounds, with a scorer in the place of people.</summary>
public static class ExperimentCommand
{
    private static readonly Option<DirectoryInfo?> CorpusOption = new("--corpus") { Description = "The Large Movie Review Dataset: a directory with imdb-train.jsonl.gz and imdb-test.jsonl.gz, lines of {\"text\",\"label\"}." };

    public static Command Create() => new("experiment", "Learns from simulated preferences and draws what came of it.")
    {
        SentimentCommand.Create(CorpusOption),
        OnlineCommand.Create(CorpusOption),
        Scorer(),
    };

    private sealed record ScorerResult(int Features, long Bytes, double TestAccuracy, double OpeningAccuracy);

    private static Command Scorer()
    {
        Option<FileInfo> file = new("--out") { Description = "The file for the scorer, a table of words and weights.", Required = true };
        Option<int> features = new("--features") { Description = "Words and pairs of words to keep.", DefaultValueFactory = _ => 40_000 };
        var command = new Command("scorer", "Trains the sentiment scorer that the other experiments take for the truth.") { CorpusOption, file, features };
        command.Run((arguments, console, cancellation) =>
        {
            var corpus = new Corpus((arguments.GetValue(CorpusOption) ?? throw new UsageException("--corpus must name the directory of the labelled reviews.")).FullName);
            var path = arguments.GetRequiredValue(file).FullName;
            SentimentTraining.Train([.. corpus.Train], arguments.GetValue(features), cancellation).Write(path);

            var scorer = SentimentScorer.Read(path);
            var test = corpus.Test.ToList();
            var openings = test.Select(text => text with { Text = SentimentTraining.Opening(text.Text) });
            var result = new ScorerResult(scorer.Weights.Count, new FileInfo(path).Length, SentimentTraining.Accuracy(scorer, test), SentimentTraining.Accuracy(scorer, openings));
            console.Result(result, string.Create(
                CultureInfo.InvariantCulture,
                $"{result.Features:N0} words and pairs, {result.Bytes:N0} bytes; right on {result.TestAccuracy:P2} of the test reviews and on {result.OpeningAccuracy:P2} of their first {SentimentTraining.OpeningWords} words."));
        });
        return command;
    }
}

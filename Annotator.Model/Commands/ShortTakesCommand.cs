using System.CommandLine;
using System.IO.Compression;
using System.Text;
using Annotator.Model.Checkpoints;
using Annotator.Model.Preferences;
using Annotator.Model.Tokenization;
using Annotator.Model.Training;

namespace Annotator.Model.Commands;

/// <summary>The verb <c>short-takes</c>: makes prompt–completion pairs out of reviews, for <c>sft</c>.</summary>
public static class ShortTakesCommand
{
    private sealed record Line(string Prompt, string Completion);

    private sealed record Summary(int Reviews, int Takes);

    private static readonly Option<FileInfo[]> Data = new("--data") { Description = "JSONL files (also .gz) of {\"text\"}.", Required = true, AllowMultipleArgumentsPerToken = true };
    private static readonly Option<FileInfo> Out = new("--out") { Description = "JSONL file (also .gz) of {\"prompt\",\"completion\"}.", Required = true };
    private static readonly Option<DirectoryInfo> Tokenizer = new("--tokenizer", "--policy") { Description = "A directory with the tokenizer that counts tokens.", Required = true };
    private static readonly Option<int> Fewest = new("--min-tokens") { Description = "Tokens that a completion must have.", DefaultValueFactory = _ => 20 };
    private static readonly Option<int> Most = new("--max-tokens") { Description = "Tokens that a completion may have.", DefaultValueFactory = _ => 60 };
    private static readonly Option<int> Seed = new("--seed") { Description = "Of the number of words in a prompt.", DefaultValueFactory = _ => 0 };

    public static Command Create()
    {
        var command = new Command("short-takes", "Cuts short takes out of reviews: the first 2–8 words, and the rest of the first one or two sentences.") { Data, Out, Tokenizer, Fewest, Most, Seed };
        command.Run(Write);
        return command;
    }

    private static void Write(ParseResult arguments, JobConsole console, CancellationToken cancellation)
    {
        var directory = arguments.GetRequiredValue(Tokenizer).FullName;
        var tokenizer = TextTokenizer.Open(directory)
            ?? throw new PolicyException($"There are no tokenizer files (tokenizer.json, or vocab.json and merges.txt) in {directory}.");
        var path = arguments.GetRequiredValue(Out).FullName;
        var (reviews, takes) = (0, 0);
        using (var writer = Create(path))
        {
            foreach (var text in arguments.GetRequiredValue(Data).SelectMany(file => TrainingText.Read(file.FullName)))
            {
                cancellation.ThrowIfCancellationRequested();
                reviews++;
                var take = text.Text is null ? null : ShortTake.From(
                    text.Text, arguments.GetValue(Seed), completion => tokenizer.Encode(completion).Count, arguments.GetValue(Fewest), arguments.GetValue(Most));
                if (take is not null)
                {
                    writer.WriteLine(JsonLines.Format(new Line(take.Prompt, take.Completion)));
                    takes++;
                }
            }
        }

        console.Result(new Summary(reviews, takes), $"{takes:N0} short takes from {reviews:N0} reviews in {path}.");
    }

    private static StreamWriter Create(string path)
    {
        Stream file = File.Create(path);
        return new StreamWriter(
            path.EndsWith(".gz", StringComparison.OrdinalIgnoreCase) ? new GZipStream(file, CompressionLevel.SmallestSize) : file,
            new UTF8Encoding(encoderShouldEmitUTF8Identifier: false)) { NewLine = "\n" };
    }
}

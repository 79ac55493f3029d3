using System.CommandLine;
using Annotator.Model.Benchmarks;
using Annotator.Model.Native;

namespace Annotator.Model.Commands;

/// <summary>The verb <c>benchmark</c>: figures beside the limits of this machine, measured in the same run, as a table in Markdown.</summary>
public static class BenchmarkCommand
{
    private static readonly Option<int> Threads = new("--threads") { Description = "0 for all cores.", DefaultValueFactory = _ => 2 };

    private static readonly Option<int?> Prompt = new("--prompt") { Description = "Only the shape with so many tokens of prompt: 256 (and completions of 64) or 128 (and completions of 128)." };

    public static Command Create()
    {
        var decode = new Command("decode", "Sampling at the shape of GPT-2 124M with random weights, F32.") { Threads };
        decode.Run((arguments, console, cancellation) =>
        {
            Start(arguments);
            using var benchmark = new DecodeBenchmark();
            Print(console, benchmark.Run(), cancellation);
        });
        var load = new Command("load", "Opening a checkpoint of GPT-2 124M's shape.") { Threads };
        load.Run((arguments, console, cancellation) =>
        {
            Start(arguments);
            Print(console, LoadBenchmark.Run(), cancellation);
        });
        var dpo = new Command("dpo", "A DPO update at the shape of GPT-2 124M, F32, beside the reference algorithm's.") { Threads, Prompt };
        dpo.Run((arguments, console, cancellation) =>
        {
            Start(arguments);
            Print(console, DpoBenchmark.Run(arguments.GetValue(Prompt)), cancellation);
        });
        return new Command("benchmark", "Measures speed and memory beside the limits of this machine.") { decode, load, dpo };
    }

    private static void Start(ParseResult arguments)
    {
        LibTorch.Load(arguments.GetValue(Threads));
    }

    private static void Print(JobConsole console, IEnumerable<Figure> figures, CancellationToken cancellation)
    {
        if (!console.Json)
        {
            Console.Out.WriteLine(Figure.Heading);
        }

        foreach (var figure in figures)
        {
            console.Result(figure, figure.Row);
            cancellation.ThrowIfCancellationRequested();
        }
    }
}

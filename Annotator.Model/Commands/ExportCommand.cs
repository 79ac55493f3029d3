using System.CommandLine;
using Annotator.Model.Checkpoints;
using Annotator.Model.Native;
using TorchSharp;

namespace Annotator.Model.Commands;

/// <summary>The verb <c>export</c>: a copy of a policy with its weights in another type, for programs that want them small.</summary>
public static class ExportCommand
{
    private static readonly Option<DirectoryInfo> PolicyOption = new("--policy") { Description = "A Hugging Face directory.", Required = true };
    private static readonly Option<DirectoryInfo> Out = new("--out") { Description = "The directory to make.", Required = true };
    private static readonly Option<torch.ScalarType> Dtype = new("--dtype") { Description = "Of the weights: float32, float16 or bfloat16. Halves are half the size, and too coarse to train from.", Required = true };

    public static Command Create()
    {
        var command = new Command("export", "Copies a policy with its weights in another type.") { PolicyOption, Out, Dtype };
        Dtype.AcceptOnlyFromAmong("float32", "float16", "bfloat16");
        command.Run(Export);
        return command;
    }

    private static void Export(ParseResult arguments, JobConsole console, CancellationToken cancellation)
    {
        var directory = arguments.GetRequiredValue(Out).FullName;
        if (Directory.Exists(directory) && Directory.EnumerateFileSystemEntries(directory).Any())
        {
            throw new IOException($"The directory {directory} (--out) is not empty; name one that is, or that is yet to be made.");
        }

        LibTorch.Load();
        using var policy = PolicyDirectory.Open(arguments.GetRequiredValue(PolicyOption).FullName);
        cancellation.ThrowIfCancellationRequested();
        PolicyDirectory.Export(policy, directory, arguments.GetRequiredValue(Dtype));
        console.Log($"Saved to {directory}.");
    }
}

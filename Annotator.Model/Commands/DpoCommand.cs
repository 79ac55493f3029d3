using System.CommandLine;
using System.Globalization;
using Annotator.Model.Native;
using Annotator.Model.Preferences;
using Annotator.Model.Training;

namespace Annotator.Model.Commands;

/// <summary>The verb <c>dpo</c>: runs the round of a directory. It is what the admin's button starts.</summary>
public static class DpoCommand
{
    private static readonly Option<DirectoryInfo> Round = new("--round") { Description = "The round directory, with options.json and preferences.jsonl; metrics.jsonl, policy/ and result.json are written there.", Required = true };
    private static readonly Option<bool> Resume = new("--resume") { Description = "Go on from checkpoint/, where there is one; else start over." };
    private static readonly Option<bool> EndWithParent = new(ParentPipe.OptionName) { Description = ParentPipe.OptionDescription };

    public static Command Create()
    {
        var command = new Command("dpo", "Runs a round of Direct Preference Optimization. Ctrl+C leaves a checkpoint.") { Round, Resume, EndWithParent };
        command.Run(Train);
        return command;
    }

    private static void Train(ParseResult arguments, JobConsole console, CancellationToken cancellation)
    {
        var directory = new RoundDirectory(arguments.GetRequiredValue(Round).FullName);
        if (!Directory.Exists(directory.Root))
            throw new UsageException($"The round directory {directory.Root} does not exist.");

        var parentGone = arguments.GetValue(EndWithParent) ? ParentPipe.WatchStandardInput() : CancellationToken.None;
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellation, parentGone);
        LibTorch.Load();
        Action<double> progressed = _ => { };
        var round = new DpoRound(directory, Report, console.Log);
        try
        {
            console.WithProgress("Training", progress =>
            {
                progressed = progress;
                round.Run(arguments.GetValue(Resume), either.Token);
            });
        }
        catch (RoundOptionsException refused)
        {
            throw new UsageException(refused.Message);
        }
        finally
        {
            console.Result(round.Result, Describe(round.Result));
        }

        void Report(RoundMetrics line)
        {
            if (console.Json)
                console.Result(line, "");
            else
                console.Log(Describe(line));
            progressed((double)line.Step / line.MaxSteps);
        }
    }

    private static string Describe(RoundMetrics line) => string.Create(
        CultureInfo.InvariantCulture,
        $"step {line.Step} of {line.MaxSteps}  loss {line.Loss:F4}  accuracy {line.RewardsAccuracies:P0}  margin {line.RewardsMargins:F3}")
        + (line.GradNorm is { } norm ? string.Create(CultureInfo.InvariantCulture, $"  grad norm {norm:F2}") : "")
        + (line.EvalLoss is { } loss ? string.Create(CultureInfo.InvariantCulture, $"  eval loss {loss:F4}  eval accuracy {line.EvalRewardsAccuracies:P0}") : "");

    private static string Describe(RoundResult result) => string.Create(
        CultureInfo.InvariantCulture,
        $"{result.Status} after {result.Steps} of {result.MaxSteps} updates in {result.WallTimeSeconds:F1} s");
}

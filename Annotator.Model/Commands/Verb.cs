using System.CommandLine;
using Annotator.Model.Checkpoints;
using Annotator.Model.Preferences;

namespace Annotator.Model.Commands;

/// <summary>What all verbs share: <c>--json</c>, exit codes (0, 1 for a failed job, 2 for wrong arguments) and errors in one sentence.</summary>
public static class Verb
{
    public const int Success = 0, Failure = 1, WrongArguments = 2;

    /// <summary>Of every verb.</summary>
    public static Option<bool> Json { get; } = new("--json")
    {
        Description = "One JSON object per line on standard output, nothing else there.",
        Recursive = true,
    };

    /// <summary>Sets what a verb does. It runs on a thread of its own, so that Ctrl+C can cancel it.</summary>
    public static void Run(this Command command, Action<ParseResult, JobConsole, CancellationToken> job) =>
        command.RunAsync((arguments, console, cancellation) => Task.Factory.StartNew(
            () => job(arguments, console, cancellation),
            CancellationToken.None,
            TaskCreationOptions.LongRunning,
            TaskScheduler.Default));

    /// <summary>Sets what a verb does that waits more than it computes.</summary>
    public static void RunAsync(this Command command, Func<ParseResult, JobConsole, CancellationToken, Task> job) =>
        command.SetAction((arguments, cancellation) =>
            GuardedAsync(() => job(arguments, new JobConsole(arguments.GetValue(Json)), cancellation)));

    /// <summary>Parses, runs, and answers with the exit code.</summary>
    public static async Task<int> InvokeAsync(RootCommand root, string[] arguments)
    {
        var parsed = root.Parse(arguments);
        if (parsed.Errors.Count > 0)
        {
            foreach (var error in parsed.Errors)
            {
                await Console.Error.WriteLineAsync(error.Message);
            }

            await Console.Error.WriteLineAsync($"See: Annotator.Model {parsed.CommandResult.Command.Name} --help");
            return WrongArguments;
        }

        // A cancelled training still writes its checkpoint.
        return await parsed.InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = TimeSpan.FromMinutes(5), EnableDefaultExceptionHandler = false });
    }

    private static async Task<int> GuardedAsync(Func<Task> job)
    {
        try
        {
            await job();
            return Success;
        }
        catch (OperationCanceledException)
        {
            await Console.Error.WriteLineAsync("Cancelled.");
            return Failure;
        }
        catch (UsageException e)
        {
            await Console.Error.WriteLineAsync(e.Message);
            return WrongArguments;
        }
        catch (Exception e) when (e is PolicyException or JsonLineException or IOException or UnauthorizedAccessException or InvalidDataException or ArithmeticException or OutOfMemoryException or DllNotFoundException)
        {
            await Console.Error.WriteLineAsync(e.Message);
            return Failure;
        }
        catch (Exception e)
        {
            // Nobody foresaw it: the kind of the error is all the help there is. libtorch appends its own stack, which is cut.
            await Console.Error.WriteLineAsync($"Failed unexpectedly ({e.GetType().Name}): {e.Message.Split('\n')[0]}");
            return Failure;
        }
    }
}

/// <summary>The arguments fit no run, beyond what the parser can see; the message is one sentence.</summary>
public sealed class UsageException(string message) : Exception(message);

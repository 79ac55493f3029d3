using System.Diagnostics;
using Annotator.Model.Preferences;
using Spectre.Console;

namespace Annotator.Model.Commands;

/// <summary>
/// What a verb tells its user: results on standard output (JSON lines with <c>--json</c>), logs and progress on
/// standard error, as a bar on a terminal and as plain lines, now and then, in a pipe.
/// </summary>
public sealed class JobConsole(bool json)
{
    private static readonly TimeSpan BetweenPlainLines = TimeSpan.FromSeconds(10);

    private readonly IAnsiConsole _error = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Error) });

    /// <summary>Whether results are wanted as JSON.</summary>
    public bool Json => json;

    /// <summary>A line for people.</summary>
    public void Log(string line)
    {
        if (Console.IsErrorRedirected)
        {
            Console.Error.WriteLine(line);                                                        // not wrapped at a width that nobody sees
        }
        else
        {
            _error.WriteLine(line);
        }
    }

    /// <summary>A result: its JSON with <c>--json</c>, else the text.</summary>
    public void Result<T>(T value, string text) => Console.Out.WriteLine(json ? JsonLines.Format(value) : text);

    /// <summary>Runs a job that tells how far it is, from 0 to 1.</summary>
    public void WithProgress(string title, Action<Action<double>> job)
    {
        if (!Console.IsErrorRedirected)
        {
            _error.Progress()
                .Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(), new RemainingTimeColumn())
                .Start(progress =>
                {
                    var task = progress.AddTask(Markup.Escape(title), maxValue: 1);
                    job(fraction => task.Value = fraction);
                    task.Value = 1;
                });
            return;
        }

        var sinceLine = Stopwatch.StartNew();
        job(fraction =>
        {
            if (sinceLine.Elapsed >= BetweenPlainLines)
            {
                sinceLine.Restart();
                Log($"{title}: {fraction:P0}");
            }
        });
    }
}

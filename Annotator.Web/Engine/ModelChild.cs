using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Threading.Channels;

namespace Annotator.Web.Engine;

/// <summary>How a child ended.</summary>
/// <param name="Code">0 after success; above 128 the signal that ended it, plus 128.</param>
/// <param name="LastErrors">The last lines of its standard error, oldest first.</param>
public sealed record ChildExit(int Code, IReadOnlyList<string> LastErrors)
{
    /// <summary>The signal that ended it, e.g. 9; null if it ended by itself.</summary>
    public int? Signal => !OperatingSystem.IsWindows() && Code > 128 ? Code - 128 : null;

    /// <summary>"signal 9" or "exit code 1".</summary>
    public string Cause => Signal is { } signal ? $"signal {signal}" : $"exit code {Code}";

    /// <summary>"; it last said: …", or nothing if it said nothing of its end: who is killed from outside (signal 9) can't.</summary>
    public string LastWords => Signal != 9 && LastErrors.LastOrDefault(line => !string.IsNullOrWhiteSpace(line)) is { } line ? $"; it last said: {line.Trim()}" : "";
}

/// <summary>A running Annotator.Model. Disposing it kills it if it still runs.</summary>
public sealed class ModelChild : IAsyncDisposable
{
    private const int KeptErrors = 20;
    private static readonly TimeSpan DrainWithin = TimeSpan.FromSeconds(2);

    private readonly Process process;
    private readonly string name;
    private readonly Action<string> onError;
    private readonly ILogger logger;
    private readonly Queue<string> lastErrors = new();
    private readonly Channel<string> output = Channel.CreateUnbounded<string>();

    internal ModelChild(Process process, string name, Action<string> onError, ILogger logger)
    {
        (this.process, this.name, this.onError, this.logger) = (process, name, onError, logger);
        Id = process.Id;
        Exited = WatchAsync();
    }

    public int Id { get; }

    /// <summary>Completes once the process is gone and its output is read. Never fails.</summary>
    public Task<ChildExit> Exited { get; }

    /// <summary>The lines of its standard output; ends with it.</summary>
    public IAsyncEnumerable<string> OutputAsync(CancellationToken cancellation) => output.Reader.ReadAllAsync(cancellation);

    /// <summary>Asks it to stop (SIGTERM: a shell that starts the app in the background has its children ignore SIGINT). Where there are no signals, its standard input is closed instead.</summary>
    public void Interrupt()
    {
        if (process.HasExited)
        {
            return;
        }

        if (OperatingSystem.IsWindows())
        {
            process.StandardInput.Close();
        }
        else
        {
            _ = Signals.Send(Id, Signals.Terminate);
        }
    }

    /// <summary>Ends it at once.</summary>
    public void Kill()
    {
        try
        {
            process.Kill(entireProcessTree: true);
        }
        catch (InvalidOperationException)
        {
            // It was gone already, which is what was asked for.
        }
    }

    public async ValueTask DisposeAsync()
    {
        Kill();
        await Exited;
        process.Dispose();
    }

    private async Task<ChildExit> WatchAsync()
    {
        var reading = Task.WhenAll(
            ReadAsync(process.StandardOutput, line =>
            {
                logger.LogDebug("{Child} [{Pid}]: {Line}", name, Id, line);
                output.Writer.TryWrite(line);
            }),
            ReadAsync(process.StandardError, line =>
            {
                logger.LogInformation("{Child} [{Pid}]: {Line}", name, Id, line);
                onError(line);
                lock (lastErrors)
                {
                    lastErrors.Enqueue(line);
                    if (lastErrors.Count > KeptErrors)
                    {
                        lastErrors.Dequeue();
                    }
                }
            }));
        await process.WaitForExitAsync();
        // Something that the child started may hold its pipes open: don't wait for that for ever.
        await Task.WhenAny(reading, Task.Delay(DrainWithin));
        output.Writer.TryComplete();
        lock (lastErrors)
        {
            return new ChildExit(process.ExitCode, [.. lastErrors]);
        }
    }

    private static async Task ReadAsync(StreamReader reader, Action<string> onLine)
    {
        try
        {
            while (await reader.ReadLineAsync() is { } line)
            {
                onLine(line);
            }
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            // The pipe broke with the process: there is nothing more to read.
        }
    }

    private static class Signals
    {
        public const int Terminate = 15;

        public static int Send(int process, int signal) => Kill(process, signal);

        [DllImport("libc", EntryPoint = "kill", SetLastError = true)]
        [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
        private static extern int Kill(int process, int signal);
    }
}

using System.Collections.Concurrent;
using System.Diagnostics;

namespace Annotator.Tests.Fixtures;

/// <summary>
/// The app as a person starts it: its own process with its own children (the sampler with the embedded policy, the
/// trainer), on a free port and in a data folder that outlives a kill.
/// </summary>
public sealed class AppProcess : IAsyncDisposable
{
    private readonly ConcurrentQueue<string> lines = new();
    private readonly string[] args;
    private Process? process;

    private AppProcess(string[] args) => this.args = args;

    /// <summary>The data folder; removed at the end.</summary>
    public string Data { get; } = Path.Combine(Path.GetTempPath(), $"annotator-test-{Guid.NewGuid():N}");

    /// <summary><c>http://127.0.0.1:PORT/</c></summary>
    public Uri Url { get; private set; } = new("http://127.0.0.1/");

    /// <summary>The link that the console printed: the setup page's with its token while there is no admin, else the start page.</summary>
    public Uri PrintedLink { get; private set; } = new("http://127.0.0.1/");

    public LinuxProcess Process => new(process!.Id);

    /// <summary>The console's lines since the last start.</summary>
    public IReadOnlyCollection<string> Lines => lines;

    /// <summary>Starts it and waits for the printed link.</summary>
    public static async Task<AppProcess> StartAsync(params string[] args)
    {
        var app = new AppProcess(args);
        await app.StartAgainAsync();
        return app;
    }

    /// <summary>Starts it over the same data folder, after a kill.</summary>
    public async Task StartAgainAsync()
    {
        lines.Clear();
        var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = AppContext.BaseDirectory };
        foreach (var arg in (string[])[Path.Combine(AppContext.BaseDirectory, "Annotator.Web.dll"), "--urls", "http://127.0.0.1:0", "--data", Data, .. args])
        {
            start.ArgumentList.Add(arg);
        }

        process = System.Diagnostics.Process.Start(start)!;
        process.OutputDataReceived += (_, line) => Keep(line.Data);
        process.ErrorDataReceived += (_, line) => Keep(line.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();

        await Until.TrueAsync(() => lines.Any(HasLink) || process.HasExited, seconds: 180);
        var link = lines.FirstOrDefault(HasLink) ?? throw new InvalidOperationException($"The app ended: {string.Join('\n', lines)}");
        PrintedLink = new(link.Split(' ').Single(word => word.StartsWith("http://", StringComparison.Ordinal)));
        Url = new(PrintedLink, "/");
    }

    /// <summary>kill -9 of the app alone: nothing of it gets to say goodbye.</summary>
    public async Task KillAsync()
    {
        process!.Kill();
        await process.WaitForExitAsync();
        process.Dispose();
        process = null;
    }

    public async ValueTask DisposeAsync()
    {
        if (process is not null)
        {
            process.Kill(entireProcessTree: true);
            await process.WaitForExitAsync();
            process.Dispose();
        }

        // Shown when the test fails: what the page calls an error of ours is told in full here.
        TestContext.Current.TestOutputHelper?.WriteLine(string.Join('\n', lines));
        if (OperatingSystem.IsLinux())
        {
            // Its children, killed with it or ending by themselves: what still writes there would keep the folder from being removed.
            await Until.TrueAsync(() => LinuxProcess.Find(Data).All(child => !child.IsRunning));
        }

        if (Directory.Exists(Data))
        {
            Directory.Delete(Data, recursive: true);
        }
    }

    private static bool HasLink(string line) => line.Contains(" http://127.0.0.1:", StringComparison.Ordinal) && !line.Contains("info:", StringComparison.Ordinal);

    private void Keep(string? line)
    {
        if (line is not null)
        {
            lines.Enqueue(line);
        }
    }
}
